#include "comm/mpi_calls.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "comm/mpi_error.hpp"
#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace vox::comm {
namespace {

/// Calls `start(offset, count)` for consecutive pieces of at most `longest`.
template <class Start>
void in_pieces(int64_t total, int64_t longest, Start start) {
    for (int64_t offset = 0; offset < total; offset += longest) {
        start(offset, static_cast<int>(std::min(longest, total - offset)));
    }
}

}  // namespace

MpiCalls::MpiCalls(MPI_Comm comm, int64_t max_piece_bytes) : comm_(comm), max_piece_bytes_(max_piece_bytes) {
    core::check(max_piece_bytes >= 16 && max_piece_bytes <= kMaxPieceBytes, "a piece has 16 bytes to 1 GiB");
}

MpiCalls::~MpiCalls() {
    const auto is_open = [](MPI_Request request) { return request != MPI_REQUEST_NULL; };
    const bool unfinished = std::any_of(requests_.begin(), requests_.end(), is_open);
    // Deliberately never freed: MPI would write into memory that somebody else owns by then.
    if (unfinished) new std::vector<std::shared_ptr<const void>>(std::move(kept_));
}

void MpiCalls::all_reduce(void* data, int64_t count, MPI_Datatype type, MPI_Op op) {
    int element_bytes = 0;
    mpi_check(MPI_Type_size(type, &element_bytes), "MPI_Type_size");
    in_pieces(count, max_piece_bytes_ / element_bytes, [&](int64_t offset, int piece) {
        void* start = static_cast<char*>(data) + offset * element_bytes;
        mpi_check(MPI_Iallreduce(MPI_IN_PLACE, start, piece, type, op, comm_, &next()), "MPI_Iallreduce");
    });
}

void MpiCalls::broadcast(void* data, int64_t bytes, int root) {
    in_pieces(bytes, max_piece_bytes_, [&](int64_t offset, int piece) {
        void* start = static_cast<char*>(data) + offset;
        mpi_check(MPI_Ibcast(start, piece, MPI_BYTE, root, comm_, &next()), "MPI_Ibcast");
    });
}

void MpiCalls::all_gather(const void* mine, void* all, int64_t bytes) {
    int size = 0;
    int rank = 0;
    mpi_check(MPI_Comm_size(comm_, &size), "MPI_Comm_size");
    mpi_check(MPI_Comm_rank(comm_, &rank), "MPI_Comm_rank");
    if (bytes * size <= max_piece_bytes_) {
        const int count = static_cast<int>(bytes);
        mpi_check(MPI_Iallgather(mine, count, MPI_BYTE, all, count, MPI_BYTE, comm_, &next()), "MPI_Iallgather");
        return;
    }
    char* const target = static_cast<char*>(all);
    std::copy_n(static_cast<const char*>(mine), bytes, target + rank * bytes);
    for (int root = 0; root < size; ++root) broadcast(target + root * bytes, bytes, root);
}

void MpiCalls::barrier() { mpi_check(MPI_Ibarrier(comm_, &next()), "MPI_Ibarrier"); }

bool MpiCalls::test() {
    int all_done = 0;
    mpi_check(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &all_done, MPI_STATUSES_IGNORE),
              "MPI_Testall");
    return all_done != 0;
}

void MpiCalls::wait(double timeout_s, std::string_view what) {
    const core::Activity activity(what, core::Waits::for_peers);
    const core::Timer timer;
    Backoff backoff;
    while (!test()) {
        if (timeout_s > 0 && timer.seconds() > timeout_s && !core::is_watched()) throw_timeout(what, timer.seconds());
        backoff.pause();
    }
}

void Backoff::pause() {
    // Large messages go through shared memory in small fragments, one or a few a poll: sleeping too early costs bandwidth.
    // Ranks that wait for long (for a file, for a slow peer) leave their core to others.
    constexpr int kYields = 2000;
    ++polls_;
    if (polls_ < kYields) {
        std::this_thread::yield();
    } else {
        const int sleep_us = std::min(longest_us_, 20 + (polls_ - kYields) / 20);
        std::this_thread::sleep_for(std::chrono::microseconds(sleep_us));
    }
}

void throw_timeout(std::string_view what, double seconds) {
    throw core::PeerError(
        core::concat(who_am_i(), ": ", what, " did not end within ", core::human_seconds(seconds),
                     ".  Another rank died, hangs, or never came to this collective: look at the last "
                     "lines of every rank; comm.timeout_s sets the limit."));
}

}  // namespace vox::comm
