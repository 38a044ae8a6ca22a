#include "comm/mpi_error.hpp"

#include <mpi.h>
#include <unistd.h>

#include <array>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::comm {

std::string who_am_i() {
    std::array<char, 256> host{};
    gethostname(host.data(), host.size() - 1);
    int initialized = 0;
    int finalized = 0;
    int rank = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized && !finalized) MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return core::concat("rank ", rank, " on ", host.data());
}

void mpi_check(int code, const char* call, std::source_location where) {
    if (code == MPI_SUCCESS) return;
    std::array<char, MPI_MAX_ERROR_STRING + 1> text{};
    int length = 0;
    if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS) length = 0;
    throw core::PeerError(
        core::concat(who_am_i(), ": ", call, " failed: ", std::string(text.data(), static_cast<size_t>(length)),
                     " (code ", code, ").  Look for the first error of another rank: it usually is the cause."),
        where);
}

}  // namespace vox::comm
