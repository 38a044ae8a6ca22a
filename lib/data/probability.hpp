#pragma once

#include <string>

#include "config/section.hpp"
#include "core/text.hpp"

namespace vox::data {

/// A chance or a share.  Throws ConfigError where it is not within 0 .. 1.
inline void check_probability(const config::Section& section, const std::string& key, double value) {
    section.require(value >= 0 && value <= 1, core::concat(key, ": ", value, " is not within 0 .. 1"));
}

}  // namespace vox::data
