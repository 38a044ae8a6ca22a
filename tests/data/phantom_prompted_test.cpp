// Phantoms of prompts: two lesions of the very same voxels, one on each side of the patient, of which words tell which is meant.

#include "data/phantom_prompted.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "core/error.hpp"
#include "data/build_prompts.hpp"

namespace vox::data {
namespace {

CaseData converted(uint64_t seed, uint32_t number, int64_t edge) {
    const auto phantom = make_prompted_phantom(seed, number, edge);
    CaseData data = build_case("x", {{"ct", phantom.image}}, &phantom.label);
    add_prompts(data, {true, {{1, "lesion"}}, "CT", -1});
    return data;
}

/// The voxels of a target, from its box's corner.
std::set<core::Index3> shape_of(const CaseData& data, const PromptTarget& target) {
    std::set<core::Index3> shape;
    const auto size = data.info.size();
    for (size_t at = 0; at < data.label.size(); ++at) {
        if (data.label[at] != target.value) continue;
        const auto voxel = static_cast<int64_t>(at);
        shape.insert({voxel / (size[1] * size[2]) - target.box.start[0],
                      voxel / size[2] % size[1] - target.box.start[1], voxel % size[2] - target.box.start[2]});
    }
    return shape;
}

TEST(PhantomPrompted, IsAPureFunctionOfSeedAndCase) {
    const auto one = make_prompted_phantom(3, 1, 32);
    EXPECT_EQ(one.image.voxels, make_prompted_phantom(3, 1, 32).image.voxels);
    EXPECT_EQ(one.label.voxels, make_prompted_phantom(3, 1, 32).label.voxels);
    EXPECT_NE(one.image.voxels, make_prompted_phantom(3, 2, 32).image.voxels);
    EXPECT_NE(one.label.voxels, make_prompted_phantom(4, 1, 32).label.voxels);
    EXPECT_THROW(make_prompted_phantom(3, 1, 31), core::InternalError);
}

TEST(PhantomPrompted, HasTwoEqualLesionsOnBothSidesOfThePatient) {
    std::set<int64_t> octants;
    for (uint32_t number = 1; number <= 60; ++number) {
        for (const int64_t edge : {32, 45}) {
            const CaseData data = converted(0, number, edge);
            const auto& targets = data.info.prompts.targets;
            ASSERT_EQ(targets.size(), 2U) << number;
            EXPECT_EQ(shape_of(data, targets[0]), shape_of(data, targets[1])) << number;
            EXPECT_GE(shape_of(data, targets[0]).size(), 27U);
            std::set<bool> right;
            for (const auto& target : targets) {
                ASSERT_GT(target.position, 0) << number;
                const auto position = position_of_class(target.position, PositionSpace::patient);
                right.insert(position.high[2]);
                octants.insert((target.position - 1) / 2);
                for (size_t axis = 0; axis < 3; ++axis) {  // no middle plane is touched
                    const double low = static_cast<double>(target.box.start[axis]) - static_cast<double>(edge) / 2;
                    const double high = low + static_cast<double>(target.box.size[axis]);
                    EXPECT_TRUE(high <= -1 || low >= 1) << number << ": " << low << " to " << high;
                }
            }
            EXPECT_EQ(right.size(), 2U) << number;
        }
    }
    EXPECT_EQ(octants.size(), 8U);
}

TEST(PhantomPrompted, BothLesionsCanBeAskedForByTheirSide) {
    for (uint32_t number = 1; number <= 20; ++number) {
        const auto prompts = converted(1, number, 32).info.prompts;
        for (size_t target = 0; target < 2; ++target) {
            const auto position = position_of_class(prompts.targets[target].position, PositionSpace::patient);
            const auto side = position_text(position, PositionSpace::patient, PositionDetail::side);
            EXPECT_TRUE(std::ranges::any_of(prompts.questions,
                                            [&](const PromptQuestion& one) {
                                                return one.target == target &&
                                                       one.question == "Segment the lesion " + side + ".";
                                            }))
                << number << ": " << side;
            EXPECT_TRUE(std::ranges::none_of(
                prompts.questions, [&](const PromptQuestion& one) { return one.question == "Segment the lesion."; }));
        }
    }
}

// Rods are as bright, dark ones have the shape: neither brightness nor shape alone is a lesion.
TEST(PhantomPrompted, LesionsAreBrightAndOtherThingsToo) {
    for (uint32_t number = 1; number <= 5; ++number) {
        const auto phantom = make_prompted_phantom(2, number, 48);
        std::vector<int16_t> image(phantom.label.voxels.size());
        std::memcpy(image.data(), phantom.image.voxels.data(), phantom.image.voxels.size());
        int64_t bright_lesion = 0, lesion = 0, bright_elsewhere = 0, dark = 0;
        for (size_t at = 0; at < image.size(); ++at) {
            const bool inside = phantom.label.voxels[at] == std::byte{1};
            lesion += inside;
            bright_lesion += inside && image[at] > 45;
            bright_elsewhere += !inside && image[at] > 90;
            dark += image[at] < 0 && image[at] > -500;
        }
        EXPECT_GT(bright_lesion, lesion * 8 / 10) << number;
        EXPECT_GT(bright_elsewhere, 30) << number;
        EXPECT_GT(dark, lesion / 2) << number;
    }
}

}  // namespace
}  // namespace vox::data
