#include "checkpoint/changes.hpp"

#include <algorithm>

#include "config/values.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

bool decides_about_numbers(const std::string& key) {
    const auto within = [&](const char* section) { return key.starts_with(section); };
    return std::ranges::none_of(std::vector{"run.", "checkpoint.", "comm."}, within);
}

}  // namespace

std::vector<std::string> changes(const Manifest& saved, const Manifest& now) {
    std::vector<std::string> result;
    const auto compare = [&](const std::string& what, const std::string& then, const std::string& here) {
        if (then != here) result.push_back(core::concat(what, ' ', here, ", was ", then));
    };
    const auto before = config::values_of(saved.config_yaml, "the checkpoint's configuration");
    for (const auto& [key, value] : config::values_of(now.config_yaml, "this configuration")) {
        const auto found = before.find(key);  // a program of another version may know other keys
        if (found != before.end() && decides_about_numbers(key)) compare(key, found->second, value);
    }
    compare("data set", saved.dataset_digest, now.dataset_digest);
    return result;
}

void check_same_folds(const Manifest& saved, const Manifest& now) {
    const auto before = config::values_of(saved.config_yaml, "the checkpoint's configuration");
    const auto here = config::values_of(now.config_yaml, "this configuration");
    const auto of = [](const auto& values, const std::string& key) {
        const auto found = values.find(key);
        return found == values.end() ? std::string() : found->second;
    };
    std::vector<std::string> keys{"data.fold_column", "data.fold", "data.folds"};
    const auto cut = of(before, "data.folds");
    if (!cut.empty() && cut != "0") keys.emplace_back("seed");  // of the hash
    for (const auto& key : keys) {
        if (!before.contains(key)) continue;  // saved by a program without folds
        if (of(before, key) == of(here, key)) continue;
        throw core::ConfigError(
            core::concat(key, " is ", of(here, key), ", was ", of(before, key),
                         ": cases that this run learnt of would validate it.  Give another --run for another fold"));
    }
}

}  // namespace vox::checkpoint
