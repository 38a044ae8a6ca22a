#pragma once

namespace vox::train {

/// From construction to destruction SIGUSR1 and SIGTERM ask the run to stop after the current step.  One object a process.
/// Any rank may receive the signal; the trainer agrees on the step at which all stop.
class StopSignal {
public:
    StopSignal();
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    bool requested() const;  // on this rank, by now
};

}  // namespace vox::train
