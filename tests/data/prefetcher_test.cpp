#include "data/prefetcher.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/error.hpp"

namespace vox::data {
namespace {

constexpr int64_t channels = 2;
const core::Index3 crop_size{2, 3, 4};
const core::Index3 views{2, 5, 3};
constexpr size_t item_bytes = 24 * (channels * 4 + 1) + 30 * 4;

/// Writes what identifies the item into every voxel; odd positions take longer, so that threads overtake each other.
void mark(const Item& item, const Prefetcher::Room& room) {
    if (item.key.position % 2 == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto value = static_cast<float>(item.key.epoch * 1000 + item.key.position);
    std::fill(room.image.begin(), room.image.end(), value);
    std::fill(room.label.begin(), room.label.end(), static_cast<uint8_t>(item.case_index));
    std::fill(room.views.begin(), room.views.end(), -value);
}

struct Bench {
    EpochSampler sampler{{4, 6, 8, 10, 12}, {2, 4, false, 3}};  // 10 items: 4 4 2
    DeviceCopy copy{at::kCPU};
    Prefetcher prefetcher;
    Bench(int rank, int world_size, int64_t threads, size_t budget = 1 << 20, Prefetcher::ReadItem read = mark)
        : prefetcher(sampler, rank, world_size, {channels, crop_size, views, threads, budget}, copy, std::move(read)) {}
};

/// The items of `n` micro-batches, after a check that each tensor holds what was read for its item.
std::vector<Item> take(Prefetcher& prefetcher, int n) {
    std::vector<Item> items;
    for (int i = 0; i < n; ++i) {
        const Prefetcher::Result result = prefetcher.take();
        const auto size = static_cast<int64_t>(result.items.size());
        EXPECT_EQ(result.image.sizes(), (std::vector<int64_t>{size, channels, 2, 3, 4}));
        EXPECT_EQ(result.label.sizes(), (std::vector<int64_t>{size, 2, 3, 4}));
        EXPECT_EQ(result.views.sizes(), (std::vector<int64_t>{size, 2, 5, 3}));
        for (int64_t b = 0; b < size; ++b) {
            const Item& item = result.items[static_cast<size_t>(b)];
            const auto* image = result.image.const_data_ptr<float>() + b * channels * 24;
            for (int64_t v = 0; v < channels * 24; ++v) EXPECT_EQ(image[v], item.key.epoch * 1000 + item.key.position);
            const auto* label = result.label.const_data_ptr<uint8_t>() + b * 24;
            for (int64_t v = 0; v < 24; ++v) EXPECT_EQ(label[v], item.case_index);
            const auto* view = result.views.const_data_ptr<float>() + b * 30;
            for (int64_t v = 0; v < 30; ++v) EXPECT_EQ(view[v], -image[0]);
            items.push_back(item);
        }
    }
    return items;
}

std::vector<Item> expected(const EpochSampler& sampler, int64_t epochs) {
    std::vector<Item> items;
    for (int64_t epoch = 0; epoch < epochs; ++epoch) {
        const auto order = sampler.epoch_order(epoch);
        items.insert(items.end(), order.begin(), order.end());
    }
    return items;
}

TEST(Prefetcher, GivesTheSameItemsInOrderWithAnyNumberOfThreads) {
    for (const int64_t threads : {1, 2, 5}) {
        Bench bench(0, 1, threads);
        EXPECT_EQ(take(bench.prefetcher, 6), expected(bench.sampler, 2)) << threads;
        EXPECT_EQ(bench.prefetcher.position(), (Position{2, 0}));
    }
}

TEST(Prefetcher, RanksTogetherGiveTheGlobalOrder) {
    for (const int world_size : {2, 3, 4, 5}) {  // of 5 ranks, one never has an item
        std::vector<std::unique_ptr<Bench>> ranks;
        for (int rank = 0; rank < world_size; ++rank) ranks.push_back(std::make_unique<Bench>(rank, world_size, 2));
        std::vector<Item> items;
        for (int micro_batch = 0; micro_batch < 6; ++micro_batch) {
            for (auto& rank : ranks) {
                for (const Item& item : take(rank->prefetcher, 1)) items.push_back(item);
            }
        }
        EXPECT_EQ(items, expected(ranks[0]->sampler, 2)) << world_size;
    }
}

TEST(Prefetcher, ReadsAheadButNeverBeyondItsBudget) {
    std::atomic<int> reads = 0;
    const size_t budget = 2 * 4 * item_bytes + item_bytes;  // two whole micro-batches, not three
    Bench bench(0, 1, 3, budget, [&](const Item& item, const Prefetcher::Room& room) {
        mark(item, room);
        ++reads;
    });
    // Without a taker it stops at two micro-batches (the bound of the wait is only for a hang).
    for (int i = 0; i < 2000 && reads < 8; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(reads, 8);
    EXPECT_EQ(take(bench.prefetcher, 12), expected(bench.sampler, 4));
    EXPECT_EQ(bench.prefetcher.peak_bytes(), 2 * 4 * item_bytes);
}

TEST(Prefetcher, OneMicroBatchGoesThroughABudgetThatIsTooSmall) {
    Bench bench(0, 1, 2, 1);
    EXPECT_EQ(take(bench.prefetcher, 3), expected(bench.sampler, 1));
    EXPECT_EQ(bench.prefetcher.peak_bytes(), 4 * item_bytes);
}

TEST(Prefetcher, AnErrorComesAtItsPlaceAndSeekGoesOn) {
    std::atomic<bool> broken = true;
    Bench bench(0, 1, 3, 1 << 20, [&](const Item& item, const Prefetcher::Room& room) {
        mark(item, room);
        // Two of one micro-batch fail: the first of them is the one to be told.
        if (broken && item.key.epoch == 0 && (item.key.position == 5 || item.key.position == 6)) {
            throw core::DataError("item " + std::to_string(item.key.position));
        }
    });
    EXPECT_EQ(take(bench.prefetcher, 1).size(), 4u);
    for (int i = 0; i < 2; ++i) {
        try {
            bench.prefetcher.take();
            FAIL() << "the error of a reading thread was lost";
        } catch (const core::DataError& error) {
            EXPECT_STREQ(error.what(), "item 5");
        }
    }
    EXPECT_EQ(bench.prefetcher.position(), (Position{0, 1}));
    broken = false;
    bench.prefetcher.seek({0, 1});
    const auto all = expected(bench.sampler, 1);
    EXPECT_EQ(take(bench.prefetcher, 2), std::vector<Item>(all.begin() + 4, all.end()));
}

TEST(Prefetcher, SeekGoesAnywhereWhileThreadsRead) {
    Bench bench(0, 1, 3);
    const auto all = expected(bench.sampler, 2);
    for (int round = 0; round < 20; ++round) {
        bench.prefetcher.seek({1, 2});
        EXPECT_EQ(take(bench.prefetcher, 1), std::vector<Item>(all.begin() + 18, all.end()));
        bench.prefetcher.seek({0, 3});  // the end of an epoch is the beginning of the next
        EXPECT_EQ(bench.prefetcher.position(), (Position{1, 0}));
        EXPECT_EQ(take(bench.prefetcher, 1), std::vector<Item>(all.begin() + 10, all.begin() + 14));
    }
    EXPECT_THROW(bench.prefetcher.seek({0, 9}), core::InternalError);
}

}  // namespace
}  // namespace vox::data
