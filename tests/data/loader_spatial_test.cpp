// Moved crops out of shards: what a margin is for, and that numbers belong to items.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/meshgrid.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "data/augment_spatial.hpp"
#include "data/crop.hpp"
#include "data/known_voxels.hpp"
#include "data/loader.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

// Case 2 is smaller than the crop along D, case 3 along every axis; the others leave crops without a whole margin.
const std::vector<core::Index3> sizes{{20, 24, 28}, {24, 20, 18}, {7, 20, 24}, {9, 8, 7}, {30, 17, 16}};

const std::filesystem::path& shards() {
    static const test::TemporaryFolder folder;
    static const bool written = (test::known_dataset(folder.path(), 2, sizes), true);
    static_cast<void>(written);
    return folder.path();
}

/// Every crop is moved in every way; the margin holds all places.
Options moving_options() {
    Options options;
    options.crop_size = {10, 12, 14};
    options.samples_per_case = 3;
    options.foreground_ratio = 0.5;
    options.normalisation = "none";
    options.flip_probability = options.intensity_scale = options.intensity_shift = 0;
    options.seed = 5;
    SpatialOptions& spatial = options.spatial;
    spatial.affine_probability = spatial.rotate_probability = spatial.zoom_probability = spatial.elastic_probability =
        1;
    spatial.affine = {{0.1, 0.1, 0.1}, {0, 0.1, 0, 0, 0, 0.1}, {2, 3, 3}, {0, 0, 0}};
    spatial.margin = {8, 9, 9};
    return options;
}

/// [D,H,W,3] float64: voxels of the padded volume, in D, H, W, at which an item's crop is sampled.
at::Tensor places_of(const Item& item, const Crop& crop_box, const Options& options) {
    const core::Index3 crop = options.crop();
    const SpatialDraw draw = draw_spatial(options.spatial, item.key);
    std::vector<at::Tensor> axes;
    for (const int64_t length : crop)
        axes.push_back(at::arange(length, at::kDouble) - 0.5 * static_cast<double>(length - 1));
    at::Tensor places = at::stack(at::meshgrid(axes, "ij"), 3);
    const at::Tensor noise = elastic_noise(item.key, crop, at::kDouble)[0];
    places = places + elastic_offsets(noise, draw.elastic->sigma, draw.elastic->magnitude).permute({1, 2, 3, 0});
    std::vector<at::Tensor> moved;
    for (size_t axis = 0; axis < 3; ++axis) {
        at::Tensor sum = places.select(3, 0) * draw.matrix[axis][0] + places.select(3, 1) * draw.matrix[axis][1] +
                         places.select(3, 2) * draw.matrix[axis][2] + draw.matrix[axis][3];
        moved.push_back(sum + 0.5 * static_cast<double>(crop[axis] - 1) +
                        static_cast<double>(crop_box.box.start[axis]));
    }
    return at::stack(moved, 3);
}

/// The whole case, padded with 0 to the crop's size, sampled at those places: what reading a margin must not change.
struct WholeVolume {
    WholeVolume(const ShardReader& reader, const Item& item, const Options& options) {
        const Sample sample = load_case(reader, item.case_index, Normalisation::none);
        const core::Index3 volume = sizes[item.case_index];
        const Crop crop =
            choose_crop(volume, options.crop(), options.foreground_ratio, reader.foreground(item.case_index), item.key);
        std::vector<int64_t> pad;
        for (size_t axis = 3; axis-- > 0;) {
            const int64_t missing = std::max<int64_t>(options.crop_size[axis] - volume[axis], 0);
            pad.insert(pad.end(), {crop.pad_before[axis], missing - crop.pad_before[axis]});
        }
        const at::Tensor voxels = at::constant_pad_nd(sample.image.to(at::kDouble), pad).unsqueeze(0);
        const at::Tensor marks = at::constant_pad_nd(sample.label.to(at::kDouble), pad).unsqueeze(0).unsqueeze(0);
        const at::Tensor places = places_of(item, crop, options);
        std::vector<at::Tensor> grid;
        for (int64_t axis = 2; axis >= 0; --axis) {
            const auto place = places.select(3, axis);
            const auto a = static_cast<size_t>(axis);
            const double first =
                static_cast<double>(crop.box.start[a]) - static_cast<double>(options.spatial.margin[a]);
            const double last = first + static_cast<double>(options.read_size()[a] - 1);
            within_margin = within_margin && place.min().item<double>() >= first && place.max().item<double>() <= last;
            beyond_crop = beyond_crop || place.min().item<double>() < static_cast<double>(crop.box.start[a]);
            beyond_volume = beyond_volume || place.min().item<double>() < 0;
            grid.push_back((place * 2 + 1) / static_cast<double>(voxels.size(2 + axis)) - 1);
        }
        const int64_t mode = options.spatial.padding == "zeros" ? 0 : 1;
        const at::Tensor where = at::stack(grid, 3).unsqueeze(0);
        image = at::grid_sampler(voxels, where, 0, mode, false)[0];
        label = at::grid_sampler(marks, where, 1, mode, false)[0][0].to(at::kByte);
    }
    at::Tensor image, label;
    bool within_margin = true, beyond_crop = false, beyond_volume = false;
};

