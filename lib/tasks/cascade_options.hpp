#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "config/section.hpp"
#include "core/geometry.hpp"
#include "nn/xray_to_ct_options.hpp"

namespace vox::tasks {

/// Which stage of a cascade from X-rays to CT trains, and how: the section `xray_to_ct` of a configuration.
struct CascadeOptions {
    int64_t stage = 1;  // that trains; those before it are frozen
    std::string previous_run;
    std::string objective = "diffusion";  // diffusion | direct
    double physics_weight = 0.01;
    double previous_noise_most = 0.5;
    double previous_noise = 0.2;
    int64_t samples = 1;
    nn::XrayToCtOptions network;

    /// Takes the keys out of `section`; what every network has comes from `model`.  Throws ConfigError.
    void read(config::Section& section, const nn::ModelOptions& model);

    /// Of the stage that trains, from 0.
    size_t index() const { return static_cast<size_t>(stage - 1); }
    /// D, H, W of a stage's volumes.
    core::Index3 volume_size(size_t stage_index) const;
};

}  // namespace vox::tasks
