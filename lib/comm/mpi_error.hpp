#pragma once
// Every MPI call of this module goes through mpi_check: without it, and without MPI_ERRORS_RETURN, a failed call ends the
// program inside the library, before anyone can say what it was doing.

#include <source_location>
#include <string>

namespace vox::comm {

/// Throws PeerError with MPI's own text, the call's name, rank and host, unless `code` is MPI_SUCCESS.
void mpi_check(int code, const char* call, std::source_location where = std::source_location::current());

/// "rank 3 on node17": this process, for messages.  Works before MPI_Init too.
std::string who_am_i();

}  // namespace vox::comm
