#pragma once
// Whether a run can work on these ranks: what the program `doctor` does.

#include "app/program.hpp"

namespace vox::app {

/// --config, --data, --set as for training, and --run.
boost::program_options::options_description doctor_options();

/// All ranks: machine and ranks; with --data the shards, with --run the folder, with --config all that a training would start
/// from, and one step of it.  A line a check on rank 0's standard output; nothing stays on disk.  Returns the exit code of the
/// first check that fails, in the order printed.
core::ExitCode examine(comm::World& world, const Arguments& arguments);

}  // namespace vox::app
