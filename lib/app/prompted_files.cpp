#include "app/prompted_files.hpp"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_solve.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_grid.hpp"
#include "report/figures_table.hpp"
#include "report/files.hpp"
#include "report/png.hpp"

namespace vox::app {
namespace {

using core::concat;
using Rows = std::map<std::string, std::string>;  // lines of answers.csv, by case

/// The place of a point in RAS mm in parts of the case's volume, D,H,W.
core::Double3 place_of(const data::CaseInfo& info, const double* mm) {
    std::array<double, 9> axes{};
    std::array<double, 3> offset{};
    for (size_t row = 0; row < 3; ++row) {
        for (size_t column = 0; column < 3; ++column) axes[3 * row + column] = info.affine[row][column];
        offset[row] = mm[row] - info.affine[row][3];
    }
    const auto host = at::TensorOptions(at::kDouble);
    const at::Tensor ijk =
        at::linalg_solve(at::from_blob(axes.data(), {3, 3}, host), at::from_blob(offset.data(), {3}, host))
            .contiguous();
    core::Double3 place{};
    for (size_t axis = 0; axis < 3; ++axis) {  // the middle of voxel 0 lies half a voxel from the volume's border
        place[axis] = (ijk.const_data_ptr<double>()[2 - axis] + 0.5) / static_cast<double>(info.size()[axis]);
        if (place[axis] < 0 || place[axis] > 1)
            throw core::DataError(concat("the point ", mm[0], ' ', mm[1], ' ', mm[2], " mm lies outside of the image"));
    }
    return place;
}

tasks::Question question_of(const data::CaseInfo& info, const GivenPrompt& prompt,
                            const tasks::PromptedPredictor& predictor) {
    tasks::Question question;
    if (!prompt.words.empty()) {
        question.words = predictor.tokens(prompt.words);
    } else if (!prompt.point_mm.empty()) {
        question.points = {{place_of(info, prompt.point_mm.data()), nn::PointKind::inside}};
    } else {
        auto low = place_of(info, prompt.box_mm.data()), high = place_of(info, prompt.box_mm.data() + 3);
        for (size_t axis = 0; axis < 3; ++axis)
            if (low[axis] > high[axis]) std::swap(low[axis], high[axis]);
        if (predictor.facts().space == data::PositionSpace::image) {  // as deep as the picture
            low[0] = 0;
            high[0] = 1;
        }
        question.points = {{low, nn::PointKind::box_low}, {high, nn::PointKind::box_high}};
    }
    return question;
}

/// mask [D,H,W] bool: of a volume a label map on its files' grid, of a picture one where 255 is inside.
std::string write_mask(const std::filesystem::path& stem, const data::CaseInfo& info, const at::Tensor& mask,
                       data::PositionSpace space) {
    const bool is_picture = space == data::PositionSpace::image;
    const at::Tensor labels = mask.to(at::kByte).mul_(is_picture ? 255 : 1).contiguous();
    const std::span<const uint8_t> values(labels.const_data_ptr<uint8_t>(), static_cast<size_t>(labels.numel()));
    const std::filesystem::path file = concat(stem.string(), is_picture ? ".png" : ".nii.gz");
    if (is_picture) {
        report::write_png(file,
                          {labels.size(1), labels.size(2), 1, std::vector<uint8_t>(values.begin(), values.end()), {}});
    } else {
        data::write_nifti(file, data::restore_label_map(info, values));
    }
    return file.filename().string();
}

/// The masks of a case, and its lines of answers.csv.
std::string answer_case(const data::Sample& stored, const ResultFolders& folders, tasks::PromptedPredictor& predictor,
                        const std::vector<GivenPrompt>& prompts) {
    const auto& info = *stored.info;
    std::vector<tasks::Question> questions;  // all of them before the first is answered
    for (const auto& prompt : prompts) questions.push_back(question_of(info, prompt, predictor));
    const auto seen = predictor.prepared(stored);
    std::string lines;
    for (size_t i = 0; i < questions.size(); ++i) {
        const auto answer = predictor.ask(seen, questions[i], true);
        const std::string stem = concat(info.id, prompts.size() > 1 ? concat('_', i + 1) : "");
        const std::string name = write_mask(folders.output / stem, info, answer.mask, predictor.facts().space);
        const std::array<std::string, 5> cells{info.id, prompts[i].text(), name,
                                               predictor.position_text(answer.position), answer.words};
        for (size_t c = 0; c < cells.size(); ++c) lines += concat(c > 0 ? "," : "", report::csv_cell(cells[c]));
        lines += '\n';
    }
    return lines;
}

}  // namespace

size_t answer_prompts(comm::World& world, const ResultFolders& folders, tasks::PromptedPredictor& predictor,
                      const PromptList& prompts) {
    const InputCases cases(world, folders,
                           {.channels = predictor.facts().channels,
                            .may_lack = 0,
                            .grid = {},
                            .intensities = data::Normalisation::none});  // the predictor resizes before it normalises
    world.together("looking at prompts", [&] {
        prompts.check_cases(cases.ids());
        for (const auto& prompt : prompts.all())
            if (!prompt.words.empty()) predictor.tokens(prompt.words);  // throws for what cannot be asked
    });
    Rows own;
    cases.each(world, {"answering", "answered", "answer"}, [&](const data::Sample& stored) {
        own[stored.info->id] = answer_case(stored, folders, predictor, prompts.of_case(stored.info->id));
    });
    const auto all = world.gather(nlohmann::json(own).dump());
    world.on_root("writing answers", [&] {
        Rows rows;
        for (const auto& text : all) rows.merge(nlohmann::json::parse(text).get<Rows>());
        std::string table = "case,prompt,mask,position,answer\n";
        for (const auto& [id, lines] : rows) table += lines;
        report::replace_file(folders.output / "answers.csv", table);
    });
    return cases.size();
}

}  // namespace vox::app
