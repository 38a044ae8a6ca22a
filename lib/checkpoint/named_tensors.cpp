#include "checkpoint/named_tensors.hpp"

#include <c10/core/GradMode.h>

#include <map>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

constexpr size_t max_names = 8;  // a whole model's worth of names helps nobody

std::string name_some(const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return "";
    const std::vector<std::string> first(names.begin(),
                                         names.begin() + static_cast<ptrdiff_t>(std::min(names.size(), max_names)));
    return core::concat("; ", names.size(), ' ', what, ": ", core::join(first),
                        names.size() > max_names ? ", ..." : "");
}

std::string describe(const at::Tensor& tensor) { return core::concat(tensor.scalar_type(), tensor.sizes()); }

}  // namespace

void copy_into(const NamedTensors& targets, const NamedTensors& source, const std::string& what, bool any_dtype) {
    std::map<std::string, at::Tensor> given;
    for (const auto& [name, value] : source) given.emplace(name, value);

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
    std::map<std::string, bool> wanted;
    for (const auto& target : targets) wanted.emplace(target.name, true);
    std::vector<std::string> unknown;
    for (const auto& [name, value] : given) {
        if (!wanted.contains(name)) unknown.push_back(name);
    }
    if (!missing.empty() || !different.empty() || !unknown.empty()) {
        throw core::DataError(core::concat(what, " does not fit this configuration", name_some("missing", missing),
                                           name_some("not known here", unknown), name_some("different", different),
                                           ".  Is it of another model?"));
    }

    const c10::NoGradGuard no_grad;
    for (const auto& [name, target] : targets) target.copy_(given.at(name));
}

}  // namespace vox::checkpoint
