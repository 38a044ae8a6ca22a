#pragma once

#include <cstdint>
#include <string>

#include "config/section.hpp"

namespace vox::tasks {

/// What is generated from what: the section `synthesis` of a configuration.
struct SynthesisOptions {
    std::string target = "random";  // or a channel's name
    int64_t samples = 1;

    /// Throws ConfigError.
    void read(config::Section& section) {
        section.value("target", target,
                      "channel that is generated from the others: its name, or random, which trains one network for "
                      "whichever a case lacks");
        section.value("samples", samples,
                      "volumes that are generated of a case: their mean is the result, their standard deviation its "
                      "uncertainty");
        section.require(!target.empty(), "target must be a channel's name, or random");
        section.require(samples >= 1, "samples must be at least 1");
    }
};

}  // namespace vox::tasks
