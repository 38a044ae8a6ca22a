// The last rank comes late on purpose; the others must not wait for ever.

#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mpi.h>

#include <chrono>
#include <thread>

#include "comm/make_communicator.hpp"
#include "comm/mpi_world.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "support/world.hpp"

namespace vox::comm {
namespace {

using test::world;

constexpr double kLimitS = 0.5;

/// On the last rank: nothing for longer than the limit.  On the others: `wait` has to throw, naming who waited for what.
void expect_time_limit(const std::string& collective, const std::function<void()>& wait) {
    if (world().rank() == world().size() - 1) {
        std::this_thread::sleep_for(std::chrono::duration<double>(3 * kLimitS));
    } else {
        const core::Timer timer;
        try {
            wait();
            ADD_FAILURE() << "the last rank never came";
        } catch (const core::PeerError& error) {
            EXPECT_THAT(error.what(), testing::HasSubstr(collective));
            EXPECT_THAT(error.what(),
                        testing::HasSubstr(core::concat("rank ", world().rank(), " on ", world().host())));
            EXPECT_THAT(error.what(), testing::HasSubstr("did not end within"));
        }
        EXPECT_GE(timer.seconds(), 0.9 * kLimitS);
    }
    world().barrier();
}

TEST(TimeLimit, OfASynchronousCollective) {
    const auto comm = make_mpi_communicator(world(), at::kCPU, kLimitS);
    const at::Tensor tensor = at::ones({1000});
    expect_time_limit("all_reduce_sum #0 of 3.9 KiB", [&] { comm->all_reduce_sum(tensor); });
    if (!HasFailure() && world().rank() < world().size() - 1) {
        // Out of step: nothing more may be sent.
        EXPECT_THROW(comm->barrier(), core::PeerError);
    }
}

TEST(TimeLimit, OfAnAsynchronousCollective) {
    const auto comm = make_mpi_communicator(world(), at::kCPU, kLimitS);
    const at::Tensor tensor = at::ones({1000});
    expect_time_limit("all_reduce_sum_async #0", [&] { comm->all_reduce_sum_async(tensor)->wait(); });
}

TEST(TimeLimit, OfTheWorld) {
    MpiWorld impatient(MPI_COMM_WORLD, kLimitS);
    expect_time_limit("World::barrier", [&] { impatient.barrier(); });
}

}  // namespace
}  // namespace vox::comm
