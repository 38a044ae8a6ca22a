#include "core/text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vox::core {
namespace {

TEST(Text, NearestFindsTheMisspeltKeyAndNothingForAStranger) {
    const std::vector<std::string> keys{"batch_size", "learning_rate", "steps"};
    EXPECT_EQ(nearest("bach_size", keys), "batch_size");
    EXPECT_EQ(nearest("step", keys), "steps");
    EXPECT_EQ(nearest("zzzzzzzz", keys), "");
}

TEST(Text, HumanUnits) {
    EXPECT_EQ(human_bytes(12), "12 B");
    EXPECT_EQ(human_bytes(1536), "1.5 KiB");
    EXPECT_EQ(human_bytes(300.0 * 1024 * 1024), "300 MiB");
    EXPECT_EQ(human_seconds(4.24), "4.2 s");
    EXPECT_EQ(human_seconds(200), "3 min 20 s");
    EXPECT_EQ(human_seconds(7500), "2 h 05 min");
}

TEST(Text, JoinAndConcat) {
    EXPECT_EQ(join(std::vector<int>{1, 2, 3}, "x"), "1x2x3");
    EXPECT_EQ(concat("a", 1, ' ', 2.5), "a1 2.5");
    const std::vector<std::string> names{"a", "b", "c"};
    EXPECT_EQ(join_first(names, 3), "a, b, c");
    EXPECT_EQ(join_first(names, 2), "a, b and 1 more");
}

}  // namespace
}  // namespace vox::core
