#include "app/all_reduce_speed.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace vox::app {
namespace {

/// Seconds of one all-reduce, the mean of `times`, of the slowest rank.  Reading a value waits for a GPU.
double seconds_of_one(comm::World& world, comm::Communicator& comm, const at::Tensor& tensor, int times) {
    comm.all_reduce_sum(tensor);  // what the first one sets up does not count
    tensor.flatten()[0].item<double>();
    world.barrier();
    const core::Timer timer;
    for (int i = 0; i < times; ++i) comm.all_reduce_sum(tensor);
    tensor.flatten()[0].item<double>();
    return world.max(timer.seconds()) / times;
}

/// Each rank adds rank + 1, so that a rank that is left out shows.
void check_sum(comm::World& world, comm::Communicator& comm, int64_t numbers, at::TensorOptions options) {
    const at::Tensor tensor = at::full({numbers}, comm.rank() + 1, options);
    comm.all_reduce_sum(tensor);
    const double expected = 0.5 * comm.size() * (comm.size() + 1);
    const bool right = tensor.eq(expected).all().item<bool>();
    if (!world.all_ok(right))
        throw core::PeerError(
            core::concat("an all-reduce of ", comm.size(), " ranks over ", comm.backend(),
                         " gave a wrong sum: look at the network and at the MPI and NCCL of all nodes"));
}

}  // namespace

double bus_bandwidth(int64_t bytes, double seconds, int ranks) {
    return static_cast<double>(bytes) / seconds * 2.0 * (ranks - 1) / ranks;
}

AllReduceSpeed measure_all_reduce(comm::World& world, comm::Communicator& comm, int64_t most_bytes) {
    constexpr double kTooLongS = 0.5;
    const auto options = at::TensorOptions(at::kFloat).device(comm.device());
    check_sum(world, comm, 1024, options);
    AllReduceSpeed speed;
    speed.latency_s = seconds_of_one(world, comm, at::full({2}, 0, options), 50);  // zeros stay finite however often
    for (int64_t bytes = std::max<int64_t>(4, most_bytes >> 6);; bytes = std::min(4 * bytes, most_bytes)) {
        speed.bytes = bytes;
        speed.seconds = seconds_of_one(world, comm, at::full({bytes / 4}, 0, options), 3);
        if (bytes == most_bytes || 4 * speed.seconds > kTooLongS) return speed;  // the same on every rank
    }
}

}  // namespace vox::app
