#include "data/options.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/probability.hpp"

namespace vox::data {

using core::concat;

namespace {

constexpr int64_t kMostMb = int64_t{1} << 30;  // bytes still fit into 64 bits

void check_batch(const Options& options, const config::Section& section) {
    section.require(options.batch_size >= 0 && options.global_batch_size >= 0,
                    "batch_size and global_batch_size must not be negative");
    section.require(options.batch_size == 0 || options.global_batch_size == 0,
                    concat("batch_size: ", options.batch_size, " (per rank) and global_batch_size: ",
                           options.global_batch_size, " contradict each other; give one of them, and 0 to the other"));
    section.require(options.batch_size > 0 || options.global_batch_size > 0,
                    "batch_size and global_batch_size are both 0; give one of them");
}

bool three_sizes(const std::vector<int64_t>& size) {
    return size.size() == 3 && std::all_of(size.begin(), size.end(), [](int64_t edge) { return edge > 0; });
}

void check_resize(const Options& options, const config::Section& section) {
    const std::string given = concat("resize: [", core::join(options.resize), "]");
    section.require(three_sizes(options.resize),
                    concat(given, " must be three positive sizes, [D, H, W], or [] to take crops"));
    section.require(options.crop_size.empty(),
                    concat(given, " (whole cases) and crop_size: [", core::join(options.crop_size),
                           "] contradict each other; give one of them, and [] to the other"));
    section.require(options.foreground_ratio == 0,
                    concat(given, " takes whole cases, where foreground_ratio: ", options.foreground_ratio,
                           " has nothing to choose; set foreground_ratio: 0 or leave it out"));
}

void check_crop(const Options& options, const config::Section& section) {
    if (options.resize.empty()) {
        section.require(three_sizes(options.crop_size), concat("crop_size: [", core::join(options.crop_size),
                                                               "] must be three positive sizes, [D, H, W]"));
    } else {
        check_resize(options, section);
    }
    const auto& window = options.window;
    section.require(window.size() == 2 && std::isfinite(window[0]) && std::isfinite(window[1]) && window[0] < window[1],
                    concat("window: [", core::join(window), "] must be two numbers, the lower first"));
    section.require(options.samples_per_case >= 1, "samples_per_case must be at least 1");
    section.require(options.max_cases >= 0, "max_cases must not be negative; 0 takes all");
    check_probability(section, "foreground_ratio", options.foreground_ratio);
}

void check_folds(const Options& options, const config::Section& section) {
    section.require(options.fold >= -1, concat("fold: ", options.fold, " must be a fold's number, or -1"));
    section.require(options.folds == 0 || options.folds >= 2,
                    concat("folds: ", options.folds, " must be 2 or more, or 0 to cut none"));
    section.require(options.folds == 0 || options.fold_column.empty(),
                    concat("fold_column: ", options.fold_column, " and folds: ", options.folds,
                           " contradict each other: the column says which fold a case is in; give one of them"));
    section.require(options.fold < 0 || options.folds > 0 || !options.fold_column.empty(),
                    concat("fold: ", options.fold, " of what?  Give fold_column, or folds"));
    section.require(options.folds == 0 || (options.fold >= 0 && options.fold < options.folds),
                    concat("folds: ", options.folds, " needs fold, 0 .. ", options.folds - 1,
                           ": which of them validates; it is ", options.fold));
}

void check_augmentation(const Options& options, const config::Section& section) {
    std::vector<int64_t> axes = options.flip_axes;
    std::sort(axes.begin(), axes.end());
    const bool distinct = std::adjacent_find(axes.begin(), axes.end()) == axes.end();
    section.require(
        distinct && (axes.empty() || (axes.front() >= 0 && axes.back() <= 2)),
        concat("flip_axes: [", core::join(options.flip_axes), "] must be different ones of 0 (D), 1 (H), 2 (W)"));
    check_probability(section, "flip_probability", options.flip_probability);
    section.require(options.flip_probability == 0 || !axes.empty(),
                    concat("flip_probability: ", options.flip_probability,
                           " with no flip_axes contradicts itself; set flip_probability: 0 to flip nothing"));
    section.require(options.intensity_scale >= 0 && options.intensity_scale < 1,
                    concat("intensity_scale: ", options.intensity_scale, " is not within 0 .. 1 (1 excluded)"));
    section.require(options.intensity_shift >= 0, "intensity_shift must not be negative");
    check_probability(section, "intensity_scale_probability", options.intensity_scale_probability);
    check_probability(section, "intensity_shift_probability", options.intensity_shift_probability);
}

void check_reading(const Options& options, const config::Section& section) {
    section.require(options.threads >= 1 && options.threads <= 256,
                    concat("threads: ", options.threads, " is not within 1 .. 256"));
    section.require(options.prefetch_mb >= 1 && options.prefetch_mb <= kMostMb,
                    concat("prefetch_mb: ", options.prefetch_mb, " is not within 1 .. ", kMostMb));
    section.require(options.cache_mb >= 0 && options.cache_mb <= kMostMb,
                    concat("cache_mb: ", options.cache_mb, " is not within 0 (keeps no chunks) .. ", kMostMb));
    check_probability(section, "cache_rate", options.cache_rate);
    check_probability(section, "replace_rate", options.replace_rate);
    section.require(options.shares_cache() || (options.cache_rate == 1 && options.replace_rate == 0),
                    concat("cache_rate: ", options.cache_rate, " and replace_rate: ", options.replace_rate,
                           " are of a cache that a node shares; set cache: node (here: ", options.cache, ")"));
}

}  // namespace

void Options::read(config::Section& section) {
    section.value(
        "global_batch_size", global_batch_size,
        "crops an optimizer step over all ranks and micro-batches, instead of batch_size; 0: batch_size says it");
    // Where the global size is given, the resolved configuration must show that the other one is not in force.
    if (global_batch_size > 0) batch_size = 0;
    section.value("batch_size", batch_size, "crops a rank and micro-batch; 0 where global_batch_size says it");
    section.value("resize", resize,
                  "take whole cases, resized to [D, H, W] voxels whatever their spacing, instead of crops; []: crops; "
                  "xray_to_ct trains so, at the size of its stage");
    // The same: what chooses crops is not in force.
    if (!resize.empty()) {
        crop_size.clear();
        foreground_ratio = 0;
    }
    section.choice("resize_mode", resize_mode, {"area", "trilinear"},
                   "resize: means over what a voxel covers (for making volumes smaller), or between voxels");
    section.value("crop_size", crop_size,
                  "training crop in voxels, [D, H, W]; smaller volumes are padded with 0; [] where resize says it");
    section.value("samples_per_case", samples_per_case, "crops of each case an epoch");
    section.value("max_cases", max_cases,
                  "train with the first so many cases (by name) of the split, and validate with as many; 0: all");
    section.value(
        "fold_column", fold_column,
        "cross-validation: the column of the data set's table that says which cases train and validate in this "
        "run, in place of the shards: train, val and test, or numbers of folds; empty: the shards say it");
    section.value(
        "fold", fold,
        "the fold that validates, the others train: a number in fold_column, or 0 .. folds - 1; -1: none is said");
    section.value(
        "folds", folds,
        "cross-validation without a column: as many folds, by a hash of case and seed; cases of the split test "
        "stay that; 0: none");
    section.value("foreground_ratio", foreground_ratio, "share of crops centred at a labelled voxel, 0 .. 1");
    section.choice(
        "normalisation", normalisation, {"zscore_nonzero", "zscore", "unit_range", "percentile", "window", "none"},
        "intensities by statistics of each channel of the whole volume: zscore_nonzero and percentile of its "
        "voxels that are not 0, zscore and unit_range (0 .. 1) of all its voxels; window: the same for every case");
    section.value("window", window,
                  "normalisation: window maps these intensities (HU of CT) to -1 .. 1 and clips what lies outside");
    section.value("flip_probability", flip_probability, "chance to flip a crop along each of flip_axes, 0 .. 1");
    section.value("flip_axes", flip_axes, "axes that may be flipped: 0 D, 1 H, 2 W");
    section.value("intensity_scale", intensity_scale, "x * (1 + u), u uniform within +- this, one u a crop; 0: off");
    section.value("intensity_shift", intensity_shift, "x + u, u uniform within +- this, one u a crop; 0: off");
    section.value("intensity_scale_probability", intensity_scale_probability, "chance of intensity_scale, 0 .. 1");
    section.value("intensity_shift_probability", intensity_shift_probability, "chance of intensity_shift, 0 .. 1");
    section.value("threads", threads, "reading threads a rank");
    section.value("prefetch_mb", prefetch_mb, "memory a rank for crops read ahead, MiB (one micro-batch always fits)");
    section.choice(
        "cache", cache, {"none", "rank", "node"},
        "decoded chunks are kept: not at all; by each rank, what was used last; once a node, for all its ranks");
    section.value("cache_mb", cache_mb, "memory for decoded chunks, MiB a rank, of cache: node a node; 0: none");
    section.value("cache_rate", cache_rate, "cache: node keeps at most this share of the decoded data set, 0 .. 1");
    section.value(
        "replace_rate", replace_rate,
        "cache: node replaces this share of what it keeps each epoch, where not all is kept, 0 .. 1; every case "
        "comes in every epoch, kept or not");
    section.value("drop_last", drop_last, "leave out the short last micro-batch of an epoch");
    check_batch(*this, section);
    check_crop(*this, section);
    check_folds(*this, section);
    check_augmentation(*this, section);
    config::Section moving =
        section.section("spatial", "how crops are moved: the middle of what is read, sampled elsewhere");
    spatial.read(moving, crop());
    section.require(
        resize.empty() || read_size() == crop(),
        "spatial.margin has nothing to read around whole cases; set spatial.margin: [0, 0, 0], or resize: []");
    check_reading(*this, section);
    config::Section nested = section.section("intensity", "transforms of intensities, off until their chance is set");
    intensity.read(nested);
}

std::vector<size_t> Options::first_cases(std::vector<size_t> split) const {
    if (max_cases > 0 && split.size() > static_cast<size_t>(max_cases)) split.resize(static_cast<size_t>(max_cases));
    return split;
}

core::Index3 Options::crop() const {
    const auto& size = resize.empty() ? crop_size : resize;
    return {size[0], size[1], size[2]};
}

Resize Options::whole() const {
    if (resize.empty()) return {};
    return {crop(), resize_mode == "area" ? ResizeMode::area : ResizeMode::trilinear};
}

core::Index3 Options::read_size() const {
    core::Index3 size = crop();
    for (size_t axis = 0; axis < 3; ++axis) size[axis] += 2 * spatial.margin[axis];
    return size;
}

Augmentation Options::augmentation() const {
    return {flip_probability,           flip_axes, intensity_scale, intensity_shift, intensity_scale_probability,
            intensity_shift_probability};
}

SamplerOptions Options::sampler(int64_t global_micro_batch, const Stratum& stratum) const {
    return {samples_per_case, global_micro_batch, drop_last, static_cast<uint64_t>(seed), stratum};
}

int64_t resolve_global_micro_batch(const Options& options, int world_size, int64_t accumulation) {
    core::check(world_size >= 1 && accumulation >= 1,
                concat("world size ", world_size, ", accumulation ", accumulation));
    if (options.global_batch_size == 0) return options.batch_size * world_size;
    if (options.global_batch_size % accumulation != 0) {
        throw core::ConfigError(
            concat("data.global_batch_size: ", options.global_batch_size, " cannot be cut into the ", accumulation,
                   " equal micro-batches of train.accumulation: ", options.global_batch_size, " = ", accumulation,
                   " x ", options.global_batch_size / accumulation, " + ", options.global_batch_size % accumulation,
                   "; choose a multiple of ", accumulation));
    }
    return options.global_batch_size / accumulation;
}

}  // namespace vox::data
