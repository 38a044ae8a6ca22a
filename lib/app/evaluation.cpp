#include "app/evaluation.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "app/segment_files.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"
#include "data/loader.hpp"
#include "data/nifti.hpp"
#include "infer/compose_labels.hpp"
#include "tasks/make_predictor.hpp"
#include "train/validation.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// The file's name without .nii or .nii.gz; empty where it is neither.
std::string nifti_stem(const fs::path& file) {
    const std::string name = file.filename().string();
    for (const std::string_view ending : {".nii.gz", ".nii"}) {
        if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
    }
    return "";
}

/// Which case a label file is of: <id>, <id>_seg, <id>-seg; or a folder a case with label, seg or mask in it.
std::string case_of(const fs::path& file) {
    std::string stem = nifti_stem(file);
    if (stem == "label" || stem == "seg" || stem == "mask") return file.parent_path().filename().string();
    for (const std::string_view ending : {"_seg", "-seg"}) {
        if (stem.ends_with(ending)) return stem.substr(0, stem.size() - ending.size());
    }
    return stem;
}

/// Where a folder holds images beside labels, their names stand for no case that anybody asks for.
std::multimap<std::string, fs::path> reference_files(const fs::path& folder) {
    if (!fs::is_directory(folder))
        throw DataError(concat("the references folder ", folder.string(), " does not exist"));
    std::multimap<std::string, fs::path> files;
    const auto links = fs::directory_options::follow_directory_symlink;
    for (const auto& entry : fs::recursive_directory_iterator(folder, links))
        if (const std::string id = case_of(entry.path()); !id.empty()) files.emplace(id, entry.path());
    return files;
}

/// The one reference of each prediction, by case.
std::map<std::string, fs::path> references_for(const std::map<std::string, fs::path>& predictions,
                                               const fs::path& folder) {
    const auto all = reference_files(folder);
    std::map<std::string, fs::path> chosen;
    std::vector<std::string> missing;
    for (const auto& [id, file] : predictions) {
        const auto [first, last] = all.equal_range(id);
        if (first == last) {
            missing.push_back(id);
            continue;
        }
        if (const auto second = std::next(first); second != last)
            throw DataError(
                concat("two references for case ", id, ": ", first->second.string(), " and ", second->second.string()));
        chosen[id] = first->second;
    }
    if (!missing.empty())
        throw DataError(concat("no reference below ", folder.string(), " for case ", core::join(missing),
                               " (<id>.nii.gz, <id>_seg.nii.gz, <id>-seg.nii.gz or <id>/seg.nii.gz)"));
    return chosen;
}

std::map<std::string, fs::path> prediction_files(const fs::path& folder) {
    if (!fs::is_directory(folder))
        throw DataError(concat("the predictions folder ", folder.string(), " does not exist"));
    std::map<std::string, fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const auto stem = nifti_stem(entry.path());
        if (stem.empty()) continue;
        if (!files.emplace(stem, entry.path()).second)
            throw DataError(concat("two predictions for case ", stem, " in ", folder.string()));
    }
    if (files.empty()) throw DataError(concat(folder.string(), " holds no .nii or .nii.gz file"));
    return files;
}

/// "generic" means one region for each value that any reference holds.
data::LabelScheme scheme_of(const std::string& name, const std::map<std::string, fs::path>& references) {
    if (name != "generic") return data::label_scheme(name);
    std::set<int> values;
    for (const auto& [id, file] : references)
        for (const uint8_t value : data::label_values(data::read_nifti(file))) values.insert(value);
    return data::generic_scheme(values);
}

void check_same_grid(const data::NiftiImage& a, const data::NiftiImage& b, const std::string& id) {
    if (a.size != b.size)
        throw DataError(concat("case ", id, ": the prediction has ", core::join(a.size, "x"), " voxels, the reference ",
                               core::join(b.size, "x")));
    const auto left = a.affine(), right = b.affine();
    for (size_t row = 0; row < 3; ++row)
        for (size_t column = 0; column < 4; ++column)
            if (std::abs(left[row][column] - right[row][column]) > 1e-3)
                throw DataError(
                    concat("case ", id, ": prediction and reference do not lie on the same grid (affines differ)"));
}

/// [D,H,W] of the file's own axes; checked against the scheme.
std::vector<uint8_t> labels_of(const data::NiftiImage& image, const data::LabelScheme& scheme,
                               const std::string& what) {
    std::vector<uint8_t> values;
    try {
        values = data::label_values(image);
    } catch (const DataError& error) {
        throw DataError(concat(what, ": ", error.what()));
    }
    const std::set<uint8_t> found(values.begin(), values.end());
    for (const uint8_t value : found)
        if (value != 0 && !scheme.values.contains(value))
            throw DataError(concat(what, " holds the label ", int{value}, ", which ", scheme.name, " does not know (",
                                   core::join(scheme.values), ")"));
    return values;
}

