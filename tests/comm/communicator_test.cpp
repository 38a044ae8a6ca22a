// Rank r holds the values (i + 1) * (r + 1), i = 0, 1, ...: sums and gathers have a closed form that differs by element and
// would show a rank that is left out, counted twice or put in the wrong place.

#include "comm/communicator.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "comm/local_communicator.hpp"
#include "comm/make_communicator.hpp"
#include "comm/mpi_communicator.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "support/world.hpp"

namespace vox::comm {
namespace {

using test::communicator;
using test::world;

constexpr at::ScalarType kSummable[] = {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16,
                                        at::kLong,   at::kInt,   at::kByte};

int64_t ranks_sum() { return int64_t{world().size()} * (world().size() + 1) / 2; }

at::Tensor ramp(int64_t count, int64_t factor, at::ScalarType type) {
    return (at::arange(1, count + 1, at::kLong) * factor).to(type);
}
at::Tensor own_ramp(int64_t count, at::ScalarType type = at::kFloat) { return ramp(count, world().rank() + 1, type); }

TEST(Communicator, SumsEveryType) {
    for (const auto type : kSummable) {
        for (const int64_t count : {1, 12}) {
            const at::Tensor tensor = own_ramp(count, type);
            communicator().all_reduce_sum(tensor);
            EXPECT_TRUE(at::equal(tensor, ramp(count, ranks_sum(), type))) << c10::toString(type);
        }
    }
}

TEST(Communicator, SumsHalfPrecisionInSinglePrecision) {
    // 256 + 1 is not a bfloat16: adding one rank after the other in bfloat16 would stay at 256.
    const at::Tensor tensor = at::full({3}, world().is_root() ? 256.0 : 1.0, at::kBFloat16);
    communicator().all_reduce_sum(tensor);
    const double exact = 256.0 + world().size() - 1;
    EXPECT_EQ(tensor[0].item<double>(), at::full({1}, exact, at::kBFloat16).item<double>());
}

TEST(Communicator, AcceptsEmptyTensorsEverywhere) {
    const at::Tensor empty = at::empty({0, 3, 4});
    communicator().all_reduce_sum(empty);
    communicator().all_reduce_sum_async(empty)->wait();
    communicator().broadcast(empty, 0);
    EXPECT_EQ(communicator().all_gather(empty).sizes(), (std::vector<int64_t>{0, 3, 4}));
    EXPECT_EQ(communicator().reduce_scatter_sum(empty).sizes(), (std::vector<int64_t>{0, 3, 4}));
    for (const auto& part : communicator().all_gather_v(empty)) EXPECT_EQ(part.sizes(), empty.sizes());
}

TEST(Communicator, WorksOnTheMemoryOfChannelsLastTensors) {
    const auto values = [](int64_t factor) {
        return ramp(2 * 3 * 4 * 5 * 6, factor, at::kFloat).view({2, 3, 4, 5, 6});
    };
    const at::Tensor tensor = values(world().rank() + 1).contiguous(at::MemoryFormat::ChannelsLast3d);
    const void* const memory = tensor.data_ptr();
    communicator().all_reduce_sum(tensor);
    EXPECT_TRUE(at::equal(tensor, values(ranks_sum())));
    EXPECT_EQ(tensor.data_ptr(), memory);
    EXPECT_TRUE(tensor.is_contiguous(at::MemoryFormat::ChannelsLast3d));

    const at::Tensor sent = values(world().rank() + 1).contiguous(at::MemoryFormat::ChannelsLast3d);
    const at::Tensor all = communicator().all_gather(sent);
    ASSERT_EQ(all.size(0), 2 * world().size());
    for (int rank = 0; rank < world().size(); ++rank) {
        EXPECT_TRUE(at::equal(all.narrow(0, 2 * rank, 2), values(rank + 1)));
    }
    communicator().broadcast(sent, world().size() - 1);
    EXPECT_TRUE(at::equal(sent, values(world().size())));
}

TEST(Communicator, RefusesTensorsWithGapsOrOverlaps) {
    // Refused before anything is sent, so that ranks stay in step.
    EXPECT_THROW(communicator().all_reduce_sum(at::ones({4, 4}).narrow(1, 0, 2)), core::InternalError);
    EXPECT_THROW(communicator().all_reduce_sum(at::ones({1}).expand({4})), core::InternalError);
    EXPECT_THROW(communicator().all_reduce_sum(at::ones({4}, at::kBool)), core::InternalError);
    EXPECT_THROW(communicator().broadcast(at::ones({4}), world().size()), core::InternalError);
    EXPECT_THROW(communicator().all_gather(at::ones({})), core::InternalError);
    EXPECT_EQ(world().sum({1.0}).front(), world().size());
}

TEST(Communicator, BroadcastsFromEveryRoot) {
    for (const auto type : {at::kDouble, at::kHalf, at::kBool, at::kByte, at::kLong}) {
        for (int root = 0; root < world().size(); ++root) {
            const at::Tensor tensor = own_ramp(10, type);
            communicator().broadcast(tensor, root);
            EXPECT_TRUE(at::equal(tensor, ramp(10, root + 1, type))) << c10::toString(type);
        }
    }
}

TEST(Communicator, GathersInRankOrder) {
    for (const auto type : kSummable) {
        const at::Tensor all = communicator().all_gather(own_ramp(6, type).view({3, 2}));
        ASSERT_EQ(all.sizes(), (std::vector<int64_t>{3 * world().size(), 2}));
        for (int rank = 0; rank < world().size(); ++rank) {
            EXPECT_TRUE(at::equal(all.narrow(0, 3 * rank, 3), ramp(6, rank + 1, type).view({3, 2})));
        }
    }
}

TEST(Communicator, GathersDifferentNumbersOfRows) {
    // Rank r has r rows: rank 0 has none.
    const auto parts = communicator().all_gather_v(own_ramp(2 * world().rank()).view({-1, 2}));
    ASSERT_EQ(parts.size(), world().size());
    for (int rank = 0; rank < world().size(); ++rank) {
        EXPECT_TRUE(at::equal(parts[rank], ramp(2 * rank, rank + 1, at::kFloat).view({-1, 2}))) << rank;
    }
}

TEST(Communicator, ReduceScatterGivesTheOwnSliceOfTheSum) {
    for (const auto type : kSummable) {
        const int64_t count = 2 * world().size();
        const at::Tensor slice = communicator().reduce_scatter_sum(own_ramp(count, type));
        EXPECT_TRUE(at::equal(slice, ramp(count, ranks_sum(), type).narrow(0, 2 * world().rank(), 2)));
    }
}

TEST(Communicator, TheSumHasTheSameBitsOnEveryRankAndEveryTime) {
    // Numbers of very different size: the order of the additions shows in the last bits.
    for (const auto type : {at::kFloat, at::kDouble}) {
        for (const int64_t count : {1, 1000, 300'000}) {
            const at::Tensor waves = (own_ramp(count, at::kDouble) * 0.37).sin();
            const at::Tensor sizes = ((own_ramp(count, at::kDouble) * 0.11).cos() * 9).exp();
            const at::Tensor input = (waves * sizes).to(type);
            const at::Tensor first = input.clone();
            communicator().all_reduce_sum(first);
            for (int again = 0; again < 3; ++again) {
                const at::Tensor sum = input.clone();
                if (again == 1) {
                    communicator().all_reduce_sum_async(sum)->wait();
                } else {
                    communicator().all_reduce_sum(sum);
                }
                EXPECT_TRUE(at::equal(sum, first));
            }
            for (const at::Tensor& other : communicator().all_gather(first.view({1, -1})).unbind(0)) {
                EXPECT_TRUE(at::equal(other, first));
            }
        }
    }
}

TEST(Communicator, CutsLongTensorsIntoPieces) {
    MpiCommunicator small(MPI_COMM_WORLD, at::kCPU, test::kTimeLimitS, /*max_piece_bytes=*/40);
    const at::Tensor sum = own_ramp(101);
    small.all_reduce_sum(sum);
    EXPECT_TRUE(at::equal(sum, ramp(101, ranks_sum(), at::kFloat)));
    const at::Tensor sent = own_ramp(101);
    const at::Tensor all = small.all_gather(sent);
    for (int rank = 0; rank < world().size(); ++rank) {
        EXPECT_TRUE(at::equal(all.narrow(0, 101 * rank, 101), ramp(101, rank + 1, at::kFloat)));
    }
    small.broadcast(sent, world().size() - 1);
    EXPECT_TRUE(at::equal(sent, ramp(101, world().size(), at::kFloat)));
}

TEST(Communicator, SumsWhileTheCallerWorks) {
    // Many buckets in flight; synchronous collectives in between stay in order.
    std::vector<at::Tensor> buckets;
    std::vector<std::unique_ptr<Work>> works;
    for (int i = 0; i < 20; ++i) {
        buckets.push_back(own_ramp(1 + 5000 * (i % 4), i % 3 == 0 ? at::kBFloat16 : at::kFloat) * (i % 2 + 1));
        works.push_back(communicator().all_reduce_sum_async(buckets.back()));
        if (i % 7 == 3) {
            const at::Tensor between = own_ramp(10);
            communicator().all_reduce_sum(between);
            EXPECT_TRUE(at::equal(between, ramp(10, ranks_sum(), at::kFloat)));
        }
    }
    for (int i = 0; i < 20; ++i) {
        works[i]->wait();
        EXPECT_TRUE(works[i]->done());
        const auto type = buckets[i].scalar_type();
        at::Tensor expected = at::zeros({buckets[i].numel()}, at::kFloat);
        for (int rank = 0; rank < world().size(); ++rank) {
            expected += (ramp(buckets[i].numel(), rank + 1, type) * (i % 2 + 1)).to(at::kFloat);
        }
        EXPECT_TRUE(at::equal(buckets[i], expected.to(type))) << "bucket " << i;
    }
}

TEST(Communicator, AnAsyncSumEndsWithoutBeingWaitedFor) {
    const at::Tensor tensor = own_ramp(100'000);
    const auto work = communicator().all_reduce_sum_async(tensor);
    // Nobody calls MPI here but the communicator's own thread.
    while (!work->done()) std::this_thread::yield();
    EXPECT_TRUE(at::equal(tensor, ramp(100'000, ranks_sum(), at::kFloat)));
}

TEST(Communicator, TwoThreadsOnTwoCommunicatorsDoNotMix) {
    const auto other = communicator().duplicate();
    EXPECT_EQ(other->size(), communicator().size());
    EXPECT_EQ(other->backend(), communicator().backend());
    int wrong[2] = {0, 0};
    const auto exchange = [&](Communicator& comm, int64_t factor, int* errors) {
        for (int i = 0; i < 200; ++i) {
            const at::Tensor tensor = own_ramp(1 + i * 10) * factor;
            if (i % 3 == 0) {
                comm.all_reduce_sum_async(tensor)->wait();
            } else {
                comm.all_reduce_sum(tensor);
            }
            *errors += !at::equal(tensor, ramp(1 + i * 10, ranks_sum() * factor, at::kFloat));
        }
    };
    std::thread second([&] { exchange(*other, 3, &wrong[1]); });
    exchange(communicator(), 1, &wrong[0]);
    second.join();
    EXPECT_EQ(wrong[0], 0);
    EXPECT_EQ(wrong[1], 0);
}

TEST(LocalCommunicator, IsTheIdentity) {
    LocalCommunicator local(at::kCPU);
    const at::Tensor tensor = own_ramp(6).view({3, 2});
    local.all_reduce_sum(tensor);
    local.all_reduce_sum_async(tensor)->wait();
    local.broadcast(tensor, 0);
    EXPECT_TRUE(at::equal(tensor, own_ramp(6).view({3, 2})));
    EXPECT_TRUE(at::equal(local.all_gather(tensor), tensor));
    EXPECT_TRUE(at::equal(local.reduce_scatter_sum(tensor), tensor));
    ASSERT_EQ(local.all_gather_v(tensor).size(), 1);
    // A copy, as with many ranks: writing into it must not change the source.
    EXPECT_NE(local.all_gather(tensor).data_ptr(), tensor.data_ptr());
    EXPECT_THROW(local.broadcast(tensor, 1), core::InternalError);
    EXPECT_EQ(local.duplicate()->size(), 1);
}

}  // namespace
}  // namespace vox::comm
