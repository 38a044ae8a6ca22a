#pragma once
// What the tests of networks put through them, and how they see them refuse.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "ops/random_key.hpp"

namespace vox::nn {

/// The keys of `count` items that follow each other.
inline std::vector<ops::RandomKey> item_keys(uint32_t count) {
    std::vector<ops::RandomKey> keys;
    for (uint32_t i = 0; i < count; ++i) keys.push_back({.seed = 5, .epoch = 2, .position = 7 + i});
    return keys;
}

/// What `work` throws; empty where it does not.
inline std::string message(const std::function<void()>& work) {
    try {
        work();
    } catch (const core::Error& error) {
        return error.what();
    }
    return "";
}

}  // namespace vox::nn
