#pragma once
// Which folder a run takes, where the one that was named is there already.

#include <filesystem>
#include <string>

#include "config/section.hpp"

namespace vox::report {

/// Section `run`.
struct RunOptions {
    std::string if_exists = "use";

    void read(config::Section& section);
};

/// The job that this process belongs to, as the job system calls it.
struct Job {
    std::string name;        // "Slurm job 4711"; empty without a job system
    bool restarted = false;  // put back into the queue after it had run before

    /// From SLURM_JOB_ID and SLURM_RESTART_COUNT.
    static Job from_environment();
};

/// One rank (rank 0).  `use`: `wanted` itself.  `fail`: `wanted`, made here; WriteError where it is there already.
/// `number`: the first of `wanted`, `wanted`_1, `wanted`_2, ... that is not there, made here, so that of two jobs that start
/// at once each gets its own.  A restarted job goes on in the folder that it took before: the last one whose lock names it.
/// Throws WriteError where no folder can be made.
std::filesystem::path choose_run_folder(const std::filesystem::path& wanted, const RunOptions& options, const Job& job);

}  // namespace vox::report
