// What of NCCL can be shown anywhere: its bootstrap needs no GPU, and without one its start has to fail with a message.
// With one GPU a rank the collectives are compared to MPI's.

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "comm/gpu_facts.hpp"
#include "comm/make_communicator.hpp"
#include "comm/nccl_link.hpp"
#include "core/error.hpp"
#include "support/world.hpp"

namespace vox::comm {
namespace {

using test::communicator;
using test::world;

std::string bytes_of(const ncclUniqueId& id) { return std::string(id.internal, sizeof(id.internal)); }

TEST(NcclBootstrap, AllRanksGetRankZerosIdentity) {
    std::set<std::string> seen;
    for (int again = 0; again < 2; ++again) {
        const auto ids = world().gather(bytes_of(shared_nccl_id(MPI_COMM_WORLD, test::kTimeLimitS)));
        for (const auto& id : ids) {
            EXPECT_EQ(id, ids[0]);
            EXPECT_NE(id, std::string(sizeof(ncclUniqueId), '\0'));
        }
        seen.insert(ids[0]);
    }
    EXPECT_EQ(seen.size(), 2) << "each group has its own identity";
}

TEST(NcclLink, WithoutAGpuItSaysSoAndEnds) {
    if (world().any(visible_gpus() > 0)) GTEST_SKIP() << "this machine has a GPU";
    const auto id = shared_nccl_id(MPI_COMM_WORLD, test::kTimeLimitS);
    try {
        NcclLink link(id, world().rank(), world().size(), 20);
        FAIL() << "no GPU, no group";
    } catch (const core::PeerError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("ncclCommInitRankConfig failed"));
        EXPECT_THAT(error.what(), testing::HasSubstr("rank "));
    }
}

TEST(MakeCommunicator, FollowsTheMachine) {
    const bool gpus = world().all_ok(visible_gpus() > 0);
    Options options;
    if (!gpus) {
        options.backend = "nccl";
        EXPECT_THROW(make_communicator(world(), options), core::ConfigError);
        options.backend = "auto";
        const auto made = make_communicator(world(), options);
        EXPECT_EQ(made->backend(), world().size() == 1 ? "local" : "mpi");
        EXPECT_TRUE(made->device().is_cpu());
    } else {
        const auto made = make_communicator(world(), options);
        EXPECT_TRUE(made->device().is_cuda());
        const at::Tensor tensor = at::arange(10, at::kFloat).to(made->device()) + world().rank();
        made->all_reduce_sum(tensor);
        const double n = world().size();
        EXPECT_EQ(tensor.sum().item<double>(), n * 45 + 10 * n * (n - 1) / 2);
    }
    const auto asked_for = [&] {
        Options cpu;
        cpu.device = "cpu";
        cpu.backend = "mpi";
        return make_communicator(world(), cpu);
    }();
    EXPECT_EQ(asked_for->backend(), "mpi");
    EXPECT_TRUE(asked_for->device().is_cpu());
}

TEST(NcclCommunicator, EqualsMpi) {
    Options options;
    options.backend = "nccl";
    std::unique_ptr<Communicator> nccl;
    try {
        nccl = make_communicator(world(), options);
    } catch (const core::ConfigError& error) {
        GTEST_SKIP() << error.what();
    }
    const auto second = nccl->duplicate();
    for (const auto type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kByte}) {
        const at::Tensor own = (at::arange(1, 12 * world().size() + 1, at::kLong) % 7 * (world().rank() + 1)).to(type);
        const auto on_gpu = [&] { return own.view({-1, 3}).to(nccl->device()); };
        const at::Tensor on_cpu = own.view({-1, 3});

        at::Tensor sum = on_cpu.clone();
        communicator().all_reduce_sum(sum);
        at::Tensor gpu = on_gpu();
        nccl->all_reduce_sum(gpu);
        EXPECT_TRUE(at::equal(gpu.cpu(), sum)) << c10::toString(type);
        gpu = on_gpu();
        second->all_reduce_sum_async(gpu)->wait();
        EXPECT_TRUE(at::equal(gpu.cpu(), sum));

        EXPECT_TRUE(at::equal(nccl->reduce_scatter_sum(on_gpu()).cpu(), communicator().reduce_scatter_sum(on_cpu)));
        EXPECT_TRUE(at::equal(nccl->all_gather(on_gpu()).cpu(), communicator().all_gather(on_cpu)));
        const auto parts = nccl->all_gather_v(on_gpu().narrow(0, 0, world().rank()));
        const auto expected = communicator().all_gather_v(on_cpu.narrow(0, 0, world().rank()));
        for (int rank = 0; rank < world().size(); ++rank) EXPECT_TRUE(at::equal(parts[rank].cpu(), expected[rank]));
        gpu = on_gpu();
        nccl->broadcast(gpu, world().size() - 1);
        sum = on_cpu.clone();
        communicator().broadcast(sum, world().size() - 1);
        EXPECT_TRUE(at::equal(gpu.cpu(), sum));
    }
    nccl->all_reduce_sum(at::empty({0}, at::TensorOptions().device(nccl->device())));
    nccl->barrier();
    EXPECT_THROW(nccl->all_reduce_sum(at::empty({2})), core::InternalError);
}

}  // namespace
}  // namespace vox::comm
