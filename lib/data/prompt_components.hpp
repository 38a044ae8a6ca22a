#pragma once
// What a prompt may mean: the connected parts of a labelled image.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/geometry.hpp"
#include "data/case_prompts.hpp"

namespace vox::data {

/// A connected part of a labelled image.
struct PromptComponent {
    std::string structure;  // what it is called
    core::Box box;  // the smallest that holds it
    core::Index3 inside{};  // the voxel of it that is closest to the mean of its voxels: D,H,W
};

/// Of a map of components [D,H,W] int32 on the host (0: none; n + 1: component n) each one's box and inner voxel.  `structures` are
/// their names, one a component.  Of voxels at the same distance the first in raster order counts.  Throws InternalError for a
/// number beyond the names, or a component without a voxel.
std::vector<PromptComponent> prompt_components(std::span<const int32_t> numbers, const core::Index3& size,
                                               std::span<const std::string> structures);

/// The components as targets of value 1, 2, ...  Throws as position_of.
std::vector<PromptTarget> targets_of(std::span<const PromptComponent> components, const core::Index3& size,
                                     const core::Double3& spacing_mm, PositionSpace space);

}  // namespace vox::data
