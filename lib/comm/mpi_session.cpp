#include "comm/mpi_session.hpp"

#include <mpi.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>

#include "comm/mpi_error.hpp"
#include "comm/mpi_world.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::comm {
namespace {

constexpr int kAbortS = 5;   // an abort takes two seconds, and for ever where the launcher is out of reach
constexpr int kLeaveS = 60;  // the end of MPI takes less than a second; a launcher on many nodes, some

volatile std::sig_atomic_t exit_code = 0;  // of exit_after

bool started_by_launcher() {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
        if (std::getenv(name) != nullptr) return true;
    }
    return false;
}

/// srun without an MPI plug-in starts N programs that each think they are alone, and each would train the whole job.
void refuse_lonely_tasks(int size) {
    const char* tasks = std::getenv("SLURM_STEP_NUM_TASKS");
    if (size > 1 || tasks == nullptr || std::atoi(tasks) <= 1 || std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr) return;
    throw core::ConfigError(core::concat("srun started ", tasks,
                                         " tasks, but MPI sees one rank.  Start with "
                                         "'srun --mpi=pmix' (see 'srun --mpi=list'), or with mpirun inside the job."));
}

}  // namespace

MpiSession::MpiSession(int& argc, char**& argv) : exceptions_(std::uncaught_exceptions()) {
    // A program started by hand needs no launcher's daemon; without this Open MPI starts one and may fail to.
    if (!started_by_launcher()) setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    int provided = MPI_THREAD_SINGLE;
    mpi_check(MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
    mpi_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    mpi_check(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    int rank = 0;
    int size = 1;
    mpi_check(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
    mpi_check(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
    core::log::set_rank(rank, size);
    if (provided < MPI_THREAD_MULTIPLE) {
        throw core::ConfigError(
            "this MPI has no MPI_THREAD_MULTIPLE, which communication beside computation needs.  Use an "
            "Open MPI built with thread support (Debian's and Ubuntu's are).");
    }
    refuse_lonely_tasks(size);
}

MpiSession::~MpiSession() {
    if (std::uncaught_exceptions() > exceptions_) return;
    exit_after(kLeaveS, core::ExitCode::peer_failed);  // it waits for peers, and one may have died since they agreed
    MPI_Finalize();
    alarm(0);
}

std::unique_ptr<World> MpiSession::make_world(double timeout_s) {
    return std::make_unique<MpiWorld>(MPI_COMM_WORLD, timeout_s);
}

void MpiSession::exit_after(int seconds, core::ExitCode code) {
    exit_code = static_cast<int>(code);
    std::signal(SIGALRM, [](int) { _exit(exit_code); });
    alarm(static_cast<unsigned>(seconds));
}

void MpiSession::abort(int code) {
    int initialized = 0;
    int finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    exit_after(kAbortS, static_cast<core::ExitCode>(code));  // MPI may wait for a host that is lost
    if (initialized && !finalized) MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}

}  // namespace vox::comm
