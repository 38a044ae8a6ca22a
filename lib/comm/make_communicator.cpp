#include "comm/make_communicator.hpp"

#include <c10/cuda/CUDAFunctions.h>

#include "comm/gpu_facts.hpp"
#include "comm/local_communicator.hpp"
#include "comm/mpi_communicator.hpp"
#include "comm/mpi_world.hpp"
#include "comm/nccl_communicator.hpp"
#include "core/error.hpp"
#include "core/log.hpp"

namespace vox::comm {
namespace {

std::vector<RankFacts> facts_of_all(World& world) {
    RankFacts own;
    own.host = world.host();
    own.local_rank = world.local_rank();
    world.together("looking for GPUs", [&] {
        own.visible_gpus = visible_gpus();
        if (own.visible_gpus > 0) own.gpu_uuid = gpu_uuid(own.local_rank % own.visible_gpus);
    });
    std::vector<RankFacts> all;
    for (const std::string& text : world.gather(own.packed())) all.push_back(RankFacts::unpacked(text));
    return all;
}

}  // namespace

BackendChoice agree_on_backend(World& world, const Options& options) {
    return choose_backend(options, facts_of_all(world), world.rank());
}

std::unique_ptr<Communicator> make_communicator(World& world, const Options& options) {
    const BackendChoice choice = agree_on_backend(world, options);
    core::log::info("communication: ", choice.backend, " on ", choice.device.is_cpu() ? "CPUs" : "GPUs", ", ",
                    world.size(), world.size() == 1 ? " rank (" : " ranks (", choice.reason, ")");
    if (!choice.device.is_cpu()) c10::cuda::set_device(choice.device.index());
    std::unique_ptr<Communicator> made;
    world.together("starting communication", [&] {
        if (choice.backend == "local") made = std::make_unique<LocalCommunicator>(choice.device);
        if (choice.backend == "mpi") made = make_mpi_communicator(world, choice.device, options.timeout_s);
        if (choice.backend == "nccl") {
            made = std::make_unique<NcclCommunicator>(mpi_handle(world), choice.device, options.timeout_s);
        }
    });
    return made;
}

std::unique_ptr<Communicator> make_mpi_communicator(World& world, at::Device device, double timeout_s) {
    return std::make_unique<MpiCommunicator>(mpi_handle(world), device, timeout_s);
}

std::unique_ptr<World> make_world_with_time_limit(World& world, double timeout_s) {
    if (dynamic_cast<MpiWorld*>(&world) == nullptr) return make_local_world();
    return std::make_unique<MpiWorld>(mpi_handle(world), timeout_s);
}

}  // namespace vox::comm
