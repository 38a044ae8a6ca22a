#include "data/loader.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "core/error.hpp"
#include "data/crop.hpp"
#include "data/known_voxels.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

using testing::HasSubstr;

// Case 2 is smaller than the crop along D, case 3 along every axis.
const std::vector<core::Index3> sizes{{20, 24, 28}, {24, 20, 18}, {7, 20, 24}, {9, 8, 7}, {30, 17, 16}};

/// The data set of `sizes`, written once.
const std::filesystem::path& shards() {
    static const test::TemporaryFolder folder;
    static const bool written = (test::known_dataset(folder.path(), 2, sizes), true);
    static_cast<void>(written);
    return folder.path();
}

/// 10 items an epoch, global micro-batches of 4: 4 4 2.
Options test_options(int64_t threads = 2) {
    Options options;
    options.crop_size = {10, 12, 14};
    options.samples_per_case = 2;
    options.threads = threads;
    options.prefetch_mb = 8;
    options.seed = 77;
    return options;
}

constexpr int64_t global_micro_batch = 4;

Loader loader(const ShardReader& reader, const Options& options, int rank = 0, int world_size = 1,
              at::ScalarType dtype = at::kFloat) {
    return {reader, options, global_micro_batch, rank, world_size, at::kCPU, dtype};
}

/// The items of several batches after one another.
struct Joined {
    at::Tensor image, label;
    std::vector<std::string> case_ids;
    explicit Joined(const std::vector<Batch>& batches) {
        std::vector<at::Tensor> images, labels;
        for (const Batch& batch : batches) {
            images.push_back(batch.image);
            labels.push_back(batch.label);
            case_ids.insert(case_ids.end(), batch.case_ids.begin(), batch.case_ids.end());
        }
        image = at::cat(images);
        label = at::cat(labels);
    }
    void expect_same(const Joined& other) const {
        EXPECT_EQ(case_ids, other.case_ids);
        EXPECT_TRUE(at::equal(image, other.image));
        EXPECT_TRUE(at::equal(label, other.label));
    }
};

/// `groups` calls of next(2) on each of `world_size` ranks, from `start` on, joined in the global order.
std::vector<Batch> global_sequence(const Options& options, int world_size, int groups, Position start = {}) {
    const ShardReader reader(shards(), options.cache_bytes());
    std::vector<std::unique_ptr<Loader>> ranks;
    for (int rank = 0; rank < world_size; ++rank) {
        ranks.push_back(
            std::make_unique<Loader>(reader, options, global_micro_batch, rank, world_size, at::kCPU, at::kFloat));
        ranks.back()->seek(start);
    }
    std::vector<Batch> sequence;
    for (int group = 0; group < groups; ++group) {
        std::vector<std::vector<Batch>> of_ranks;
        for (auto& rank : ranks) of_ranks.push_back(rank->next(2));
        for (size_t i = 0; i < of_ranks[0].size(); ++i) {
            for (auto& batches : of_ranks) {
                EXPECT_EQ(batches.size(), of_ranks[0].size());  // the same number of micro-batches on every rank
                sequence.push_back(batches.at(i));
            }
        }
    }
    return sequence;
}

void expect_crop(const Batch& batch, int64_t b, const Item& item, const Crop& crop) {
    const core::Index3& volume = sizes[item.case_index];
    const auto image = batch.image[b].contiguous();
    const auto label = batch.label[b].contiguous();
    int64_t wrong = 0;
    for (int64_t c = 0; c < 2; ++c) {
        for (int64_t k = 0; k < 10; ++k) {
            for (int64_t j = 0; j < 12; ++j) {
                for (int64_t i = 0; i < 14; ++i) {
                    core::Index3 at{k, j, i};
                    bool inside = true;
                    for (size_t axis = 0; axis < 3; ++axis) {
                        at[axis] += crop.box.start[axis] - crop.pad_before[axis];
                        inside = inside && at[axis] >= 0 && at[axis] < volume[axis];
                    }
                    const int64_t v = (k * 12 + j) * 14 + i;
                    const float voxel = inside ? test::known_voxel(item.case_index, c, at[0], at[1], at[2]) : 0;
                    const uint8_t mark = inside ? test::known_label(item.case_index, volume, at[0], at[1], at[2]) : 0;
                    wrong += image.const_data_ptr<float>()[c * 10 * 12 * 14 + v] != voxel;
                    wrong += label.const_data_ptr<uint8_t>()[v] != mark;
                }
            }
        }
    }
    EXPECT_EQ(wrong, 0) << "voxels of " << batch.case_ids[static_cast<size_t>(b)];
}

