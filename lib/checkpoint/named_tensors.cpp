#include "checkpoint/named_tensors.hpp"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

constexpr size_t max_names = 8;  // a whole model's worth of names helps nobody

/// "a, b, ...".
std::string first_of(const std::vector<std::string>& names) {
    const std::vector<std::string> first(names.begin(),
                                         names.begin() + static_cast<ptrdiff_t>(std::min(names.size(), max_names)));
    return core::concat(core::join(first), names.size() > max_names ? ", ..." : "");
}

std::string name_some(const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return "";
    return core::concat("; ", names.size(), ' ', what, ": ", first_of(names));
}

std::string describe(const at::Tensor& tensor) { return core::concat(tensor.scalar_type(), tensor.sizes()); }

std::map<std::string, at::Tensor> by_name(const NamedTensors& tensors) {
    std::map<std::string, at::Tensor> result;
    for (const auto& [name, value] : tensors) result.emplace(name, value);
    return result;
}

std::vector<std::string> names_of(const std::map<std::string, at::Tensor>& tensors) {
    std::vector<std::string> names;
    for (const auto& [name, value] : tensors) names.push_back(name);
    return names;
}

/// Names of `given` that no target has.
std::vector<std::string> not_among(const NamedTensors& targets, const std::map<std::string, at::Tensor>& given) {
    auto left = given;
    for (const auto& target : targets) left.erase(target.name);
    return names_of(left);
}

}  // namespace

void copy_into(const NamedTensors& targets, const NamedTensors& source, const std::string& what, bool any_dtype) {
    const auto given = by_name(source);
    std::vector<std::string> missing;
    std::vector<std::string> different;
    for (const auto& [name, target] : targets) {
        const auto found = given.find(name);
        if (found == given.end()) {
            missing.push_back(name);
            continue;
        }
        const at::Tensor& value = found->second;
        if (value.sizes() != target.sizes() || (!any_dtype && value.scalar_type() != target.scalar_type())) {
            different.push_back(core::concat(name, ' ', describe(value), " where ", describe(target), " is needed"));
        }
    }
    const auto unknown = not_among(targets, given);
    if (!missing.empty() || !different.empty() || !unknown.empty()) {
        throw core::DataError(core::concat(what, " does not fit this configuration", name_some("missing", missing),
                                           name_some("not known here", unknown), name_some("different", different),
                                           ".  Is it of another model?"));
    }

    const c10::NoGradGuard no_grad;
    for (const auto& [name, target] : targets) target.copy_(given.at(name));
}

std::string PartialCopy::report() const {
    std::string text = core::concat(copied, " of ", targets, " tensors (", copied_values, " of ", target_values,
                                    " values) are loaded");
    if (copied < targets) text += core::concat("; ", targets - copied, " of the model keep their initial values");
    text += name_some("that are not in the file", missing);
    text += name_some("of another shape or kind", different);
    text += name_some("of the file that nothing here takes", unknown);
    return text;
}

PartialCopy copy_matching(const NamedTensors& targets, const NamedTensors& source, const std::string& what) {
    const auto given = by_name(source);
    PartialCopy result;
    NamedTensors matching;
    for (const auto& target : targets) {
        ++result.targets;
        result.target_values += target.value.numel();
        const auto found = given.find(target.name);
        if (found == given.end()) {
            result.missing.push_back(target.name);
        } else if (found->second.sizes() != target.value.sizes() ||
                   found->second.is_floating_point() != target.value.is_floating_point()) {
            result.different.push_back(core::concat(target.name, ' ', describe(found->second), " where ",
                                                    describe(target.value), " is needed"));
        } else {
            matching.push_back(target);
        }
    }
    result.unknown = not_among(targets, given);
    if (matching.empty())
        throw core::ConfigError(
            core::concat(what, " has no tensor whose name and shape are one of the model's: it has ",
                         given.empty() ? "no tensors" : first_of(names_of(given)), "; the model has ",
                         first_of(names_of(by_name(targets))), name_some("of another shape or kind", result.different),
                         ".  Is it of another model?"));
    const c10::NoGradGuard no_grad;
    for (const auto& [name, target] : matching) {
        target.copy_(given.at(name));
        ++result.copied;
        result.copied_values += target.numel();
    }
    return result;
}

}  // namespace vox::checkpoint