void expect_whole_volumes(const Options& options, bool equal) {
    const ShardReader reader(shards());
    Loader loader(reader, options, 4, 0, 1, at::kCPU, at::kDouble);
    const auto order = loader.sampler().epoch_order(0);
    size_t position = 0, different = 0, beyond_crop = 0, beyond_volume = 0;
    for (const Batch& batch : loader.next(4)) {
        EXPECT_EQ(batch.image.sizes().slice(1), (std::vector<int64_t>{2, 10, 12, 14}));
        for (int64_t b = 0; b < batch.size(); ++b, ++position) {
            const WholeVolume whole(reader, order.at(position), options);
            beyond_crop += whole.beyond_crop;
            beyond_volume += whole.beyond_volume;
            const double difference = (batch.image[b] - whole.image).abs().max().item<double>();
            const bool same = difference <= 1e-8 && at::equal(batch.label[b], whole.label);  // of values up to 500
            different += !same;
            if (!equal) continue;
            EXPECT_TRUE(whole.within_margin) << "the test's margin is too small";
            EXPECT_TRUE(same) << batch.case_ids[static_cast<size_t>(b)] << ": " << difference;
        }
    }
    EXPECT_EQ(position, 15u);
    EXPECT_GE(beyond_crop, 10u);
    EXPECT_GE(beyond_volume, 5u);
    EXPECT_EQ(different > 0, !equal);
}

TEST(LoaderSpatial, WithAMarginCropsAreThoseOfTheWholeMovedVolume) { expect_whole_volumes(moving_options(), true); }

TEST(LoaderSpatial, WithoutAMarginTheyAreNot) {
    Options options = moving_options();
    options.spatial.margin = {0, 0, 0};
    expect_whole_volumes(options, false);
}

TEST(LoaderSpatial, ZerosOutsideOfTheVolumeAreThoseOfTheWholeVolumeToo) {
    Options options = moving_options();
    options.spatial.padding = "zeros";
    expect_whole_volumes(options, true);
}

TEST(LoaderSpatial, ZerosAreZeroAfterNormalisation) {
    // Percentiles make something else of a stored 0; what lies outside of the volume has to be 0 all the same.
    Options options = moving_options();
    options.normalisation = "percentile";
    options.spatial.padding = "zeros";
    options.spatial.affine = {{0, 0, 0}, {0, 0, 0, 0, 0, 0}, {60, 0, 0}, {0, 0, 0}};
    options.spatial.margin = {40, 0, 0};
    const ShardReader reader(shards());
    Loader loader(reader, options, 15, 0, 1, at::kCPU, at::kDouble);
    const Batch batch = loader.next(1).at(0);
    int away = 0;
    for (int64_t b = 0; b < batch.size(); ++b) {
        const SpatialDraw draw = draw_spatial(options.spatial, batch.keys[static_cast<size_t>(b)]);
        if (std::abs(draw.matrix[0][3]) < 45) continue;  // further than any of the volumes is long
        EXPECT_EQ(batch.image[b].abs().max().item<double>(), 0);
        ++away;
    }
    EXPECT_GE(away, 2);
}

/// All that two epochs bring on `world_size` ranks, in the global order.
std::pair<at::Tensor, at::Tensor> sequence(const Options& options, int world_size) {
    const ShardReader reader(shards());
    std::vector<std::unique_ptr<Loader>> ranks;
    for (int rank = 0; rank < world_size; ++rank) {
        ranks.push_back(std::make_unique<Loader>(reader, options, 4, rank, world_size, at::kCPU, at::kFloat));
    }
    std::vector<at::Tensor> images, labels;
    for (int micro_batch = 0; micro_batch < 8; ++micro_batch) {
        for (auto& rank : ranks) {
            const Batch batch = rank->next(1).at(0);
            images.push_back(batch.image);
            labels.push_back(batch.label);
        }
    }
    return {at::cat(images), at::cat(labels)};
}

TEST(LoaderSpatial, NumbersDoNotDependOnThreadsOrWorldSize) {
    Options options = moving_options();
    SpatialOptions& spatial = options.spatial;
    spatial.affine_probability = spatial.rotate_probability = spatial.zoom_probability = 0.5;
    spatial.elastic_probability = spatial.rotate90_probability = 0.5;
    options.crop_size = {10, 12, 12};
    options.flip_probability = 0.5;
    const auto [image, label] = sequence(options, 1);
    EXPECT_EQ(image.sizes(), (std::vector<int64_t>{30, 2, 10, 12, 12}));
    for (const int world_size : {2, 3, 5}) {
        options.threads = world_size == 3 ? 4 : 1;
        const auto [other_image, other_label] = sequence(options, world_size);
        EXPECT_TRUE(at::equal(image, other_image)) << world_size;
        EXPECT_TRUE(at::equal(label, other_label)) << world_size;
    }
}

TEST(LoaderSpatial, ItemsThatAreNotMovedAreTheCropsOfBefore) {
    Options moving = moving_options(), plain = moving_options();
    SpatialOptions& spatial = moving.spatial;
    spatial.affine_probability = spatial.rotate_probability = spatial.zoom_probability = 0;
    spatial.elastic_probability = 0.3;
    plain.spatial = {};
    const auto [before, before_label] = sequence(plain, 1);
    const auto [after, after_label] = sequence(moving, 1);
    int64_t same = 0;
    for (int64_t item = 0; item < 30; ++item) {
        same += at::equal(before[item], after[item]) && at::equal(before_label[item], after_label[item]);
    }
    EXPECT_GE(same, 12);
    EXPECT_LE(same, 29);
}

}  // namespace
}  // namespace vox::data