TEST(Loader, CropsHoldTheVoxelsOfTheirPlaceAndZeroAround) {
    const ShardReader reader(shards());
    Options options = test_options();
    options.normalisation = "none";
    options.flip_probability = options.intensity_scale = options.intensity_shift = 0;
    options.foreground_ratio = 0.5;
    Loader plain = loader(reader, options);
    size_t position = 0;
    const auto order = plain.sampler().epoch_order(0);
    for (const Batch& batch : plain.next(3)) {
        for (int64_t b = 0; b < batch.size(); ++b, ++position) {
            const Item& item = order.at(position);
            EXPECT_EQ(batch.keys[static_cast<size_t>(b)], item.key);
            EXPECT_EQ(batch.case_ids[static_cast<size_t>(b)], "case_" + std::to_string(item.case_index));
            const Crop crop =
                choose_crop(sizes[item.case_index], options.crop(), 0.5, reader.foreground(item.case_index), item.key);
            expect_crop(batch, b, item, crop);
        }
    }
    EXPECT_EQ(position, 10u);
}

TEST(Loader, ForegroundCropsHoldForeground) {
    const ShardReader reader(shards());
    Options options = test_options();
    options.foreground_ratio = 1;
    Loader foreground = loader(reader, options);
    for (const Batch& batch : foreground.next(3)) {
        for (int64_t b = 0; b < batch.size(); ++b) EXPECT_GT(batch.label[b].sum().item<int64_t>(), 0);
    }
}

TEST(Loader, NumbersDoNotDependOnThreadsCacheOrWorldSize) {
    const Joined expected(global_sequence(test_options(1), 1, 4));
    EXPECT_EQ(expected.image.size(0), 20);  // two epochs: groups of 8 2 8 2
    for (const int64_t threads : {2, 4}) {
        Options options = test_options(threads);
        options.cache_mb = threads == 2 ? 0 : 1;
        Joined(global_sequence(options, 1, 4)).expect_same(expected);
    }
    for (const int world_size : {2, 3, 4, 5}) {
        Joined(global_sequence(test_options(), world_size, 4)).expect_same(expected);
    }
}

TEST(Loader, TransformsOfIntensitiesChangeImagesAndDoNotDependOnWorldSize) {
    const Joined plain(global_sequence(test_options(), 1, 2));
    Options options = test_options();
    IntensityOptions& on = options.intensity;
    on.bias_field_probability = on.gaussian_smooth_probability = on.gibbs_noise_probability = 1;
    on.gaussian_noise_probability = on.sharpen_probability = on.contrast_probability = 1;
    const Joined all(global_sequence(options, 1, 2));
    EXPECT_EQ(all.case_ids, plain.case_ids);
    EXPECT_TRUE(at::equal(all.label, plain.label));
    EXPECT_TRUE(all.image.isfinite().all().item<bool>());
    for (int64_t item = 0; item < all.image.size(0); ++item) {
        EXPECT_GT(all.image[item].sub(plain.image[item]).abs().mean().item<double>(), 0.1) << item;
    }
    for (const int world_size : {2, 3, 5}) Joined(global_sequence(options, world_size, 2)).expect_same(all);
}

TEST(Loader, WhatTheScannerDoesComesBeforeFlipsAndNoiseAfterThem) {
    Options options = test_options();
    options.intensity_scale = options.intensity_shift = 0;
    options.flip_probability = 1;
    Options unflipped = options;
    unflipped.flip_probability = 0;
    const std::vector<int64_t> axes{2, 3, 4};
    const auto image = [&](Options one, double IntensityOptions::* chance) {
        one.intensity.*chance = 1;
        return Joined(global_sequence(one, 1, 1)).image;
    };
    // Each transform of the first group is there, and what it makes moves with the voxels; noise does not.
    const at::Tensor plain = Joined(global_sequence(options, 1, 1)).image;
    for (const auto chance : {&IntensityOptions::bias_field_probability, &IntensityOptions::gaussian_smooth_probability,
                              &IntensityOptions::gibbs_noise_probability}) {
        EXPECT_TRUE(at::equal(image(options, chance), image(unflipped, chance).flip(axes)));
        EXPECT_FALSE(at::equal(image(options, chance), plain));
    }
    const auto noise = &IntensityOptions::gaussian_noise_probability;
    EXPECT_FALSE(at::equal(image(options, noise), image(unflipped, noise).flip(axes)));
}

