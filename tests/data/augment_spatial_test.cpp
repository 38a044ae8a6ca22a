#include "data/augment_spatial.hpp"

#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/golden.hpp"

namespace vox::data {
namespace {

Batch batch_of(const at::Tensor& image, const at::Tensor& label, std::vector<ops::RandomKey> keys) {
    Batch batch;
    batch.image = image;
    batch.label = label;
    batch.keys = std::move(keys);
    return batch;
}

/// All parts, each for half of the items, within an 11 x 10 x 10 crop and 2 voxels around it.
SpatialOptions everything() {
    SpatialOptions options;
    options.affine_probability = options.rotate_probability = options.zoom_probability = 0.5;
    options.elastic_probability = options.rotate90_probability = 0.5;
    options.affine = {{0.3, 0.2, 5}, {0.1, 0, 0, 0, 0, 0.5}, {1, 2, 3}, {0.1, 0.1, 0.1}};
    options.elastic.translate = {0.5, 0.5, 0.5};
    options.margin = {2, 2, 2};
    return options;
}

const core::Index3 crop{11, 10, 10};
const core::Box read_box{{0, 0, 0}, {15, 14, 14}};

/// Items of the given positions, two channels, with their margin; labels 0, 2, 7 and 255.
Batch items_at(const std::vector<uint32_t>& positions, at::ScalarType type) {
    std::vector<at::Tensor> images, labels;
    std::vector<ops::RandomKey> keys;
    for (const uint32_t position : positions) {
        images.push_back(test::uniform({2, 15, 14, 14}, 100 + position).to(type));
        const at::Tensor noise = test::uniform({15, 14, 14}, 200 + position);
        labels.push_back(noise.gt(0.4).to(at::kByte) * 2 + noise.gt(0.6).to(at::kByte) * 5 +
                         noise.gt(0.8).to(at::kByte) * 248);
        keys.push_back({9, 2, position, 0});
    }
    return batch_of(at::stack(images), at::stack(labels), keys);
}

Batch augmented(const std::vector<uint32_t>& positions, const SpatialOptions& options,
                at::ScalarType type = at::kFloat) {
    Batch batch = items_at(positions, type);
    augment_spatial(batch, options, crop, std::vector<core::Box>(positions.size(), read_box));
    return batch;
}

TEST(AugmentSpatial, AnItemIsTheSameInAnyBatch) {
    const std::vector<uint32_t> positions{0, 1, 2, 3, 4, 5, 6, 7};
    const Batch joined = augmented(positions, everything());
    EXPECT_EQ(joined.image.sizes(), (std::vector<int64_t>{8, 2, 11, 10, 10}));
    EXPECT_EQ(joined.label.sizes(), (std::vector<int64_t>{8, 11, 10, 10}));
    int moved = 0;
    for (const uint32_t position : positions) {
        const Batch single = augmented({position}, everything());
        const Batch pair = augmented({(position + 3) % 8, position}, everything());
        for (const auto& [batch, row] : {std::pair(&single, 0), std::pair(&pair, 1)}) {
            EXPECT_TRUE(at::equal(batch->image[row], joined.image[position])) << position;
            EXPECT_TRUE(at::equal(batch->label[row], joined.label[position])) << position;
        }
        moved += draw_spatial(everything(), joined.keys[position]).moved;
    }
    EXPECT_GE(moved, 4);
}

TEST(AugmentSpatial, WhatDrewNothingKeepsItsMiddleBitForBit) {
    SpatialOptions options = everything();
    options.affine_probability = options.rotate_probability = options.zoom_probability = 0.1;
    options.elastic_probability = options.rotate90_probability = 0.1;
    const std::vector<uint32_t> positions{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const Batch before = items_at(positions, at::kFloat), after = augmented(positions, options);
    int kept = 0;
    for (const uint32_t position : positions) {
        const SpatialDraw draw = draw_spatial(options, before.keys[position]);
        const at::Tensor image = before.image[position].narrow(1, 2, 11).narrow(2, 2, 10).narrow(3, 2, 10);
        const at::Tensor label = before.label[position].narrow(0, 2, 11).narrow(1, 2, 10).narrow(2, 2, 10);
        const bool still = !draw.moved && draw.quarter_turns == 0;
        EXPECT_EQ(at::equal(after.image[position], image), still) << position;
        EXPECT_EQ(at::equal(after.label[position], label), still) << position;
        kept += still;
    }
    EXPECT_GE(kept, 3);
    EXPECT_LE(kept, 7);
}

TEST(AugmentSpatial, LabelsKeepTheirValuesAndFollowTheImage) {
    // An image that is the label: where neighbours agree, both must show the same after moving.
    const std::vector<uint32_t> positions{0, 1, 2, 3, 4, 5};
    Batch batch = items_at(positions, at::kDouble);
    batch.image = batch.label.unsqueeze(1).to(at::kDouble);
    SpatialOptions options = everything();
    options.affine_probability = options.elastic_probability = 1;
    augment_spatial(batch, options, crop, std::vector<core::Box>(6, read_box));
    for (int64_t voxel : {0, 2, 7, 255}) EXPECT_TRUE(batch.label.eq(voxel).any().item<bool>()) << voxel;
    const at::Tensor known = batch.label.eq(0) + batch.label.eq(2) + batch.label.eq(7) + batch.label.eq(255);
    EXPECT_TRUE(known.all().item<bool>());
    // The closest voxel weighs at least an eighth in the linear value.
    const at::Tensor top = batch.label.eq(255), value = batch.image.squeeze(1);
    EXPECT_GE(value.masked_select(top).min().item<double>(), 255.0 / 8 - 1e-9);
    EXPECT_LE(value.masked_select(batch.label.eq(0)).max().item<double>(), 255.0 * 7 / 8 + 1e-9);
}

TEST(AugmentSpatial, DoubleStaysDoubleAndAgreesWithFloat) {
    const std::vector<uint32_t> positions{0, 1, 2, 3, 4, 5, 6, 7};
    const Batch single = augmented(positions, everything()), precise = augmented(positions, everything(), at::kDouble);
    EXPECT_EQ(single.image.scalar_type(), at::kFloat);
    EXPECT_EQ(precise.image.scalar_type(), at::kDouble);
    const double difference = (single.image.to(at::kDouble) - precise.image).abs().max().item<double>();
    EXPECT_LE(difference, 2e-5);  // float32 places: a few 1e-6 of a voxel, on noise
    EXPECT_GT(difference, 0);
}

TEST(AugmentSpatial, AnEmptyBatchBecomesAnEmptyBatchOfCrops) {
    Batch batch = batch_of(at::rand({0, 2, 15, 14, 14}), at::rand({0, 15, 14, 14}).to(at::kByte), {});
    augment_spatial(batch, everything(), crop, {});
    EXPECT_EQ(batch.image.sizes(), (std::vector<int64_t>{0, 2, 11, 10, 10}));
    EXPECT_EQ(batch.label.sizes(), (std::vector<int64_t>{0, 11, 10, 10}));
}

TEST(AugmentSpatial, SizesThatDoNotMatchAreABug) {
    Batch batch = items_at({0}, at::kFloat);
    const std::vector<core::Box> inside{read_box};
    EXPECT_THROW(augment_spatial(batch, everything(), {12, 10, 10}, inside), core::InternalError);
    EXPECT_THROW(augment_spatial(batch, everything(), crop, {}), core::InternalError);
}

}  // namespace
}  // namespace vox::data
