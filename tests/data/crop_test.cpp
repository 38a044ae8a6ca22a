#include "data/crop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace vox::data {
namespace {

const core::Index3 volume{20, 30, 25};
const core::Index3 size{8, 9, 10};

bool contains(const core::Box& box, const core::Index3& voxel) {
    for (size_t axis = 0; axis < 3; ++axis) {
        if (voxel[axis] < box.start[axis] || voxel[axis] >= box.start[axis] + box.size[axis]) return false;
    }
    return true;
}

core::Index3 place(uint32_t flat) {
    return {flat / (volume[1] * volume[2]), flat / volume[2] % volume[1], flat % volume[2]};
}

ops::RandomKey key(uint32_t position) { return {5, 1, position, 0}; }

TEST(Crop, ForegroundVoxelLiesInsideAndTheCropInsideTheVolume) {
    for (uint32_t flat = 0; flat < 20 * 30 * 25; flat += 7) {  // corners and faces included
        const std::vector<ForegroundPositions> foreground{{1, {flat}}};
        const Crop crop = choose_crop(volume, size, 1.0, foreground, key(flat));
        EXPECT_TRUE(contains(crop.box, place(flat))) << flat;
        EXPECT_EQ(crop.box.size, size);
        for (size_t axis = 0; axis < 3; ++axis) {
            EXPECT_GE(crop.box.start[axis], 0);
            EXPECT_LE(crop.box.start[axis] + size[axis], volume[axis]);
        }
    }
}

TEST(Crop, UniformCropsReachEveryPlaceEquallyOften) {
    std::map<int64_t, int> starts;
    for (uint32_t i = 0; i < 13000; ++i) ++starts[choose_crop(volume, size, 0.0, {}, key(i)).box.start[0]];
    ASSERT_EQ(starts.size(), 13u);  // 0 .. 20 - 8
    // Binomial with n 13000, p 1/13: standard deviation 30.4.
    for (const auto& [start, times] : starts) EXPECT_NEAR(times, 1000, 5 * 30.4) << start;
}

TEST(Crop, ForegroundRatioIsTheShareOfForegroundCrops) {
    // Voxel 0 is inside a uniform crop only where that starts at 0 0 0: one place of 13 * 22 * 16.
    const std::vector<ForegroundPositions> foreground{{1, {0}}};
    int inside = 0;
    for (uint32_t i = 0; i < 10000; ++i)
        inside += contains(choose_crop(volume, size, 0.3, foreground, key(i)).box, {0, 0, 0});
    EXPECT_NEAR(inside, 3000, 5 * 45.8);  // binomial, n 10000, p 0.3
}

TEST(Crop, ARareLabelComesAsOftenAsACommonOne) {
    std::vector<uint32_t> common(1000, 0);
    const uint32_t last = 20 * 30 * 25 - 1;
    const std::vector<ForegroundPositions> foreground{{1, common}, {2, {}}, {4, {last}}};
    int rare = 0;
    for (uint32_t i = 0; i < 10000; ++i)
        rare += contains(choose_crop(volume, size, 1.0, foreground, key(i)).box, place(last));
    EXPECT_NEAR(rare, 5000, 5 * 50);
}

TEST(Crop, SmallVolumesAreTakenWholeAndPaddedOnBothSides) {
    const Crop crop = choose_crop({5, 30, 9}, size, 0.0, {}, key(3));
    EXPECT_EQ(crop.box.start[0], 0);
    EXPECT_EQ(crop.box.start[2], 0);
    EXPECT_EQ(crop.box.size, (core::Index3{5, 9, 9}));
    EXPECT_EQ(crop.pad_before, (core::Index3{1, 0, 0}));  // 3 missing: 1 before, 2 after; 1 missing: after
}

TEST(Crop, AMarginAddsVoxelsAroundWithoutMovingTheCrop) {
    const core::Index3 margin{4, 0, 7};
    for (const core::Index3& whole : std::vector<core::Index3>{volume, {5, 30, 9}, {8, 9, 10}, {9, 40, 31}}) {
        for (uint32_t i = 0; i < 200; ++i) {
            const Crop crop = choose_crop(whole, size, 0.0, {}, key(i));
            const Crop wide = with_margin(crop, whole, size, margin);
            const core::Box inside = inside_volume(crop, whole, size, margin);
            for (size_t axis = 0; axis < 3; ++axis) {
                for (int64_t v = 0; v < size[axis] + 2 * margin[axis]; ++v) {
                    // Where this voxel of the read box lies in the volume, and in the volume padded to the crop.
                    const int64_t at = crop.box.start[axis] - crop.pad_before[axis] - margin[axis] + v;
                    const int64_t padded = at + crop.pad_before[axis], voxel = v - wide.pad_before[axis];
                    const bool read = voxel >= 0 && voxel < wide.box.size[axis];
                    ASSERT_EQ(read, at >= 0 && at < whole[axis]);
                    ASSERT_TRUE(!read || wide.box.start[axis] + voxel == at);
                    const bool counts = v >= inside.start[axis] && v < inside.start[axis] + inside.size[axis];
                    ASSERT_EQ(counts, padded >= 0 && padded < std::max(whole[axis], size[axis]));
                }
            }
        }
    }
    const Crop crop = choose_crop(volume, size, 0.0, {}, key(1));
    EXPECT_EQ(with_margin(crop, volume, size, {0, 0, 0}), crop);
}

TEST(Crop, IsAPureFunctionOfTheKey) {
    EXPECT_EQ(choose_crop(volume, size, 0.5, {}, key(1)), choose_crop(volume, size, 0.5, {}, key(1)));
    EXPECT_NE(choose_crop(volume, size, 0.5, {}, key(1)), choose_crop(volume, size, 0.5, {}, key(2)));
}

}  // namespace
}  // namespace vox::data
