#pragma once
// The global order of training: which crop is where in the run, as a pure function of (seed, epoch), never of rank, world
// size, thread or arrival.
//
// An epoch is a permutation of (training case) x (draw 0 .. samples_per_case-1), each once, whatever a stratum asks for.  It is cut into global micro-batches of
// `global_micro_batch` items; the last of an epoch may be short, unless `drop_last` leaves it out.  Rank r of N takes a
// contiguous slice of each.  One optimizer step takes an accumulation group: `accumulation` micro-batches in a row, which
// ends early at the end of an epoch, so that no group holds items of two epochs.  All ranks see the same group sizes.

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "ops/random_key.hpp"

namespace vox::data {

/// One crop of the order.
struct Item {
    size_t case_index = 0;  // into ShardReader::cases()
    ops::RandomKey key;  // position: place in the epoch's order; draw: which of the case's crops
    bool operator==(const Item&) const = default;
};

/// A place in the run's sequence of global micro-batches.  Checkpoints keep it; it means the same at any world size.
struct Position {
    int64_t epoch = 0;
    int64_t micro_batch = 0;  // within the epoch
    bool operator==(const Position&) const = default;
};

/// A contiguous part of a global micro-batch; may be empty.
struct Slice {
    int64_t begin = 0;
    int64_t size = 0;
};

/// Rank `rank`'s part of `count` items over `world_size` ranks: sizes differ by at most one, lower ranks take the larger.
Slice rank_slice(int64_t count, int rank, int world_size);

/// Cases of which no micro-batch should go without: those with an event, where the loss learns from events alone.
struct Stratum {
    std::set<size_t> cases;  // into ShardReader::cases()
    int64_t per_micro_batch = 0;  // every global micro-batch holds so many of their items, or nothing else
};

struct SamplerOptions {
    int64_t samples_per_case = 1;
    int64_t global_micro_batch = 1;  // items over all ranks
    bool drop_last = false;
    uint64_t seed = 0;
    Stratum stratum{};
};

/// Any rank, any thread: all functions are const and pure.
class EpochSampler {
public:
    /// `cases`: indices of the training cases.  Throws DataError where there are none, ConfigError where an epoch would
    /// hold no micro-batch (`drop_last`), a size is not positive, or the stratum is too small for every micro-batch.
    EpochSampler(std::vector<size_t> cases, const SamplerOptions& options);

    int64_t items_per_epoch() const;  // what the micro-batches of one epoch hold together
    int64_t micro_batches_per_epoch() const;
    int64_t steps_per_epoch(int64_t accumulation) const;  // accumulation groups, the short last one included

    /// The items of one epoch in order.
    std::vector<Item> epoch_order(int64_t epoch) const;
    /// Which part of `epoch_order` a global micro-batch is, and which part of it is this rank's.  Throws InternalError for
    /// a micro-batch that no epoch has.
    Slice range(int64_t micro_batch) const;
    Slice range(int64_t micro_batch, int rank, int world_size) const;

    /// Where optimizer step `step` (from 0) begins, when every step of the run uses this accumulation.
    Position position_of_step(int64_t step, int64_t accumulation) const;
    /// How many micro-batches a step that begins at `position` takes: `accumulation`, or what the epoch still holds.
    int64_t group_size(Position position, int64_t accumulation) const;
    /// The place `micro_batches` further on; the end of an epoch is the beginning of the next.
    Position advance(Position position, int64_t micro_batches) const;

private:
    void check_stratum() const;
    std::vector<uint32_t> stratified(const std::vector<uint32_t>& order) const;
    bool in_stratum(uint32_t flat) const;

    std::vector<size_t> cases_;
    SamplerOptions options_;
};

}  // namespace vox::data