TEST(Loader, SeekInsideAnEpochGivesTheFollowingBatchesAtAnotherWorldSize) {
    const ShardReader reader(shards());
    Loader first = loader(reader, test_options());
    first.next(2);
    const Position place = first.position();
    EXPECT_EQ(place, (Position{0, 2}));
    std::vector<Batch> rest;
    for (int group = 0; group < 3; ++group) {
        for (Batch& batch : first.next(2)) rest.push_back(std::move(batch));
    }
    EXPECT_EQ(first.position(), (Position{2, 0}));
    for (const int world_size : {1, 2, 3}) {
        Joined(global_sequence(test_options(), world_size, 3, place)).expect_same(Joined(rest));
    }
}

TEST(Loader, GroupsEndWithTheEpochAndSlicesMayBeEmpty) {
    const ShardReader reader(shards());
    Loader last = loader(reader, test_options(), 3, 4);  // of 4 4 2 items, rank 3 gets 1 1 0
    EXPECT_EQ(last.steps_per_epoch(2), 2);
    EXPECT_EQ(last.next(2).size(), 2u);
    const std::vector<Batch> end = last.next(2);
    ASSERT_EQ(end.size(), 1u);
    EXPECT_EQ(end[0].image.sizes(), (std::vector<int64_t>{0, 2, 10, 12, 14}));
    EXPECT_EQ(end[0].label.sizes(), (std::vector<int64_t>{0, 10, 12, 14}));
    EXPECT_EQ(end[0].size(), 0);
    EXPECT_TRUE(end[0].keys.empty());
    const Loader::Counters counters = last.counters();
    EXPECT_EQ(counters.items, 2);
    EXPECT_EQ(counters.batch_bytes, 2 * 10 * 12 * 14 * (2 * 4 + 1));
    EXPECT_GE(counters.prefetch_peak_bytes, 10 * 12 * 14 * (2 * 4 + 1));
    EXPECT_GE(last.wait_seconds(), 0);
}

TEST(Loader, Fp64BatchesAreTheSameNumbersInDouble) {
    const ShardReader reader(shards());
    Loader single = loader(reader, test_options());
    Loader precise = loader(reader, test_options(), 0, 1, at::kDouble);
    const Joined a(single.next(2)), b(precise.next(2));
    EXPECT_EQ(b.image.scalar_type(), at::kDouble);
    EXPECT_LE(a.image.to(at::kDouble).sub(b.image).abs().max().item<double>(), 1e-5);
    EXPECT_GT(a.image.to(at::kDouble).sub(b.image).abs().max().item<double>(), 0);  // computed in double, not converted
}

TEST(Loader, ADataSetLargerThanTheCacheStreamsThroughWithinTheBudget) {
    const test::TemporaryFolder folder;
    const std::vector<core::Index3> large(10, core::Index3{128, 120, 112});
    test::known_dataset(folder.path(), 2, large, Codec::lz4, format::kChunkEdge);
    Options options;
    options.crop_size = {96, 96, 96};
    options.cache_mb = 64;
    options.prefetch_mb = 64;
    const int64_t decoded_bytes = 10 * 128 * 120 * 112 * (2 * 2 + 1);
    ASSERT_GT(decoded_bytes, int64_t{80} << 20);
    const ShardReader reader(folder.path(), options.cache_bytes());
    Loader stream(reader, options, 2, 0, 1, at::kCPU, at::kFloat);
    for (int step = 0; step < stream.steps_per_epoch(1); ++step) stream.next(1);
    EXPECT_EQ(stream.counters().items, 10);
    EXPECT_LE(stream.counters().prefetch_peak_bytes, int64_t{64} << 20);
    EXPECT_LE(reader.counters().cache_peak_bytes, size_t{64} << 20);
    EXPECT_GT(reader.counters().cache_peak_bytes, size_t{32} << 20);  // the budget is used
}

