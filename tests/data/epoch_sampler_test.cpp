#include "data/epoch_sampler.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

#include "core/error.hpp"

namespace vox::data {
namespace {

const std::vector<size_t> cases{2, 3, 5, 7, 11};

EpochSampler sampler(int64_t global_micro_batch, int64_t samples_per_case = 3, bool drop_last = false,
                     uint64_t seed = 42) {
    return {cases, {samples_per_case, global_micro_batch, drop_last, seed}};
}

TEST(EpochSampler, EveryCaseComesSamplesPerCaseTimesAnEpochAtAnyWorldSize) {
    const EpochSampler order = sampler(4);
    for (const int world_size : {1, 2, 3, 4}) {
        std::map<std::pair<size_t, uint32_t>, int> seen;
        std::set<uint32_t> positions;
        for (int64_t micro_batch = 0; micro_batch < order.micro_batches_per_epoch(); ++micro_batch) {
            for (int rank = 0; rank < world_size; ++rank) {
                const std::vector<Item> items = order.epoch_order(6);
                const Slice own = order.range(micro_batch, rank, world_size);
                for (int64_t i = own.begin; i < own.begin + own.size; ++i) {
                    const Item& item = items.at(static_cast<size_t>(i));
                    ++seen[{item.case_index, item.key.draw}];
                    positions.insert(item.key.position);
                    EXPECT_EQ(item.key.epoch, 6u);
                    EXPECT_EQ(item.key.seed, 42u);
                }
            }
        }
        EXPECT_EQ(positions.size(), 15u);
        for (const size_t index : cases) {
            for (uint32_t draw = 0; draw < 3; ++draw) EXPECT_EQ((seen[{index, draw}]), 1) << index << ' ' << draw;
        }
    }
}

TEST(EpochSampler, RankSlicesInRankOrderAreTheGlobalOrder) {
    const EpochSampler order = sampler(4);  // 15 items: 4 4 4 3
    for (const int world_size : {1, 2, 3, 4, 7}) {
        int64_t next = 0;
        for (int64_t micro_batch = 0; micro_batch < order.micro_batches_per_epoch(); ++micro_batch) {
            int64_t smallest = 1000, largest = 0;
            for (int rank = 0; rank < world_size; ++rank) {
                const Slice own = order.range(micro_batch, rank, world_size);
                EXPECT_EQ(own.begin, next);
                next += own.size;
                smallest = std::min(smallest, own.size);
                largest = std::max(largest, own.size);
            }
            EXPECT_LE(largest - smallest, 1);
        }
        EXPECT_EQ(next, 15);
    }
    EXPECT_EQ(order.range(3).size, 3);
    EXPECT_EQ(order.range(3, 6, 7).size, 0);  // an empty slice is one, not an error
}

TEST(EpochSampler, OrderIsAPureFunctionOfSeedAndEpoch) {
    EXPECT_EQ(sampler(4).epoch_order(1), sampler(2).epoch_order(1));
    EXPECT_NE(sampler(4).epoch_order(1), sampler(4).epoch_order(2));
    EXPECT_NE(sampler(4, 3, false, 1).epoch_order(1), sampler(4, 3, false, 2).epoch_order(1));
}

TEST(EpochSampler, EveryMicroBatchHoldsItsShareOfAStratumAndEveryCaseComesOnce) {
    std::vector<size_t> people(23);
    for (size_t i = 0; i < people.size(); ++i) people[i] = 100 + i;
    const std::set<size_t> with_event{100, 103, 104, 110, 111, 117, 121, 122};
    for (const bool drop_last : {false, true}) {
        const EpochSampler order(people, {1, 5, drop_last, 42, {with_event, 1}});  // 5 5 5 5 and, unless dropped, 3
        std::set<std::vector<size_t>> orders;
        for (int64_t epoch = 0; epoch < 50; ++epoch) {
            const auto items = order.epoch_order(epoch);
            EXPECT_EQ(items, EpochSampler(people, {1, 5, drop_last, 42, {with_event, 1}}).epoch_order(epoch));
            std::set<size_t> seen;
            std::vector<size_t> all;
            for (int64_t micro_batch = 0; micro_batch < order.micro_batches_per_epoch(); ++micro_batch) {
                const Slice range = order.range(micro_batch);
                int events = 0;
                for (int64_t i = range.begin; i < range.begin + range.size; ++i) {
                    const Item& item = items.at(static_cast<size_t>(i));
                    EXPECT_EQ(item.key.position, static_cast<uint32_t>(i));
                    all.push_back(item.case_index);
                    seen.insert(item.case_index);
                    events += with_event.contains(item.case_index) ? 1 : 0;
                }
                EXPECT_GE(events, 1) << "epoch " << epoch << ", micro-batch " << micro_batch;
            }
            EXPECT_EQ(seen.size(), all.size());
            EXPECT_EQ(all.size(), drop_last ? 20u : 23u);
            orders.insert(all);
        }
        EXPECT_EQ(orders.size(), 50u);
    }
    // Without a share the order is that without a stratum.
    EXPECT_EQ(EpochSampler(people, {1, 5, false, 42, {with_event, 0}}).epoch_order(3),
              EpochSampler(people, {1, 5, false, 42}).epoch_order(3));
}

// Somebody who is left over from the shares may come anywhere, and a share is not always of the same cases.
TEST(EpochSampler, WhoGoesIntoWhichMicroBatchIsDrawnAnewEveryEpoch) {
    const EpochSampler order({0, 1, 2, 3, 4, 5}, {1, 3, false, 7, {{0, 1, 2}, 1}});
    std::map<std::set<size_t>, int> first;
    for (int64_t epoch = 0; epoch < 4000; ++epoch) {
        std::set<size_t> micro_batch;
        for (size_t i = 0; i < 3; ++i) micro_batch.insert(order.epoch_order(epoch)[i].case_index);
        ++first[micro_batch];
    }
    EXPECT_EQ(first.size(), 18u);  // of 20 triples those with one or two of the stratum
}

TEST(EpochSampler, AStratumTooSmallForEveryMicroBatchIsAnError) {
    const auto build = [](int64_t each, bool drop_last) {
        return EpochSampler({0, 1, 2, 3, 4, 5, 6}, {1, 3, drop_last, 7, {{0, 1, 2}, each}});  // 3 3 1
    };
    EXPECT_NO_THROW(build(1, false));
    EXPECT_THROW(build(2, false), core::ConfigError);  // 2 + 2 + 1
    EXPECT_THROW(build(4, true), core::ConfigError);
    EXPECT_THROW(build(-1, false), core::ConfigError);
}

TEST(EpochSampler, EveryPermutationIsAsLikelyAsAnother) {
    const EpochSampler order({0, 1, 2}, {1, 1, false, 7});
    std::map<std::vector<size_t>, int> count;
    for (int epoch = 0; epoch < 6000; ++epoch) {
        std::vector<size_t> permutation;
        for (const Item& item : order.epoch_order(epoch)) permutation.push_back(item.case_index);
        ++count[permutation];
    }
    ASSERT_EQ(count.size(), 6u);
    // Binomial with n 6000, p 1/6: standard deviation 28.9.
    for (const auto& [permutation, times] : count) EXPECT_NEAR(times, 1000, 5 * 28.9);
}

TEST(EpochSampler, StepsWalkThroughEveryMicroBatchAndEndWithTheEpoch) {
    const EpochSampler order = sampler(4);  // 4 micro-batches an epoch
    ASSERT_EQ(order.micro_batches_per_epoch(), 4);
    for (const int64_t accumulation : {1, 2, 3, 4, 5}) {
        Position position;
        for (int64_t step = 0; step < 3 * order.steps_per_epoch(accumulation); ++step) {
            EXPECT_EQ(order.position_of_step(step, accumulation), position);
            const int64_t size = order.group_size(position, accumulation);
            EXPECT_GE(size, 1);
            EXPECT_LE(position.micro_batch + size, 4);  // no group crosses the end of an epoch
            EXPECT_TRUE(size == accumulation || position.micro_batch + size == 4);
            position = order.advance(position, size);
        }
        EXPECT_EQ(position, (Position{3, 0}));
    }
    EXPECT_EQ(order.steps_per_epoch(3), 2);
    EXPECT_EQ(order.group_size({0, 3}, 3), 1);
}

TEST(EpochSampler, DropLastLeavesOutTheShortMicroBatch) {
    const EpochSampler order = sampler(4, 3, true);
    EXPECT_EQ(order.items_per_epoch(), 12);
    EXPECT_EQ(order.micro_batches_per_epoch(), 3);
    EXPECT_EQ(order.epoch_order(0).size(), 12u);
    const std::vector<Item> whole = sampler(4).epoch_order(0);
    EXPECT_EQ(order.epoch_order(0), std::vector<Item>(whole.begin(), whole.begin() + 12));
    EXPECT_THROW(sampler(16, 3, true), core::ConfigError);
}

TEST(EpochSampler, RefusesWhatCannotBeAnOrder) {
    EXPECT_THROW(EpochSampler({}, {}), core::DataError);
    EXPECT_THROW(sampler(0), core::ConfigError);
    EXPECT_THROW(sampler(1, 0), core::ConfigError);
    EXPECT_THROW(sampler(4).range(4), core::InternalError);
    EXPECT_THROW(sampler(4).advance({0, 5}, 0), core::InternalError);
    EXPECT_THROW(rank_slice(4, 2, 2), core::InternalError);
}

}  // namespace
}  // namespace vox::data
