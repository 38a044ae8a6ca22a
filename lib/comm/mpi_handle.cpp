#include "comm/mpi_handle.hpp"

#include <exception>

#include "comm/mpi_error.hpp"
#include "core/activity.hpp"

namespace vox::comm {

MpiHandle::MpiHandle(MPI_Comm source) : exceptions_(std::uncaught_exceptions()) {
    const core::Activity activity("MPI_Comm_dup", core::Waits::for_peers);
    mpi_check(MPI_Comm_dup(source, &comm_), "MPI_Comm_dup");
    mpi_check(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

MpiHandle::~MpiHandle() {
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (finalized || abandoned_ || std::uncaught_exceptions() > exceptions_) return;
    MPI_Comm_free(&comm_);
}

int MpiHandle::rank() const {
    int rank = 0;
    mpi_check(MPI_Comm_rank(comm_, &rank), "MPI_Comm_rank");
    return rank;
}

int MpiHandle::size() const {
    int size = 0;
    mpi_check(MPI_Comm_size(comm_, &size), "MPI_Comm_size");
    return size;
}

}  // namespace vox::comm
