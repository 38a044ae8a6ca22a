#include "data/cache_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/error.hpp"

namespace vox::data {
namespace {

/// Arrays of `cases` cases: an image of int16 and a label each, 3 x 4 chunks of 8^3, every fourth of them not stored.
class CachePlanTest : public testing::Test {
protected:
    void make(size_t cases) {
        arrays_.resize(2 * cases);
        uint64_t next_key = 0;
        for (size_t i = 0; i < arrays_.size(); ++i) {
            ChunkedArray& array = arrays_[i];
            array.type = i % 2 == 0 ? VoxelType::int16 : VoxelType::uint8;
            array.chunk = {1, 8, 8, 8};
            array.places.resize(12);
            array.first_key = next_key;
            next_key += array.places.size();
            for (size_t c = 0; c < array.places.size(); ++c) {
                array.places[c].bytes = c % 4 == 1 ? 0 : 100;
                if (c % 4 != 1) stored_.insert(array.first_key + c);
            }
            stored_arrays_.push_back({i / 2, i % 2 == 0 ? StoredArray::Kind::image : StoredArray::Kind::label, &array});
        }
    }
    CachePlan plan(size_t budget, double replace_rate = 0) const { return {stored_arrays_, {}, budget, replace_rate}; }
    size_t all() const { return CachePlan::bytes_for_all(stored_arrays_, {}); }

    /// Keys that are kept in an epoch; checks that their seats lie apart within the memory.
    std::set<uint64_t> kept(const CachePlan& plan, int64_t epoch) const {
        std::set<uint64_t> keys;
        std::map<size_t, size_t> end_of;  // by offset
        std::set<size_t> numbers;
        for (const uint64_t key : stored_) {
            const auto seat = plan.seat(key, epoch);
            if (!seat) continue;
            keys.insert(key);
            EXPECT_TRUE(numbers.insert(seat->number).second) << "two chunks in one seat";
            EXPECT_LT(seat->number, plan.seats());
            EXPECT_GE(seat->bytes, arrays_[key / 12].chunk_bytes());
            end_of[seat->offset] = seat->offset + seat->bytes;
        }
        size_t last = plan.words_bytes();
        for (const auto& [start, end] : end_of) {
            EXPECT_GE(start, last);
            last = end;
        }
        EXPECT_LE(last, plan.bytes());
        return keys;
    }

    std::vector<ChunkedArray> arrays_;
    std::vector<StoredArray> stored_arrays_;
    std::set<uint64_t> stored_;
};

TEST_F(CachePlanTest, WithRoomForAllEveryStoredChunkHasItsOwnSeatForEver) {
    make(5);
    const CachePlan whole = plan(all());
    EXPECT_EQ(whole.seats(), 5u * 2 * 9);
    EXPECT_EQ(whole.chunks(), whole.seats());
    EXPECT_EQ(whole.chunk_bytes(), 5u * 9 * 512 * 3);
    for (const int64_t epoch : {int64_t{0}, int64_t{1}, int64_t{77}, int64_t{-1}})
        EXPECT_EQ(kept(whole, epoch), stored_);
    EXPECT_EQ(whole.seat(1, 0), std::nullopt);  // not stored
    EXPECT_FALSE(plan(all(), 0.5).moves());
}

TEST_F(CachePlanTest, NeverTakesMoreThanItsBudget) {
    make(7);
    size_t before = 0;
    for (size_t budget = 0; budget < all() + 5000; budget += 997) {
        const CachePlan part = plan(budget);
        if (part.seats() > 0) {
            EXPECT_LE(part.bytes(), budget);
        }
        EXPECT_GE(part.seats(), before);
        before = part.seats();
        EXPECT_EQ(kept(part, 3).size(), part.seats());
        EXPECT_EQ(kept(part, 3), kept(part, 0));  // nothing is replaced
    }
    EXPECT_EQ(before, stored_.size());
}

TEST_F(CachePlanTest, ReplacesItsShareEachEpochAndGivesEveryChunkItsTurn) {
    make(8);  // 72 chunks of images, as many of labels
    const CachePlan part = plan(all() / 2, 0.25);
    ASSERT_TRUE(part.moves());
    ASSERT_NEAR(static_cast<double>(part.seats()), 72, 6);
    const size_t most = part.seats() / 4;
    std::map<uint64_t, int> turns;
    auto before = kept(part, 0);
    std::map<size_t, uint64_t> turn_of_seat;
    for (int64_t epoch = 1; epoch <= 40; ++epoch) {
        const auto now = kept(part, epoch);
        EXPECT_EQ(now.size(), part.seats());
        size_t fresh = 0;
        for (const uint64_t key : now) fresh += !before.contains(key);
        EXPECT_GT(fresh, 0u);
        EXPECT_LE(fresh, most);
        for (const uint64_t key : now) {
            ++turns[key];
            const auto seat = *part.seat(key, epoch);
            EXPECT_GE(seat.turn, turn_of_seat[seat.number]);  // a later chunk of a seat has a later turn
            turn_of_seat[seat.number] = seat.turn;
            const auto last = part.seat(key, epoch - 1);
            if (last && before.contains(key) && last->turn == seat.turn) {
                EXPECT_EQ(last->number, seat.number);
            }
        }
        before = now;
    }
    ASSERT_EQ(turns.size(), stored_.size());
    for (const auto& [key, count] : turns) EXPECT_NEAR(count, 20, 4) << key;  // of 40 epochs, with room for a half
    EXPECT_EQ(kept(plan(all() / 2, 0.25), 7), kept(part, 7));  // the same on every rank
}

TEST_F(CachePlanTest, ValidationIsKeptOnlyWhereNothingMoves) {
    make(4);
    const std::span<const StoredArray> arrays(stored_arrays_);
    const auto training = arrays.first(4), others = arrays.last(4);
    const size_t half = CachePlan::bytes_for_all(training, {});
    const CachePlan still(training, others, half, 0), moving(training, others, half, 0.1);
    const uint64_t of_training = 0, of_validation = 2 * 24;
    EXPECT_TRUE(still.seat(of_training, -1));
    EXPECT_FALSE(still.seat(of_validation + 23, -1));  // training's come first
    EXPECT_FALSE(moving.seat(of_validation, 3));
    EXPECT_EQ(kept(moving, 0).size(), training.size() * 9);  // all of training fits
    const CachePlan whole(training, others, 2 * half, 0.1);
    EXPECT_TRUE(whole.seat(of_validation, -1));
}

TEST_F(CachePlanTest, WhoIsInNoEpochLeavesMovingSeatsAlone) {
    make(4);
    const CachePlan part = plan(all() / 2, 0.5);
    for (const uint64_t key : stored_) EXPECT_FALSE(part.seat(key, -1));
    EXPECT_THROW(plan(1000, 1.5), core::InternalError);
}

}  // namespace
}  // namespace vox::data
