#pragma once
// Owner of MPI in a program: constructed first in main, destroyed last.

#include <memory>

#include "comm/world.hpp"
#include "core/error.hpp"

namespace vox::comm {

/// MPI from start to end.  One a process.  A program that mpirun or srun did not start gets a world of one rank.
class MpiSession {
public:
    /// Starts MPI with full thread support and makes its errors return codes, which this module turns into PeerError.
    /// Throws ConfigError where MPI has no full thread support, or where srun started tasks that MPI does not see.
    MpiSession(int& argc, char**& argv);
    /// Ends MPI, unless an exception is on its way: MPI_Finalize would wait for peers that wait for this rank.  The catch
    /// in main then calls `abort`.
    ~MpiSession();
    MpiSession(const MpiSession&) = delete;
    MpiSession& operator=(const MpiSession&) = delete;

    /// All ranks.  `timeout_s` bounds every wait of this World (0: no bound, peers may work for hours).
    std::unique_ptr<World> make_world(double timeout_s = 0);

    /// Ends all ranks of the job with `code`.  Any rank, any thread; also after the session's destructor ran on the way
    /// to a catch.
    [[noreturn]] static void abort(int code);

    /// This process alone ends with `code` in so many seconds, unless it has ended before: also where its threads sit inside
    /// MPI or wait for a disk.
    static void exit_after(int seconds, core::ExitCode code);

private:
    int exceptions_ = 0;
};

}  // namespace vox::comm
