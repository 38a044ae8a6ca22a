#include "report/slices.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.hpp"

namespace vox::report {
namespace {

using core::Index3;

constexpr Index3 kSize{6, 8, 10};

size_t flat(const Index3& at) { return static_cast<size_t>((at[0] * kSize[1] + at[1]) * kSize[2] + at[2]); }

struct Volume {
    std::vector<float> grey = std::vector<float>(6 * 8 * 10, 0.0F);
    std::vector<uint8_t> labels = std::vector<uint8_t>(6 * 8 * 10, 0);
};

std::vector<uint8_t> pixel(const Image& image, int64_t y, int64_t x) {
    const auto start = image.pixels.begin() + (y * image.width + x) * 3;
    return {start, start + 3};
}

Preview preview_of(const Volume& volume, std::vector<Panel> panels = {}) {
    Preview preview;
    preview.size = kSize;
    preview.panels = panels.empty() ? std::vector<Panel>{{"grey", volume.grey, {}}} : std::move(panels);
    return preview;
}

// 10 voxels are magnified to at least 144 pixels: a zoom of 15.
constexpr int64_t kZoom = 15;
constexpr int64_t kGap = 2;

TEST(Slices, LayOutThreeRowsAndAColumnPerPanel) {
    const Volume volume;
    const Image image = draw_preview(preview_of(volume, {{"a", volume.grey, {}}, {"b", volume.grey, {}}}));
    EXPECT_EQ(image.width, 2 * 10 * kZoom + kGap);
    EXPECT_EQ(image.height, (8 + 6 + 6) * kZoom + 2 * kGap);
    EXPECT_EQ(image.channels, 3);
}

TEST(Slices, ShowThePatientsRightOnTheLeftAndFrontAndTopUpwards) {
    Volume volume;
    const Index3 centre{3, 4, 5};
    // One bright voxel in each of the three middle slices, in the right (W high), front (H high) or top (D high) corner.
    volume.grey[flat({3, 7, 9})] = 1.0F;  // axial: front right
    volume.grey[flat({5, 4, 9})] = 1.0F;  // coronal: top right
    volume.grey[flat({5, 7, 5})] = 1.0F;  // sagittal: top front
    const Image image = draw_preview(preview_of(volume));
    const auto bright = [&](int64_t y, int64_t x) { return pixel(image, y, x)[0] > 0; };
    const int64_t coronal = 8 * kZoom + kGap, sagittal = coronal + 6 * kZoom + kGap;
    const int64_t sagittal_left = (10 - 8) * kZoom / 2;  // H is narrower than W: centred in the column
    EXPECT_NE(volume.grey[flat(centre)], 1.0F);
    EXPECT_TRUE(bright(0, 0));
    EXPECT_FALSE(bright(0, 10 * kZoom - 1));
    EXPECT_FALSE(bright(8 * kZoom - 1, 0));
    EXPECT_TRUE(bright(coronal, 0));
    EXPECT_FALSE(bright(coronal + 6 * kZoom - 1, 0));
    EXPECT_TRUE(bright(sagittal, sagittal_left));
    EXPECT_FALSE(bright(sagittal, sagittal_left + 8 * kZoom - 1));
}

TEST(Slices, TheAxialRowAloneIsTheFirstOfThree) {
    Volume volume;
    for (size_t i = 0; i < volume.grey.size(); ++i) volume.grey[i] = static_cast<float>(i % 97);
    for (int64_t w = 2; w < 8; ++w) volume.labels[flat({2, 3, w})] = 1;
    Preview preview = preview_of(volume, {{"a", volume.grey, {}}, {"b", volume.grey, volume.labels}});
    preview.centre = {2, 3, 4};
    const Image all = draw_preview(preview), axial = draw_axial(preview);
    EXPECT_EQ(axial.width, all.width);  // W is longer than H here, so that columns are as wide
    EXPECT_EQ(axial.height, 8 * kZoom);
    EXPECT_EQ(axial.texts, all.texts);
    EXPECT_TRUE(std::equal(axial.pixels.begin(), axial.pixels.end(), all.pixels.begin()));
}

TEST(Slices, PicturesStackWithAGapAndTheTextsOfTheFirst) {
    const Image a{1, 3, 1, {1, 2, 3}, {{"key", "a"}}}, b{2, 3, 1, {4, 5, 6, 7, 8, 9}, {{"key", "b"}}};
    const std::vector<Image> pictures{a, b};
    const Image all = stack(pictures);
    EXPECT_EQ(all.height, 3 + kGap);
    EXPECT_EQ(all.width, 3);
    EXPECT_EQ(all.pixels, (std::vector<uint8_t>{1, 2, 3, 0, 0, 0, 0, 0, 0, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(all.texts, a.texts);
    const std::vector<Image> uneven{a, {1, 2, 1, {1, 2}, {}}};
    EXPECT_THROW(stack(uneven), core::InternalError);
    EXPECT_THROW(stack({}), core::InternalError);
}

TEST(Slices, PaintLabelsOverTheGreyWithAFullEdgeAndAFaintInside) {
    Volume volume;
    for (int64_t h = 2; h < 7; ++h) {
        for (int64_t w = 2; w < 8; ++w) volume.labels[flat({3, h, w})] = 2;
    }
    Preview preview = preview_of(volume, {{"truth", volume.grey, volume.labels}});
    preview.label_names = {"WT", "TC"};
    const Image image = draw_preview(preview);
    EXPECT_EQ(label_colour(2), "#f0e442");
    const std::vector<uint8_t> full{0xf0, 0xe4, 0x42};
    // Voxel h, w lies at row 7 - h, column 9 - w.
    EXPECT_EQ(pixel(image, (7 - 2) * kZoom, (9 - 2) * kZoom), full);
    const auto inside = pixel(image, (7 - 4) * kZoom, (9 - 4) * kZoom);
    EXPECT_NEAR(inside[0], 0.35 * 0xf0, 1.0);
    EXPECT_EQ(pixel(image, 0, 0), (std::vector<uint8_t>{0, 0, 0}));
    EXPECT_EQ(image.texts[0].second, "truth");
    EXPECT_EQ(image.texts[1].second, "WT=#009e73|TC=#f0e442");
}

TEST(Slices, StretchCoarseAxesToMillimetres) {
    const Volume volume;
    Preview preview = preview_of(volume);
    preview.spacing_mm = {3.0, 1.0, 1.0};  // 6 slices of 3 mm are 18 mm high
    const Image image = draw_preview(preview);
    EXPECT_EQ(image.height, (8 + 18 + 18) * 8 + 2 * kGap);  // 18 pixels need a zoom of 8 to reach 144
}

TEST(Slices, SpreadTheWindowOverTheValuesThatAreNotZero) {
    Volume volume;
    for (size_t i = 0; i < volume.grey.size(); ++i)
        volume.grey[i] = i % 2 ? 0.0F : 100.0F + static_cast<float>(i) * 0.1F;
    volume.grey[flat({3, 0, 0})] = 1e9F;  // an outlier must not darken the rest
    const Image image = draw_preview(preview_of(volume));
    EXPECT_EQ(pixel(image, 8 * kZoom - 1, 10 * kZoom - 1)[0], 255);
    // Voxel (3, 4, 4) is at the middle of the ramp 100 .. 148.
    EXPECT_NEAR(pixel(image, (7 - 4) * kZoom, (9 - 4) * kZoom)[0], 255.0 * 28.4 / 47.9, 8.0);
}

TEST(Slices, FindWhereMostIsLabelled) {
    Volume volume;
    EXPECT_EQ(most_labelled_slices(volume.labels, kSize), (Index3{3, 4, 5}));
    volume.labels[flat({1, 2, 3})] = 1;
    volume.labels[flat({1, 2, 9})] = 2;
    volume.labels[flat({4, 2, 9})] = 1;
    EXPECT_EQ(most_labelled_slices(volume.labels, kSize), (Index3{1, 2, 9}));
}

TEST(Slices, RefuseSpansOfAnotherSize) {
    const Volume volume;
    EXPECT_THROW(draw_preview(preview_of(volume, {{"short", std::span(volume.grey).first(5), {}}})),
                 core::InternalError);
    EXPECT_THROW(draw_preview(preview_of(volume, {{"labels", volume.grey, std::span(volume.labels).first(5)}})),
                 core::InternalError);
    Preview outside = preview_of(volume);
    outside.centre = Index3{6, 0, 0};
    EXPECT_THROW(draw_preview(outside), core::InternalError);
}

}  // namespace
}  // namespace vox::report
