#pragma once
// Collectives beside computation: MPI moves data only inside MPI calls, so a thread has to make them.

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "comm/mpi_calls.hpp"
#include "core/timer.hpp"

namespace vox::comm {

/// One collective from its call to its end.
struct Collective {
    Collective(MPI_Comm comm, int64_t max_piece_bytes) : calls(comm, max_piece_bytes) {}

    std::string name;                      // for messages: "all_reduce_sum #12 of 4.2 MiB"
    std::function<bool()> data_ready;      // true once the input lies in host memory
    std::function<void(MpiCalls&)> start;  // makes the MPI calls
    MpiCalls calls;  // touched by the progress thread only, or by the caller where it runs inline

    bool started = false;
    bool ended = false;  // guarded by MpiProgress::mutex_
    std::exception_ptr error;  // guarded likewise
};

/// Runs the collectives of one communicator in the order in which they were submitted.  One thread calls its members.
class MpiProgress {
public:
    explicit MpiProgress(double timeout_s) : timeout_s_(timeout_s) {}
    /// Lets started collectives end, for at most the time limit, then stops the thread.
    ~MpiProgress();

    /// Hands over to the progress thread (started at the first call) and returns at once.
    void submit(std::shared_ptr<Collective> collective);
    /// Runs in the calling thread where nothing is under way, which is faster; otherwise behind what is.  Returns at its
    /// end.  Throws PeerError where it fails or the time limit passes.
    void run(const std::shared_ptr<Collective>& collective);

    /// Rethrows a failure.
    bool ended(const Collective& collective);
    /// Throws PeerError where it failed or did not end within the time limit from now.
    void wait(const Collective& collective);
    /// True once a collective failed or ran out of time: the ranks are out of step and nothing more can be sent.
    bool broken();

private:
    void loop();
    /// One look at the collectives under way; true where there is none.
    bool advance(std::deque<std::shared_ptr<Collective>>& under_way);
    void end(const std::shared_ptr<Collective>& collective, std::exception_ptr error);
    void refuse_if_broken();

    double timeout_s_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::condition_variable ended_;
    std::deque<std::shared_ptr<Collective>> submitted_;
    int64_t open_ = 0;  // submitted and not yet ended
    bool broken_ = false;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace vox::comm
