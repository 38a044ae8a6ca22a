#include "config/values.hpp"

#include <gmock/gmock.h>

#include "core/error.hpp"

namespace vox::config {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Values, AreThoseOfTheTextByPath) {
    EXPECT_THAT(
        values_of("seed: 1  # of order\ntrain:\n  steps: 100\n  optimizer: {name: adamw}\nsizes: [1, 2]\n", "a"),
        ElementsAre(Pair("seed", "1"), Pair("sizes", "[1, 2]"), Pair("train.optimizer.name", "adamw"),
                    Pair("train.steps", "100")));
}

TEST(Values, OfWhatIsNoYamlAreAnError) { EXPECT_THROW(values_of("a: [1", "a"), core::ConfigError); }

}  // namespace
}  // namespace vox::config
