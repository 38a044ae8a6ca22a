#include "data/build_prompts.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/prompt_components.hpp"
#include "data/prompt_templates.hpp"
#include "data/shard_format.hpp"
#include "ops/connected_components.hpp"

namespace vox::data {
namespace {

using core::concat;

/// The voxels that a part must have at least.
double smallest_part(const CaseInfo& info, double min_mm3) {
    const double voxel_mm3 = info.spacing_mm[0] * info.spacing_mm[1] * info.spacing_mm[2];
    return min_mm3 < 0 ? static_cast<double>(kSmallestVoxels) : min_mm3 / voxel_mm3;
}

/// The connected parts of the named values: a map of their numbers, and of number n + 1 the value.
struct Parts {
    std::vector<int32_t> numbers;  // [D,H,W], 0: none
    std::vector<uint8_t> values;
    int64_t small = 0;  // left out
};

Parts parts_of(const std::vector<uint8_t>& label, const CaseInfo& info, const PromptChoice& choice) {
    std::vector<uint8_t> named = label;
    for (uint8_t& value : named) value = choice.structures.contains(value) ? value : uint8_t{0};
    const auto size = info.size();
    const auto found = ops::connected_components(at::from_blob(named.data(), {size[0], size[1], size[2]}, at::kByte),
                                                 ops::Connectivity::corners);
    std::vector<size_t> order(found.value.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, {}, [&](size_t i) { return found.value[i]; });
    const double smallest = smallest_part(info, choice.min_component_mm3);
    Parts parts;
    std::vector<int32_t> number_of(found.value.size() + 1);
    for (const size_t i : order) {
        if (static_cast<double>(found.voxels[i]) < smallest) {
            ++parts.small;
            continue;
        }
        parts.values.push_back(found.value[i]);
        number_of[i + 1] = static_cast<int32_t>(parts.values.size());
    }
    const at::Tensor number = found.number.contiguous();
    const std::span<const int32_t> raw(number.const_data_ptr<int32_t>(), label.size());
    for (const int32_t one : raw) parts.numbers.push_back(number_of[static_cast<size_t>(one)]);
    return parts;
}

/// Of each number the voxel value in the source's file.
std::map<int, double> stored_numbers(const std::map<int, double>& stored, const Parts& parts,
                                     const SourceVolume& source) {
    // A label without background: what becomes background here was another value, and 0 is what the file would have had.
    const auto background = stored.find(0);
    std::map<int, double> numbers{
        {0, background == stored.end() ? -source.scl_inter / source.scl_slope : background->second}};
    for (size_t n = 0; n < parts.values.size(); ++n) numbers[static_cast<int>(n) + 1] = stored.at(parts.values[n]);
    return numbers;
}

CasePrompts prompts_for(const CaseInfo& info, const Parts& parts, const PromptChoice& choice) {
    std::vector<std::string> names;
    for (const uint8_t value : parts.values) names.push_back(choice.structures.at(value));
    CasePrompts prompts{PositionSpace::patient, choice.modality, {}, {}};
    const auto components = prompt_components(parts.numbers, info.size(), names);
    prompts.targets = targets_of(components, info.size(), info.spacing_mm, prompts.space);
    for (auto& prompt : prompts_of(components, info.size(), info.spacing_mm, prompts.space, choice.modality))
        prompts.questions.push_back({prompt.component, std::move(prompt.question), std::move(prompt.answer)});
    return prompts;
}

}  // namespace

PromptCounts counts_of(const CasePrompts& prompts, int64_t small) {
    PromptCounts counts{.targets = std::ssize(prompts.targets), .questions = std::ssize(prompts.questions)};
    (prompts.empty() ? counts.cases_without : counts.cases) = 1;
    counts.small = small;
    for (size_t n = 0; n < prompts.targets.size(); ++n)
        counts.silent += std::ranges::find(prompts.questions, n, &PromptQuestion::target) == prompts.questions.end();
    return counts;
}

void PromptCounts::add(const PromptCounts& other) {
    cases += other.cases;
    cases_without += other.cases_without;
    targets += other.targets;
    questions += other.questions;
    silent += other.silent;
    small += other.small;
}

PromptCounts add_prompts(CaseData& data, const PromptChoice& choice) {
    if (!data.info.has_label) return counts_of({}, 0);
    const Parts parts = parts_of(data.label, data.info, choice);
    if (parts.values.size() > format::kMaxTargets) {
        throw core::DataError(concat("its label has ", parts.values.size(), " connected parts of ",
                                     smallest_part(data.info, choice.min_component_mm3),
                                     " or more voxels, the limit is ", format::kMaxTargets,
                                     ": raise --min-component-mm3, or name fewer structures"));
    }
    data.stored_labels = stored_numbers(data.stored_labels, parts, data.info.label_source);
    std::ranges::transform(parts.numbers, data.label.begin(), [](int32_t n) { return static_cast<uint8_t>(n); });
    count_labels(data);
    data.info.prompts = prompts_for(data.info, parts, choice);
    if (data.info.prompts.empty()) data.info.prompts = {};
    return counts_of(data.info.prompts, parts.small);
}

std::string describe(const PromptChoice& choice) {
    std::string text = choice.modality.empty() ? "no modality" : choice.modality;
    text += choice.min_component_mm3 < 0 ? concat(", parts of ", kSmallestVoxels, " voxels")
                                         : concat(", parts of ", choice.min_component_mm3, " mm^3");
    for (const auto& [value, name] : choice.structures) text += concat(", ", value, '=', name);
    return text;
}

std::map<int, std::string> structures_of_scheme(const std::string& scheme) {
    const std::string core = "necrotic core", oedema = "oedema", enhancing = "enhancing tumour",
                      solid = "non-enhancing tumour";
    if (scheme == "brats2020") return {{1, core}, {2, oedema}, {4, enhancing}};
    if (scheme == "brats2023") return {{1, core}, {2, oedema}, {3, enhancing}};
    if (scheme == "msd_brats") return {{1, oedema}, {2, solid}, {3, enhancing}};
    if (scheme == "brats2013") return {{1, core}, {2, oedema}, {3, solid}, {4, enhancing}};
    return {};
}

}  // namespace vox::data
