#pragma once

#include <cstdint>

#include "comm/world.hpp"

namespace vox::app {

/// Sets this rank's compute threads: `configured`, or (0) the cores that the launcher bound it to, or where it is not bound the
/// node's cores over its ranks.  Returns the number.
int64_t settle_threads(const comm::World& world, int64_t configured = 0);

}  // namespace vox::app
