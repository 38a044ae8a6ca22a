#include "tasks/prompted_figures.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/loader.hpp"
#include "metrics/dice.hpp"
#include "report/slices.hpp"

namespace vox::tasks {
namespace {

constexpr const char* kWorst = "dice_worst";

/// |P and T| / |P or T|, from the Dice coefficient, which is 2 |P and T| / (|P| + |T|).
double iou_of(double dice) { return dice / (2 - dice); }

double dice_with(const at::Tensor& mask, const at::Tensor& label, int64_t value) {
    return metrics::dice(mask, label.eq(value), metrics::EmptyRule::both_empty_is_one);
}

JudgedQuestion judged(const PromptAnswer& answer, const Question& question, const data::Sample& sample,
                      const PromptedFacts& facts) {
    const auto& targets = sample.info->prompts.targets;
    const int64_t value = targets.at(question.target).value;
    JudgedQuestion result{.form = question.form, .dice = dice_with(answer.mask, sample.label, value)};
    result.iou = iou_of(result.dice);
    result.dice_other = std::nan("");
    for (const auto& other : targets) {
        if (other.value == value) continue;
        const double met = dice_with(answer.mask, sample.label, other.value);
        if (!(met <= result.dice_other)) result.dice_other = met;  // also where it is NaN
    }
    if (question.states_position) return result;
    if (question.position >= 0) result.position_right = answer.position == question.position;
    if (!question.answer.empty()) result.answer_right = answer.words == facts.vocabulary.decode(question.answer);
    return result;
}

report::Image draw(const data::Sample& sample, const at::Tensor& mask, int64_t value, const PromptedFacts& facts) {
    const at::Tensor image = sample.image.to(at::kFloat).contiguous();
    const at::Tensor truth = sample.label.eq(value).to(at::kByte).contiguous();
    const at::Tensor predicted = mask.to(at::kByte).contiguous();
    const auto voxels = static_cast<size_t>(truth.numel());
    const std::span<const float> grey(image.const_data_ptr<float>(), voxels);
    const auto labels = [&](const at::Tensor& map) {
        return std::span<const uint8_t>(map.const_data_ptr<uint8_t>(), voxels);
    };
    report::Preview preview{.size = sample.info->size(),
                            .spacing_mm = sample.info->spacing_mm,
                            .panels = {{facts.channels.front(), grey, {}},
                                       {"truth", grey, labels(truth)},
                                       {"prediction", grey, labels(predicted)}},
                            .label_names = {"what was asked for"},
                            .centre = {}};
    preview.centre = report::most_labelled_slices(labels(truth), preview.size);
    return facts.space == data::PositionSpace::image ? report::draw_axial(preview) : report::draw_preview(preview);
}

/// Names in the order in which they come first.
std::vector<std::string> names_of(std::span<const train::CaseFigures> cases) {
    std::vector<std::string> names;
    for (const auto& one : cases)
        for (const auto& [name, value] : one.figures)
            if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    return names;
}

/// The mean of what has that name and is no NaN; NaN where there is none.
double mean_of(std::span<const train::CaseFigures> cases, const std::string& wanted) {
    double sum = 0;
    int64_t count = 0;
    for (const auto& one : cases) {
        for (const auto& [name, value] : one.figures) {
            if (name != wanted || std::isnan(value)) continue;
            sum += value;
            ++count;
        }
    }
    return count > 0 ? sum / static_cast<double>(count) : std::nan("");
}

}  // namespace

JudgedPrompts judge_prompts(const data::ShardReader& reader, size_t index, PromptedPredictor& predictor,
                            const Questioner& questioner, uint64_t seed, bool preview) {
    const auto stored = data::load_case(reader, index, data::Normalisation::none, {});
    const auto seen = predictor.prepared(stored);
    JudgedPrompts result;
    for (const auto& question : questioner.of_case(*stored.info, seed)) {
        const bool in_words = !question.states_position && !question.answer.empty();
        const auto answer = predictor.ask(seen, question, in_words);
        result.questions.push_back(judged(answer, question, stored, predictor.facts()));
        if (!preview || result.preview) continue;
        const auto& target = stored.info->prompts.targets.at(question.target);
        result.preview = draw(stored, answer.mask, target.value, predictor.facts());
    }
    return result;
}

metrics::Figures prompted_figures(std::span<const JudgedQuestion> questions) {
    metrics::Figures figures;
    double worst = std::nan("");
    const auto add = [&](const char* name, const std::optional<bool>& right) {
        if (right) figures.emplace_back(name, *right ? 1.0 : 0.0);
    };
    for (const auto& one : questions) {
        figures.emplace_back("dice", one.dice);
        figures.emplace_back("iou", one.iou);
        figures.emplace_back("dice_other", one.dice_other);
        figures.emplace_back(core::concat("dice/", name_of(one.form)), one.dice);
        figures.emplace_back(core::concat("dice_other/", name_of(one.form)), one.dice_other);
        add("position_accuracy", one.position_right);
        add("answer_match", one.answer_right);
        if (!(one.dice >= worst)) worst = one.dice;
    }
    figures.emplace_back(kWorst, worst);
    return figures;
}

metrics::Figures summarise_prompted(std::span<const train::CaseFigures> cases) {
    metrics::Figures summary;
    for (const auto& name : names_of(cases)) {
        const double mean = mean_of(cases, name);
        if (!std::isnan(mean)) summary.emplace_back(name, mean);
    }
    return summary;
}

report::FiguresTable prompted_table(std::span<const train::CaseFigures> cases) {
    report::FiguresTable table;
    table.columns = names_of(cases);
    table.note =
        "Dice and intersection over union of the mask and of what each question means, on the cases' own grid; "
        "dice_other: with what else may be asked for in the case, the lower, the more the question matters; "
        "dice_worst: of "
        "the worst question of a case; position_accuracy and answer_match (all words right): of questions that do not "
        "state "
        "the position; the figures of all cases are means over questions";
    for (const auto& one : cases) {
        report::TableRow row{one.case_id, {}};
        for (const auto& name : table.columns) row.values.push_back(mean_of({&one, 1}, name));
        table.rows.push_back(std::move(row));
    }
    table.all_cases = summarise_prompted(cases);
    return table;
}

}  // namespace vox::tasks