TEST(Loader, ADamagedChunkReachesNextWithFileAndCase) {
    const test::TemporaryFolder folder;
    test::known_dataset(folder.path(), 1, {sizes[0]}, Codec::none);
    const ShardReader reader(folder.path());
    const auto file = folder.path() / "shard_00000.h5";
    {
        // One flipped bit in every 64 bytes: every chunk is hit.
        std::fstream shard(file, std::ios::in | std::ios::out | std::ios::binary);
        for (uintmax_t at = 0; at < std::filesystem::file_size(file); at += 64) {
            shard.seekg(static_cast<std::streamoff>(at));
            const int byte = shard.get();
            shard.seekp(static_cast<std::streamoff>(at));
            shard.put(static_cast<char>(byte ^ 1));
        }
    }
    Loader damaged = loader(reader, test_options());
    for (int again = 0; again < 2; ++again) {
        try {
            damaged.next(1);
            FAIL() << "damage was not noticed";
        } catch (const core::DataError& error) {
            EXPECT_THAT(error.what(), HasSubstr("shard_00000.h5"));
            EXPECT_THAT(error.what(), HasSubstr("case_0"));
            EXPECT_THAT(error.what(), HasSubstr("position 0"));
        }
    }
}

TEST(Loader, AnEmptyTrainingSplitIsNamed) {
    const test::TemporaryFolder folder;
    test::known_dataset(folder.path(), 1, {sizes[0]});
    std::string digest;
    DatasetIndex index = read_dataset_index(folder.path(), digest);
    for (auto& one : index.cases) one.split = "val";
    write_dataset_index(folder.path(), index);
    const ShardReader reader(folder.path());
    EXPECT_THROW(loader(reader, test_options()), core::DataError);
}

TEST(LoadCase, IsTheWholeVolumeNormalisedByItsOwnStatistics) {
    const ShardReader reader(shards());
    const Sample sample = load_case(reader, 1, Normalisation::zscore_nonzero);
    EXPECT_EQ(sample.info->id, "case_1");
    EXPECT_EQ(sample.image.sizes(), (std::vector<int64_t>{2, 24, 20, 18}));
    const at::Tensor stored = load_case(reader, 1, Normalisation::none).image.to(at::kDouble);
    for (int64_t c = 0; c < 2; ++c) {
        int64_t v = 0, wrong = 0;
        for (int64_t k = 0; k < 24; ++k) {
            for (int64_t j = 0; j < 20; ++j) {
                for (int64_t i = 0; i < 18; ++i, ++v) {
                    wrong += stored[c].const_data_ptr<double>()[v] != test::known_voxel(1, c, k, j, i);
                    wrong +=
                        c == 0 && sample.label.const_data_ptr<uint8_t>()[v] != test::known_label(1, sizes[1], k, j, i);
                }
            }
        }
        EXPECT_EQ(wrong, 0);
        const at::Tensor mask = stored[c].ne(0), voxels = stored[c].masked_select(mask);
        const double mean = voxels.mean().item<double>(), deviation = voxels.std(/*unbiased=*/false).item<double>();
        const at::Tensor expected = stored[c].sub(mean).div(deviation).mul(mask);
        EXPECT_LE(sample.image[c].to(at::kDouble).sub(expected).abs().max().item<double>(), 1e-6);
    }
}

TEST(LoadCase, FiguresOfAllVoxelsFollowFromThoseThatAreNotZero) {
    const ShardReader reader(shards());
    const at::Tensor stored = load_case(reader, 1, Normalisation::none).image.to(at::kDouble);
    const at::Tensor zscore = load_case(reader, 1, Normalisation::zscore).image.to(at::kDouble);
    const at::Tensor unit = load_case(reader, 1, Normalisation::unit_range).image.to(at::kDouble);
    for (int64_t c = 0; c < 2; ++c) {
        const at::Tensor& all = stored[c];
        ASSERT_TRUE(all.eq(0).any().item<bool>());
        const at::Tensor expected = all.sub(all.mean()).div(all.std(/*unbiased=*/false));
        EXPECT_LE(zscore[c].sub(expected).abs().max().item<double>(), 1e-6);
        EXPECT_LE(unit[c].sub(all.sub(all.min()).div(all.max().sub(all.min()))).abs().max().item<double>(), 1e-6);
    }
}

}  // namespace
}  // namespace vox::data
