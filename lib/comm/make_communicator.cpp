#include "comm/make_communicator.hpp"

#include "comm/mpi_communicator.hpp"
#include "comm/mpi_world.hpp"
#include "core/error.hpp"

namespace vox::comm {
namespace {

MPI_Comm mpi_of(World& world) {
    const auto* mpi = dynamic_cast<MpiWorld*>(&world);
    if (mpi == nullptr) throw core::ConfigError("this world was made without MPI: use backend auto or local");
    return mpi->handle();
}

}  // namespace

std::unique_ptr<Communicator> make_mpi_communicator(World& world, at::Device device, double timeout_s) {
    return std::make_unique<MpiCommunicator>(mpi_of(world), device, timeout_s);
}

}  // namespace vox::comm
