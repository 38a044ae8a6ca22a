#pragma once
// From shards to batches on the training device: threads of this rank read crops ahead of the training loop.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "data/batch.hpp"
#include "data/epoch_sampler.hpp"
#include "data/options.hpp"
#include "data/shard_reader.hpp"
#include "data/transforms.hpp"

namespace vox::data {

/// This rank's batches, in the global order.  No communication: all ranks call it alike.  One thread calls; the reader must
/// outlive it.
class Loader {
public:
    /// `stratum`: cases that no micro-batch should go without.  `global_micro_batch` from `resolve_global_micro_batch`, or from the checkpoint.  `dtype` is the image's (float32, or
    /// float64 where training is fp64).  Throws DataError where the training split is empty or its cases differ in channels,
    /// ConfigError where options cannot go with what the data set holds.
    Loader(const ShardReader& reader, const Options& options, int64_t global_micro_batch, int rank, int world_size,
           at::Device device, at::ScalarType dtype, const Stratum& stratum = {});
    ~Loader();

    /// The micro-batches of one optimizer step: `accumulation` of them, fewer at the end of an epoch, the same number on
    /// every rank.  A batch may be empty: image [0,C,D,H,W], label [0,D,H,W] (label 0 where a case has none).  Views
    /// come with their cases, whatever the crop shows of them; flips turn them too.
    /// Rethrows what a reading thread threw, once the order comes to that item: DataError names file, case and crop.
    std::vector<Batch> next(int64_t accumulation);

    /// The first micro-batch that `next` has not returned yet; `seek` goes on from any such place, at any world size.
    Position position() const;
    void seek(Position position);

    int64_t steps_per_epoch(int64_t accumulation) const;
    const EpochSampler& sampler() const;
    const ShardReader& reader() const;

    /// Seconds that `next` has waited for reading threads so far.
    double wait_seconds() const;

    struct Counters {
        int64_t items = 0;  // crops returned by `next`
        int64_t batch_bytes = 0;  // bytes of image, label and views returned by `next`, as read
        int64_t prefetch_peak_bytes = 0;  // most bytes that lay ready or were being read at a time
    };
    Counters counters() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// One whole case for validation, on the host, resized (unless `resize` is nothing), then normalised: what the loader makes of it
/// before augmentation, where the same are given.  Any thread.  Throws DataError as the reader.
Sample load_case(const ShardReader& reader, size_t case_index, const Intensities& intensities,
                 const Resize& resize = {});

}  // namespace vox::data
