// A GPU's queue that gets stuck, and a group whose ranks do not all come (row 27 of the fault table): the NCCL communicator is aborted,
// the rank is told, and nothing waits for ever.  One GPU, one rank.

#include <c10/core/Event.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "comm/gpu_facts.hpp"
#include "comm/nccl_link.hpp"
#include "core/error.hpp"
#include "core/timer.hpp"
#include "support/world.hpp"

namespace vox::comm {
namespace {

constexpr double kLimitS = 2;
constexpr double kHangS = 60;

class NcclFault : public testing::Test {
protected:
    void SetUp() override {
        if (visible_gpus() == 0) GTEST_SKIP() << "no GPU";
        c10::cuda::set_device(0);
    }
};

TEST_F(NcclFault, AGroupWhoseOtherRankNeverComesIsGivenUp) {
    const auto id = shared_nccl_id(MPI_COMM_WORLD, test::kTimeLimitS);
    const core::Timer timer;
    try {
        NcclLink link(id, 0, 2, kLimitS);
        FAIL() << "half a group";
    } catch (const core::PeerError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("ncclCommInitRankConfig did not end within"));
    }
    EXPECT_LT(timer.seconds(), kHangS);
}

TEST_F(NcclFault, ACollectiveThatIsStuckIsNamedAndTheGroupAborted) {
    NcclLink link(shared_nccl_id(MPI_COMM_WORLD, test::kTimeLimitS), 0, 1, kLimitS);
    const auto stream = c10::cuda::getStreamFromPool();
    static std::atomic<bool> go_on = false;
    // What a lost peer's collective is for the stream: work that does not end.
    ASSERT_EQ(cudaLaunchHostFunc(
                  stream.stream(),
                  [](void*) {
                      while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(10));
                  },
                  nullptr),
              cudaSuccess);
    const auto event = std::make_shared<c10::Event>(at::kCUDA);
    event->record(stream);
    link.watch("all_reduce_sum #7 of 4.0 MiB", event);
    const core::Timer timer;
    std::string failure;
    while (failure.empty() && timer.seconds() < kHangS) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        try {
            link.check();
        } catch (const core::PeerError& error) {
            failure = error.what();
        }
    }
    EXPECT_THAT(failure, testing::HasSubstr("all_reduce_sum #7 of 4.0 MiB did not end within"));
    EXPECT_GE(timer.seconds(), kLimitS / 2);
    EXPECT_THROW(link.call("ncclAllReduce", [](ncclComm_t) { return ncclSuccess; }), core::PeerError);
    go_on = true;
    stream.synchronize();
}

}  // namespace
}  // namespace vox::comm
