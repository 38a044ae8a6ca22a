#pragma once
// One NCCL communicator that never hangs the program: it is made without blocking, watched, and aborted when it fails or
// does not get on.

#include <c10/core/Event.h>
#include <mpi.h>
#include <nccl.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/timer.hpp"

namespace vox::comm {

/// Rank 0's new identity of a group, on every rank.  All ranks of `comm`; needs no GPU.
ncclUniqueId shared_nccl_id(MPI_Comm comm, double timeout_s);

class NcclLink {
public:
    /// Joins the group `id` on the current CUDA device.  Throws PeerError where NCCL fails, or where not all ranks joined
    /// within `timeout_s`.  All ranks of the group.
    NcclLink(const ncclUniqueId& id, int rank, int size, double timeout_s);
    /// Leaves in order with the others; while an exception is on its way it aborts instead.
    ~NcclLink();
    NcclLink(const NcclLink&) = delete;
    NcclLink& operator=(const NcclLink&) = delete;

    /// Makes one NCCL call and returns when NCCL has put it on its stream.  Throws PeerError.
    void call(const char* name, const std::function<ncclResult_t(ncclComm_t)>& nccl_call);
    /// Reports `event` when it is not reached within the time limit: then the group is aborted, which also frees host
    /// threads that wait for the GPU.
    void watch(std::string name, std::shared_ptr<c10::Event> event);
    /// Throws PeerError where the group failed, as seen by the last look.
    void check();

private:
    struct Watched {
        std::string name;
        std::shared_ptr<c10::Event> event;
        core::Timer since;
    };

    void settle(ncclResult_t result, const char* name);
    void look();
    void watch_loop();
    /// All with mutex_ held.  `abort` leaves comm_ null.
    void abort();
    void fail(const std::string& why);
    void throw_failure() const;

    double timeout_s_;
    std::mutex mutex_;
    std::condition_variable changed_;
    ncclComm_t comm_ = nullptr;  // null once aborted
    std::string failure_;
    std::deque<Watched> watched_;
    bool stop_ = false;
    int exceptions_ = 0;
    std::thread watcher_;
};

}  // namespace vox::comm
