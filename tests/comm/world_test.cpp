// Every rank contributes its own number; each test says what all ranks must then hold.

#include "comm/world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mpi.h>

#include "comm/make_communicator.hpp"
#include "comm/mpi_calls.hpp"
#include "comm/mpi_error.hpp"
#include "comm/mpi_handle.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "support/world.hpp"

namespace vox::comm {
namespace {

using test::world;

TEST(World, KnowsItsRanksAndItsNode) {
    EXPECT_GE(world().rank(), 0);
    EXPECT_LT(world().rank(), world().size());
    // One machine: the node holds the whole world.
    EXPECT_EQ(world().local_rank(), world().rank());
    EXPECT_EQ(world().local_size(), world().size());
    EXPECT_FALSE(world().host().empty());
    // Ranks 0 .. n-1 each once: their sum and the sum of squares say so.
    const double r = world().rank();
    const double n = world().size();
    EXPECT_THAT(world().sum({r, r * r}), testing::ElementsAre(n * (n - 1) / 2, (n - 1) * n * (2 * n - 1) / 6));
}

TEST(World, AgreesOnFlags) {
    const bool last = world().rank() == world().size() - 1;
    EXPECT_TRUE(world().all_ok(true));
    EXPECT_FALSE(world().all_ok(!last));
    EXPECT_TRUE(world().any(last));
    EXPECT_FALSE(world().any(false));
    EXPECT_EQ(world().max(-3.5 + world().rank()), -3.5 + world().size() - 1);
    EXPECT_TRUE(world().sum({}).empty());
}

TEST(World, BroadcastsBytesFromEveryRoot) {
    for (int root = 0; root < world().size(); ++root) {
        // Lengths differ by rank, and hold a zero byte: nothing may depend on what the receivers pass.
        const std::string own(static_cast<size_t>(world().rank() * 7), 'x');
        const std::string sent = core::concat("root ", root, std::string(1, '\0'), std::string(1000 * root, 'y'));
        EXPECT_EQ(world().broadcast(world().rank() == root ? sent : own, root), sent);
    }
    EXPECT_EQ(world().broadcast(world().is_root() ? "" : "not this"), "");
}

TEST(World, GathersTextsOfDifferentLengthInRankOrder) {
    const auto text_of = [](int rank) { return std::string(1000UL * rank, static_cast<char>('a' + rank)); };
    const auto texts = world().gather(text_of(world().rank()));
    ASSERT_EQ(texts.size(), world().size());
    for (int rank = 0; rank < world().size(); ++rank) EXPECT_EQ(texts[rank], text_of(rank));
}

TEST(World, TogetherRunsOnEveryRank) {
    int ran = 0;
    world().together("counting", [&] { ++ran; });
    EXPECT_EQ(world().sum({double(ran)}).front(), world().size());
    ran = 0;
    world().on_root("counting", [&] { ++ran; });
    EXPECT_EQ(ran, world().is_root() ? 1 : 0);
}

TEST(World, AnErrorOfOneRankIsThrownOnAll) {
    const int failing = world().size() - 1;
    try {
        world().together("opening the shards", [&] {
            if (world().rank() == failing) throw core::DataError("shard_00003.h5: no such file");
        });
        FAIL() << "no rank may go on";
    } catch (const core::DataError& error) {
        EXPECT_EQ(world().rank(), failing) << "only the rank that failed has the error itself";
        EXPECT_STREQ(error.what(), "shard_00003.h5: no such file");
    } catch (const core::PeerError& error) {
        EXPECT_NE(world().rank(), failing);
        EXPECT_THAT(error.what(), testing::HasSubstr(core::concat("opening the shards failed on rank ", failing)));
        EXPECT_THAT(error.what(), testing::HasSubstr(world().host()));
        EXPECT_THAT(error.what(), testing::HasSubstr("shard_00003.h5: no such file"));
        EXPECT_THAT(error.what(), testing::HasSubstr("world_test.cpp:"));
    }
    // Still in step.
    EXPECT_EQ(world().sum({1.0}).front(), world().size());
}

TEST(World, ForeignExceptionsAndEmptyMessagesAreAgreedToo) {
    EXPECT_ANY_THROW(world().together("a", [] { throw std::runtime_error(""); }));
    EXPECT_ANY_THROW(world().together("b", [] {
        if (world().is_root()) throw 42;
    }));
    EXPECT_ANY_THROW(world().on_root("c", [] { throw core::WriteError("disk full"); }));
    EXPECT_TRUE(world().all_ok(true));
}

TEST(World, LocalWorldIsOneRank) {
    const auto local = make_local_world();
    EXPECT_EQ(local->size(), 1);
    EXPECT_EQ(local->broadcast("x"), "x");
    EXPECT_THAT(local->gather("x"), testing::ElementsAre("x"));
    EXPECT_THROW(local->on_root("writing", [] { throw core::WriteError("disk full"); }), core::WriteError);
    EXPECT_THROW(make_mpi_communicator(*local, at::kCPU, 1), core::ConfigError);
}

// Without MPI_ERRORS_RETURN each of these would end the program inside MPI.
TEST(MpiErrors, AWrongCallThrowsOnEveryKindOfCommunicator) {
    const MpiHandle duplicate(MPI_COMM_WORLD);
    for (MPI_Comm comm : {MPI_COMM_WORLD, MPI_COMM_SELF, duplicate.get()}) {
        MpiCalls calls(comm);
        char byte = 0;
        try {
            calls.broadcast(&byte, 1, 12345);
            FAIL() << "there is no rank 12345";
        } catch (const core::PeerError& error) {
            EXPECT_THAT(error.what(), testing::HasSubstr("MPI_Ibcast failed"));
            EXPECT_THAT(error.what(), testing::HasSubstr("MPI_ERR_ROOT"));
            EXPECT_THAT(error.what(),
                        testing::HasSubstr(core::concat("rank ", world().rank(), " on ", world().host())));
        }
    }
}

TEST(MpiCalls, LongMessagesAreCutIntoPieces) {
    // 100 numbers in pieces of 56 bytes: 7 numbers a call, the last call smaller.
    std::vector<double> values(100);
    for (size_t i = 0; i < values.size(); ++i) values[i] = double(i) + 1000.0 * world().rank();
    const double n = world().size();
    const MpiHandle handle(MPI_COMM_WORLD);
    {
        auto sums = values;
        MpiCalls calls(handle.get(), 56);
        calls.all_reduce(sums.data(), 100, MPI_DOUBLE, MPI_SUM);
        calls.wait(test::kTimeLimitS, "sum");
        for (size_t i = 0; i < sums.size(); ++i) ASSERT_EQ(sums[i], n * double(i) + 1000.0 * n * (n - 1) / 2);
    }
    std::vector<double> all(100 * world().size(), -1.0);
    MpiCalls calls(handle.get(), 56);
    calls.all_gather(values.data(), all.data(), 800);
    calls.wait(test::kTimeLimitS, "gather");
    for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], double(i % 100) + 1000.0 * double(i / 100));
}

}  // namespace
}  // namespace vox::comm
