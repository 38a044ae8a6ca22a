// Boxes, inner voxels and positions of components against scipy's (tools/golden/prompt_components.py), flips against each other,
// and the sides of a real chest.

#include "data/prompt_position.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/nifti.hpp"
#include "data/orientation.hpp"
#include "data/prompt_components.hpp"
#include "support/golden.hpp"
#include "support/oracle.hpp"

namespace vox::data {
namespace {

using testing::HasSubstr;

constexpr core::Double3 kOnes{1, 1, 1};

// "left superior near", with the script's order of words; "centre"; "" where there is none.
std::string words(const std::optional<PromptPosition>& position, PositionSpace space) {
    if (!position) return "";
    if (position->centre) return "centre";
    const auto side = [&](size_t axis) {
        for (const auto& pair : side_pairs(space)) {
            if (pair.axis == axis) return position->high[axis] ? pair.high : pair.low;
        }
        return std::string();
    };
    const std::string near = position->near ? "near" : "far";
    const std::string in_plane = side(1) + " " + side(2) + " " + near;
    return space == PositionSpace::image ? in_plane : side(0) + " " + in_plane;
}

struct GoldenMap {
    core::Index3 size{};
    core::Double3 spacing_mm{};
    PositionSpace space{};
    std::vector<int32_t> numbers;
    nlohmann::json components;
};

std::vector<GoldenMap> golden_maps() {
    std::vector<GoldenMap> maps;
    test::GoldenArrays arrays("prompt_components");
    const auto golden = test::golden_json("prompt_components");
    for (const auto& entry : golden.at("maps")) {
        GoldenMap map;
        map.size = entry.at("size").get<core::Index3>();
        map.spacing_mm = entry.at("spacing_mm").get<core::Double3>();
        map.space = entry.at("space") == "image" ? PositionSpace::image : PositionSpace::patient;
        const auto numbers = arrays.next(map.size).to(at::kInt).contiguous();
        map.numbers.assign(numbers.const_data_ptr<int32_t>(), numbers.const_data_ptr<int32_t>() + numbers.numel());
        map.components = entry.at("components");
        maps.push_back(std::move(map));
    }
    EXPECT_TRUE(arrays.at_end());
    return maps;
}

std::vector<PromptComponent> components_of(const GoldenMap& map) {
    const std::vector<std::string> names(map.components.size(), "spot");
    return prompt_components(map.numbers, map.size, names);
}

TEST(PromptPosition, EqualsScipysBoxesAndTheRuleInWholeNumbers) {
    std::set<std::string> seen;
    for (const auto& map : golden_maps()) {
        const auto found = components_of(map);
        ASSERT_EQ(found.size(), map.components.size());
        for (size_t n = 0; n < found.size(); ++n) {
            const auto& expected = map.components[n];
            SCOPED_TRACE(expected.dump());
            EXPECT_EQ(found[n].box.start, expected.at("start").get<core::Index3>());
            EXPECT_EQ(found[n].box.size, expected.at("size").get<core::Index3>());
            const auto& place = expected.at("position");
            const auto told = words(position_of(found[n].box, map.size, map.spacing_mm, map.space), map.space);
            EXPECT_EQ(told, place.is_null() ? "" : place.get<std::string>());
            seen.insert(told);
        }
    }
    EXPECT_GE(seen.size(), 20U);
    EXPECT_TRUE(seen.contains(""));
    EXPECT_TRUE(seen.contains("centre"));
}

TEST(PromptComponents, TheInnerVoxelIsTheClosestToScipysMean) {
    for (const auto& map : golden_maps()) {
        const auto found = components_of(map);
        for (size_t n = 0; n < found.size(); ++n) {
            const auto& expected = map.components[n];
            const auto mean = expected.at("mean").get<core::Double3>();
            const auto& at = found[n].inside;
            const double distance =
                std::hypot(static_cast<double>(at[0]) - mean[0], static_cast<double>(at[1]) - mean[1],
                           static_cast<double>(at[2]) - mean[2]);
            EXPECT_NEAR(distance, expected.at("inside_distance").get<double>(), 1e-9);
            const auto flat = static_cast<size_t>((at[0] * map.size[1] + at[1]) * map.size[2] + at[2]);
            EXPECT_EQ(map.numbers[flat], static_cast<int32_t>(n + 1));
        }
    }
}

TEST(PromptComponents, WhatIsNoMapOfThemIsRefused) {
    const std::vector<std::string> two{"a", "b"};
    const std::vector<int32_t> fits{1, 2}, gap{1, 1}, beyond{1, 3}, negative{1, -1};
    EXPECT_EQ(prompt_components(fits, {1, 1, 2}, two).size(), 2U);
    for (const auto& numbers : {gap, beyond, negative}) {
        EXPECT_THROW(prompt_components(numbers, {1, 1, 2}, two), core::InternalError);
    }
    EXPECT_THROW(prompt_components(fits, {1, 1, 3}, two), core::InternalError);
}

// All flips of all components: the box of the flipped volume has the flipped position.
TEST(PromptPosition, FlipsExchangeSidesBoxesAndPoints) {
    for (const auto& map : golden_maps()) {
        for (const auto& component : components_of(map)) {
            const auto position = position_of(component.box, map.size, map.spacing_mm, map.space);
            for (int flips = 0; flips < 8; ++flips) {
                const std::array<bool, 3> axes{(flips & 1) != 0 && map.size[0] > 1, (flips & 2) != 0, (flips & 4) != 0};
                const auto box = flipped(component.box, map.size, axes);
                const auto there = position_of(box, map.size, map.spacing_mm, map.space);
                ASSERT_EQ(there.has_value(), position.has_value());
                if (position) {
                    EXPECT_EQ(*there, flipped(*position, axes));
                }
                EXPECT_EQ(flipped(box, map.size, axes), component.box);
                core::Double3 middle{}, middle_there{};
                for (size_t axis = 0; axis < 3; ++axis) {
                    const auto of = [axis](const core::Box& b) {
                        return static_cast<double>(b.start[axis]) + static_cast<double>(b.size[axis]) / 2;
                    };
                    middle[axis] = of(component.box);
                    middle_there[axis] = of(box);
                }
                EXPECT_EQ(flipped(middle, map.size, axes), middle_there);
            }
        }
    }
}

TEST(PromptPosition, FlippedWordsAreThoseOfTheFlippedPosition) {
    for (const auto space : {PositionSpace::image, PositionSpace::patient}) {
        for (int64_t number = 0; number < position_classes(space); ++number) {
            const auto position = position_of_class(number, space);
            const auto mirrored = flipped(position, {false, false, true});
            const auto text = position_text(mirrored, space, PositionDetail::whole);
            if (number == 0) {
                EXPECT_EQ(text, "at the centre");
            } else {
                EXPECT_THAT(text, HasSubstr(position.high[2] ? "left" : "right"));
            }
        }
    }
}

TEST(PromptPosition, ClassesAndTextsAreOneToOne) {
    EXPECT_EQ(position_classes(PositionSpace::image), 9);
    EXPECT_EQ(position_classes(PositionSpace::patient), 17);
    for (const auto space : {PositionSpace::image, PositionSpace::patient}) {
        std::set<std::string> texts;
        for (int64_t number = 0; number < position_classes(space); ++number) {
            const auto position = position_of_class(number, space);
            EXPECT_EQ(position_class(position), number);
            texts.insert(position_text(position, space, PositionDetail::whole));
        }
        EXPECT_EQ(static_cast<int64_t>(texts.size()), position_classes(space));
        EXPECT_THROW(position_of_class(position_classes(space), space), core::InternalError);
        EXPECT_THROW(position_of_class(-1, space), core::InternalError);
    }
    EXPECT_EQ(position_texts(PositionSpace::image).size(), 1U + 4 + 2 + 8);
    EXPECT_EQ(position_texts(PositionSpace::patient).size(), 1U + 8 + 2 + 16);
    const PromptPosition place{.high = {true, false, false}, .near = true};
    EXPECT_EQ(position_text(place, PositionSpace::patient, PositionDetail::whole),
              "in the left posterior superior octant near the centre");
    EXPECT_EQ(position_text({.high = {false, true, true}}, PositionSpace::image, PositionDetail::side),
              "in the bottom right quadrant");
}

TEST(PromptPosition, BordersOfTheRule) {
    const auto told = [](core::Index3 start, core::Index3 size) {
        return words(position_of({start, size}, {1, 20, 20}, kOnes, PositionSpace::image), PositionSpace::image);
    };
    EXPECT_EQ(told({0, 9, 9}, {1, 2, 2}), "centre");
    EXPECT_EQ(told({0, 8, 8}, {1, 2, 2}), "top left near");  // touches the middle, does not hold it
    EXPECT_EQ(told({0, 9, 2}, {1, 2, 2}), "");  // right upon the middle row
    EXPECT_EQ(told({0, 9, 2}, {1, 1, 1}), "top left far");
    // Closer than 0.2 * 20 pixels.
    EXPECT_EQ(told({0, 7, 7}, {1, 1, 1}), "top left near");
    EXPECT_EQ(told({0, 10, 13}, {1, 1, 1}), "bottom right near");
    EXPECT_EQ(told({0, 10, 14}, {1, 1, 1}), "bottom right far");
    EXPECT_THROW(position_of({{0, 0, 0}, {1, 0, 1}}, {1, 4, 4}, kOnes, PositionSpace::image), core::InternalError);
    EXPECT_THROW(position_of({{0, 0, 3}, {1, 1, 2}}, {1, 4, 4}, kOnes, PositionSpace::image), core::InternalError);
    EXPECT_THROW(position_of({{0, 0, 0}, {1, 1, 1}}, {2, 4, 4}, kOnes, PositionSpace::image), core::InternalError);
}

// A chest whose file counts voxels from right to left (LAS): the patient's sides are those of its organs' names all the same.
TEST(PromptPosition, ARealChestHasItsLeftLungOnThePatientsLeft) {
    const auto file = test::shared_data() / "ct" / "chest_2p5mm_mask.nii.gz";
    if (!std::filesystem::exists(file)) GTEST_SKIP() << "no " << file;
    const auto image = read_nifti(file);
    ASSERT_EQ(image.type, VoxelType::uint8);
    ASSERT_EQ(orientation_code(image.affine()), "LAS");
    const auto orientation = orientation_of(image.affine());
    const auto voxels = to_ras(image.voxels, image.size, 1, orientation);
    const auto ras = oriented_size(image.size, orientation);
    const core::Index3 size{ras[2], ras[1], ras[0]};
    const auto spacing = spacing_dhw(oriented_affine(image.affine(), image.size, orientation));
    const auto position = [&](int organ) {
        std::vector<int32_t> numbers;
        for (const auto voxel : voxels) numbers.push_back(std::to_integer<int>(voxel) == organ ? 1 : 0);
        const std::vector<std::string> name{"organ"};
        return position_of(prompt_components(numbers, size, name).at(0).box, size, spacing, PositionSpace::patient);
    };
    // Boxes and middles by nibabel and NumPy.
    const std::vector<std::pair<int, std::string>> organs{
        {2, "in the right posterior inferior octant far from the centre"},  // the right kidney
        {3, "in the left posterior inferior octant far from the centre"},
        {11, "in the left posterior superior octant far from the centre"},  // the lower lobe of the left lung
        {12, "in the right anterior superior octant far from the centre"},  // the upper one of the right
        {61, "in the left anterior superior octant near the centre"},  // the left atrial appendage
        {14, "at the centre"},
        {86, ""},  // the muscles of the back reach from the lowest plane to the highest
    };
    for (const auto& [organ, text] : organs) {
        const auto place = position(organ);
        EXPECT_EQ(place ? position_text(*place, PositionSpace::patient, PositionDetail::whole) : "", text) << organ;
    }
}

}  // namespace
}  // namespace vox::data