std::vector<double> with_mean(std::vector<double> figures) {
    double sum = 0, count = 0;
    for (const double figure : figures) {
        if (std::isnan(figure)) continue;
        sum += figure;
        ++count;
    }
    figures.push_back(count > 0 ? sum / count : std::nan(""));
    return figures;
}

report::FiguresTable empty_table(const data::LabelScheme& scheme, metrics::EmptyRule rule) {
    report::FiguresTable table;
    for (const auto& region : scheme.regions) table.columns.push_back(region.name);
    table.columns.emplace_back("mean");
    table.note = concat("Dice; ", metrics::describe(rule), "; label scheme ", scheme.name);
    return table;
}

/// Both from [D,H,W] label maps, each read by its own scheme.
std::vector<double> dice_of(const at::Tensor& predicted, const data::LabelScheme& predicted_scheme,
                            const at::Tensor& truth, const data::LabelScheme& truth_scheme, metrics::EmptyRule rule) {
    return with_mean(metrics::dice_per_channel(infer::region_masks(predicted, predicted_scheme),
                                               infer::region_masks(truth, truth_scheme), rule));
}

/// A model may be judged on data with other label values, as long as they name the same regions.
void check_regions(const data::LabelScheme& model, const data::LabelScheme& shards) {
    const auto names = [](const data::LabelScheme& scheme) {
        std::vector<std::string> all;
        for (const auto& region : scheme.regions) all.push_back(region.name);
        return all;
    };
    if (names(model) != names(shards))
        throw DataError(concat("the model segments ", core::join(names(model)), ", the shards' labels know ",
                               core::join(names(shards))));
}

}  // namespace

report::FiguresTable evaluate_files(const fs::path& predictions, const fs::path& references,
                                    const std::string& scheme_name, metrics::EmptyRule rule) {
    const auto files = prediction_files(predictions);
    const auto truths = references_for(files, references);
    const auto scheme = scheme_of(scheme_name, truths);
    auto table = empty_table(scheme, rule);
    for (const auto& [id, file] : files) {
        const auto& truth_file = truths.at(id);
        const auto predicted_image = data::read_nifti(file), truth_image = data::read_nifti(truth_file);
        check_same_grid(predicted_image, truth_image, id);
        auto predicted = labels_of(predicted_image, scheme, file.string());
        auto truth = labels_of(truth_image, scheme, truth_file.string());
        const auto& size = truth_image.size;
        const auto tensor = [&](std::vector<uint8_t>& values) {
            return at::from_blob(values.data(), {size[2], size[1], size[0]}, at::kByte);
        };
        table.rows.push_back({id, dice_of(tensor(predicted), scheme, tensor(truth), scheme, rule)});
    }
    return table;
}

report::FiguresTable evaluate_run(comm::World& world, const fs::path& run, bool best, const fs::path& shards,
                                  const std::string& split, at::Device device) {
    tasks::TrainedSegmentation trained;
    std::unique_ptr<data::ShardReader> reader;
    world.together("opening run and shards", [&] {
        trained = tasks::make_predictor(run, best, device);
        reader = std::make_unique<data::ShardReader>(shards);
        if (reader->split(split).empty())
            throw DataError(concat("the split '", split, "' of ", shards.string(), " is empty"));
        check_channels(*reader, shards, trained.predictor->facts());
        check_regions(trained.predictor->facts().scheme, reader->scheme());
    });
    const auto& scheme = reader->scheme();
    const auto& model_scheme = trained.predictor->facts().scheme;
    const auto rule = metrics::empty_rule(trained.config.empty_rule);
    std::vector<train::ValidationCase> cases;
    for (const size_t index : reader->split(split)) {
        const auto& info = reader->cases()[index];
        const auto size = info.size();
        if (info.has_label) cases.push_back({info.id, index, static_cast<double>(size[0] * size[1] * size[2])});
    }
    if (cases.empty()) throw DataError(concat("no case of the split '", split, "' has a label to compare with"));
    const auto owner = train::shard_by_work(cases, world.size());
    auto table = empty_table(scheme, rule);
    std::vector<double> figures(cases.size() * table.columns.size(), 0.0);  // each rank fills its own, the others add 0
    world.together("predicting", [&] {
        for (size_t i = 0; i < cases.size(); ++i) {
            if (owner[i] != world.rank()) continue;
            const auto sample =
                data::load_case(*reader, cases[i].index, data::normalisation(trained.config.data.normalisation));
            const auto prediction = trained.predictor->predict(sample);
            std::ranges::copy(dice_of(prediction.label_map, model_scheme, sample.label, scheme, rule),
                              figures.begin() + static_cast<long>(i * table.columns.size()));
        }
    });
    figures = world.sum(figures);
    for (size_t i = 0; i < cases.size(); ++i) {
        const auto first = figures.begin() + static_cast<long>(i * table.columns.size());
        table.rows.push_back(
            {cases[i].id, std::vector<double>(first, first + static_cast<long>(table.columns.size()))});
    }
    return table;
}

}  // namespace vox::app
