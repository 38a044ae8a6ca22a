#pragma once
// What a user may configure about reading and augmenting training data: section `data`.

#include <cstdint>
#include <string>
#include <vector>

#include "config/section.hpp"
#include "core/geometry.hpp"
#include "data/epoch_sampler.hpp"
#include "data/folds.hpp"
#include "data/intensity_options.hpp"
#include "data/resize.hpp"
#include "data/spatial_options.hpp"
#include "data/transforms.hpp"

namespace vox::data {

struct Options {
    int64_t batch_size = 1;         // items a rank and micro-batch; 0 where global_batch_size says it
    /// Items an optimizer step, over all ranks and micro-batches; 0 where batch_size says it.
    int64_t global_batch_size = 0;
    std::vector<int64_t> crop_size{96, 96, 96};  // D, H, W
    int64_t samples_per_case = 1;
    int64_t max_cases = 0;
    std::string fold_column;
    int64_t fold = -1;
    int64_t folds = 0;
    double foreground_ratio = 0.33;
    std::vector<int64_t> resize;  // D, H, W of whole cases; empty: crops
    std::string resize_mode = "area";
    std::string normalisation = "zscore_nonzero";
    std::vector<double> window{-1000, 3000};  // low, high
    double flip_probability = 0.5;
    std::vector<int64_t> flip_axes{0, 1, 2};  // 0 D, 1 H, 2 W
    double intensity_scale = 0.1;
    double intensity_shift = 0.1;
    double intensity_scale_probability = 1;
    double intensity_shift_probability = 1;
    IntensityOptions intensity;  // section `data.intensity`
    SpatialOptions spatial;      // section `data.spatial`
    int64_t threads = 2;
    int64_t prefetch_mb = 512;
    std::string cache = "rank";
    int64_t cache_mb = 1024;  // of a rank, or of a node
    double cache_rate = 1;
    double replace_rate = 0;
    bool drop_last = false;
    int64_t seed = 0;  // no key of its own: the run's seed

    /// Takes the keys above out of section `data`.  Throws ConfigError for values that cannot work or contradict each other.
    void read(config::Section& section);

    /// Which cases train and validate, where the shards do not say it.
    Folds fold_choice() const { return {fold_column, fold, folds, seed}; }
    /// The first max_cases of a split's cases, in their order; all where it is 0.
    std::vector<size_t> first_cases(std::vector<size_t> split) const;
    /// What the network gets of a case: a crop, or all of it resized.
    core::Index3 crop() const;
    /// Nothing where crops are taken.
    Resize whole() const;
    Intensities intensities() const { return {data::normalisation(normalisation), {window[0], window[1]}}; }
    /// What is read of a case: the crop and its margin on both sides.
    core::Index3 read_size() const;
    Augmentation augmentation() const;
    SamplerOptions sampler(int64_t global_micro_batch, const Stratum& stratum = {}) const;
    /// What decoded chunks may take, on this rank or on this node.
    size_t cache_bytes() const { return cache == "none" ? 0 : static_cast<size_t>(cache_mb) << 20; }
    bool shares_cache() const { return cache == "node"; }
    size_t prefetch_bytes() const { return static_cast<size_t>(prefetch_mb) << 20; }
};

/// Items of one global micro-batch: batch_size * world_size, or global_batch_size / accumulation.  The first start of a run
/// asks; the checkpoint keeps the answer.  Throws ConfigError with the arithmetic where it does not divide.
int64_t resolve_global_micro_batch(const Options& options, int world_size, int64_t accumulation);

}  // namespace vox::data
