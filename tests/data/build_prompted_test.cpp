// What a table's words of a place may say beside a mask.  (Tables and pictures whole: e2e/prompts_convert_test.py.)

#include "data/build_prompted.hpp"

#include <gtest/gtest.h>

namespace vox::data {
namespace {

constexpr PromptPosition kTopLeft{.centre = false, .high = {false, false, false}, .near = false};
constexpr PromptPosition kBottomRightNear{.centre = false, .high = {false, true, true}, .near = true};
constexpr PromptPosition kCentre{.centre = true, .high = {}, .near = false};

TEST(BuildPrompted, ATextContradictsAMaskOnlyWhereItNamesAnotherSideOrTheCentre) {
    for (const char* text : {"", "somewhere", "top left", "The lesion is in the upper-left corner.", "left", "Top",
                             "near the centre", "far from the center", "left of the right lung", "middle left"}) {
        EXPECT_FALSE(contradicts(text, kTopLeft)) << text;
    }
    for (const char* text : {"top right", "bottom left", "RIGHT", "lower", "at the centre", "in the middle", "Central"})
        EXPECT_TRUE(contradicts(text, kTopLeft)) << text;
    EXPECT_FALSE(contradicts("lower right, near the centre", kBottomRightNear));
    EXPECT_TRUE(contradicts("upper right, near the centre", kBottomRightNear));
    EXPECT_FALSE(contradicts("at the centre", kCentre));
    EXPECT_FALSE(contradicts("near the centre", kCentre));
    EXPECT_TRUE(contradicts("top left", kCentre));
}

}  // namespace
}  // namespace vox::data
