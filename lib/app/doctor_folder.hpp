#pragma once
// What `doctor` examines of the place that a run writes into.

#include <cstdint>
#include <filesystem>

#include "app/findings.hpp"
#include "checkpoint/options.hpp"

namespace vox::app {

/// All ranks: rank 0 can make the folder, write, sync, rename and lock a file in it, and the others see that file.  Whatever was
/// made for it is removed.  Returns false where a run could not write.
bool examine_folder(comm::World& world, Findings& findings, const std::filesystem::path& run);

/// How many checkpoints a run keeps at most at a time, the one that is being written included.
int64_t checkpoints_kept(const checkpoint::Options& options, int64_t total_steps);

/// All ranks: free space below `run` against the checkpoints that are kept, of `checkpoint_bytes` each; what lies there already
/// counts.
bool examine_space(comm::World& world, Findings& findings, const std::filesystem::path& run,
                   const checkpoint::Options& options, int64_t checkpoint_bytes, int64_t total_steps);

}  // namespace vox::app
