#pragma once
// Non-blocking MPI collectives on plain memory.  Everything that this module sends through MPI starts here, so that every
// wait can have a time limit and sizes beyond MPI's int counts are cut in one place.

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace vox::comm {

/// What a single MPI call may carry; MPI counts are int.
inline constexpr int64_t kMaxPieceBytes = int64_t{1} << 30;

/// A group of collectives that were started together and end together.  All ranks start the same ones in the same order.
/// Memory given to a call stays untouched until `test()` was true or `wait()` returned.
class MpiCalls {
public:
    explicit MpiCalls(MPI_Comm comm, int64_t max_piece_bytes = kMaxPieceBytes);
    /// Unfinished calls may still write: whatever `keep` was given then stays alive until the process ends.
    ~MpiCalls();
    MpiCalls(const MpiCalls&) = delete;
    MpiCalls& operator=(const MpiCalls&) = delete;

    /// In place, over `count` elements of `type`.
    void all_reduce(void* data, int64_t count, MPI_Datatype type, MPI_Op op);
    void broadcast(void* data, int64_t bytes, int root);
    /// `mine` has `bytes` bytes on every rank, `all` has size * bytes.
    void all_gather(const void* mine, void* all, int64_t bytes);
    void barrier();

    /// Owner of memory that a call uses.
    void keep(std::shared_ptr<const void> owner) { kept_.push_back(std::move(owner)); }

    /// True where all calls have ended; progresses them, never blocks.  Throws PeerError where one failed.
    bool test();
    /// Blocks until all have ended.  Throws PeerError naming rank, host, `what` and the seconds waited after `timeout_s`
    /// (0: waits for ever; neither does a wait that a watchdog watches have a limit of its own).
    void wait(double timeout_s, std::string_view what);

private:
    MPI_Request& next() { return requests_.emplace_back(MPI_REQUEST_NULL); }

    MPI_Comm comm_;
    int64_t max_piece_bytes_;
    std::vector<MPI_Request> requests_;
    std::vector<std::shared_ptr<const void>> kept_;
};

/// Between two polls: gives the core away at first, then sleeps, longer the longer it takes, up to `longest_us`.
class Backoff {
public:
    explicit Backoff(int longest_us = 500) : longest_us_(longest_us) {}
    void pause();

private:
    int longest_us_;
    int polls_ = 0;
};

/// The PeerError of a time limit that passed.
[[noreturn]] void throw_timeout(std::string_view what, double seconds);

}  // namespace vox::comm
