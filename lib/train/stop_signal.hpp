#pragma once

#include <string>

namespace vox::train {

/// When a run has to stop before its work is done: SIGUSR1 and SIGTERM ask for it, and the end of the job, where it has one.
/// One object a process.  Any rank may be asked; the trainer agrees on the step at which all stop.
class StopSignal {
public:
    /// Programs that train call it first of all: from then on to the end of the process both signals are requests, and no longer
    /// end it.  One that comes before there is an object is kept for it, one that comes after it changes nothing any more.
    static void listen();

    /// The job's end is SLURM_JOB_END_TIME, in seconds since 1970, which Slurm or slurm/env.sh sets; the run is asked to stop
    /// `margin_s` before it.  0: the end is not looked at.
    explicit StopSignal(double margin_s = 0);
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;

    bool requested() const;  // on this rank, by now
    std::string reason() const;  // for the log

private:
    double stop_at_ = 0;  // seconds since 1970; 0: the job has no end
    double margin_s_;
};

}  // namespace vox::train
