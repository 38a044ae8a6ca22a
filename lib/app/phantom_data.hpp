#pragma once

#include <filesystem>

#include "comm/world.hpp"

namespace vox::app {

/// All ranks: 12 made-up brains below `folder`/nifti, converted to `folder`/shards, which it returns.  What is there already is
/// used again.
std::filesystem::path make_phantom_shards(comm::World& world, const std::filesystem::path& folder);

}  // namespace vox::app
