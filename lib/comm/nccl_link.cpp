#include "comm/nccl_link.hpp"

#include <chrono>
#include <exception>

#include "comm/ends_within.hpp"
#include "comm/mpi_calls.hpp"
#include "comm/mpi_error.hpp"
#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::comm {
namespace {

std::string reason(ncclResult_t result, ncclComm_t comm) {
    return core::concat(ncclGetErrorString(result), ": ", ncclGetLastError(comm), " (NCCL_DEBUG=INFO tells more)");
}

}  // namespace

ncclUniqueId shared_nccl_id(MPI_Comm comm, double timeout_s) {
    int rank = 0;
    mpi_check(MPI_Comm_rank(comm, &rank), "MPI_Comm_rank");
    const auto id = std::make_shared<ncclUniqueId>();
    // Where this fails the others still get an answer: zeros, which no identity is.
    ncclResult_t made = ncclSuccess;
    if (rank == 0) made = ncclGetUniqueId(id.get());
    if (made != ncclSuccess) *id = ncclUniqueId{};
    MpiCalls calls(comm);
    calls.keep(id);
    calls.broadcast(id.get(), sizeof(ncclUniqueId), 0);
    calls.wait(timeout_s, "broadcast of NCCL's group identity");
    if (made != ncclSuccess) throw core::PeerError(core::concat("ncclGetUniqueId failed: ", reason(made, nullptr)));
    for (const char byte : id->internal) {
        if (byte != 0) return *id;
    }
    throw core::PeerError("rank 0 could not make NCCL's group identity");
}

NcclLink::NcclLink(const ncclUniqueId& id, int rank, int size, double timeout_s)
    : timeout_s_(timeout_s), exceptions_(std::uncaught_exceptions()) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    std::unique_lock lock(mutex_);
    settle(ncclCommInitRankConfig(&comm_, size, id, rank, &config), "ncclCommInitRankConfig");
    lock.unlock();
    watcher_ = std::thread([this] { watch_loop(); });
}

NcclLink::~NcclLink() {
    {
        const std::scoped_lock lock(mutex_);
        stop_ = true;
    }
    changed_.notify_all();
    watcher_.join();
    const std::scoped_lock lock(mutex_);
    if (comm_ == nullptr) return;
    if (std::uncaught_exceptions() > exceptions_) {
        abort();
        return;
    }
    try {
        settle(ncclCommFinalize(comm_), "ncclCommFinalize");
        ncclCommDestroy(comm_);
    } catch (const std::exception& error) {
        core::log::warning("leaving the NCCL group: ", error.what());
    }
}

void NcclLink::call(const char* name, const std::function<ncclResult_t(ncclComm_t)>& nccl_call) {
    const std::scoped_lock lock(mutex_);
    throw_failure();
    settle(nccl_call(comm_), name);
}

// A call on a non-blocking communicator may return before it is done; the next one must not be made until it is.
void NcclLink::settle(ncclResult_t result, const char* name) {
    const core::Activity activity(name, core::Waits::for_peers, /*recorded=*/false);
    const core::Timer timer;
    Backoff backoff;
    while (result == ncclInProgress) {
        if (timeout_s_ > 0 && timer.seconds() > timeout_s_ && !core::is_watched()) {
            fail(core::concat(name, " did not end within ", core::human_seconds(timer.seconds()),
                              "; a rank died, hangs or "
                              "never came"));
            break;
        }
        backoff.pause();
        ncclResult_t state = ncclSuccess;
        const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
        result = asked == ncclSuccess ? state : asked;
    }
    if (failure_.empty() && result != ncclSuccess) fail(core::concat(name, " failed: ", reason(result, comm_)));
    throw_failure();
}

void NcclLink::watch(std::string name, std::shared_ptr<c10::Event> event) {
    {
        const std::scoped_lock lock(mutex_);
        watched_.push_back({std::move(name), std::move(event), core::Timer()});
    }
    changed_.notify_all();
}

void NcclLink::check() {
    const std::scoped_lock lock(mutex_);
    throw_failure();
}

void NcclLink::watch_loop() {
    constexpr auto kPeriod = std::chrono::milliseconds(100);
    std::unique_lock lock(mutex_);
    while (!stop_) {
        if (watched_.empty()) {
            changed_.wait(lock, [&] { return stop_ || !watched_.empty(); });
        } else {
            changed_.wait_for(lock, kPeriod, [&] { return stop_; });
            look();
        }
    }
}

void NcclLink::look() {
    if (comm_ == nullptr) {
        watched_.clear();
        return;
    }
    while (!watched_.empty() && watched_.front().event->query()) watched_.pop_front();
    ncclResult_t state = ncclSuccess;
    const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
    if (asked == ncclSuccess && state == ncclInProgress) return;
    if (asked != ncclSuccess || state != ncclSuccess) {
        const std::string name = watched_.empty() ? "NCCL" : watched_.front().name;
        fail(core::concat(name, " failed: ", reason(asked != ncclSuccess ? asked : state, comm_)));
    } else if (!watched_.empty() && timeout_s_ > 0 && watched_.front().since.seconds() > timeout_s_ &&
               !core::is_watched()) {
        fail(core::concat(
            watched_.front().name, " did not end within ", core::human_seconds(watched_.front().since.seconds()),
            ".  Another rank died, hangs, or never came to this collective; comm.timeout_s sets the limit."));
    }
}

void NcclLink::fail(const std::string& why) {
    failure_ = core::concat(who_am_i(), ": ", why);
    core::log::error(failure_);
    if (comm_ != nullptr) abort();
}

// An abort ends the collectives that NCCL waits in, but then waits itself until the GPU has done all that was given to it: where that is
// what is stuck, it never returns (seen with NCCL 2.28 behind a host function that did not end).
void NcclLink::abort() {
    constexpr double kAbortS = 5;
    const ncclComm_t comm = comm_;
    comm_ = nullptr;
    if (!ends_within(kAbortS, [comm] { ncclCommAbort(comm); }))
        core::log::warning("NCCL's abort still waits for the GPU after ", core::human_seconds(kAbortS),
                           "; this rank goes on without it");
}

void NcclLink::throw_failure() const {
    if (!failure_.empty()) throw core::PeerError(failure_);
}

}  // namespace vox::comm
