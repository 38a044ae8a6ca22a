// Weights of which only some fit: what is copied, and what is said of the rest.

#include "checkpoint/named_tensors.hpp"

#include <gmock/gmock.h>

#include "checkpoint/fixtures.hpp"
#include "core/error.hpp"

namespace vox::checkpoint {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

NamedTensors targets() {
    return {{"conv.weight", ramp({2, 3}, 0)},
            {"head.weight", ramp({4, 2}, 10)},
            {"head.bias", ramp({4}, 20)},
            {"norm.count", whole_number(7)}};
}

TEST(CopyMatching, TakesWhatAgreesAndNamesTheRest) {
    const auto model = targets();
    const auto done = copy_matching(model,
                                    {{"head.weight", ramp({3, 2}, 5)},
                                     {"conv.weight", ramp({2, 3}, 100)},
                                     {"conv_weight", ramp({2, 3}, 200)},
                                     {"norm.count", whole_number(9)}},
                                    "file");
    expect_same(model, {{"conv.weight", ramp({2, 3}, 100)},
                        {"head.weight", ramp({4, 2}, 10)},
                        {"head.bias", ramp({4}, 20)},
                        {"norm.count", whole_number(9)}});
    EXPECT_EQ(done.copied, 2U);
    EXPECT_EQ(done.targets, 4U);
    EXPECT_EQ(done.copied_values, 7);
    EXPECT_EQ(done.target_values, 19);
    EXPECT_THAT(done.missing, ElementsAre("head.bias"));
    EXPECT_THAT(done.unknown, ElementsAre("conv_weight"));
    EXPECT_FALSE(done.is_complete());
    EXPECT_EQ(done.report(),
              "2 of 4 tensors (7 of 19 values) are loaded; 2 of the model keep their initial values; 1 that are not in "
              "the file: head.bias; 1 of another shape or kind: head.weight Float[3, 2] where Float[4, 2] is needed; 1 "
              "of the file that nothing here takes: conv_weight");
}

TEST(CopyMatching, AllThatFitsIsComplete) {
    const auto model = targets();
    const auto done = copy_matching(model, model, "file");
    EXPECT_TRUE(done.is_complete());
    EXPECT_EQ(done.report(), "4 of 4 tensors (19 of 19 values) are loaded");
}

TEST(CopyMatching, WidthsAreConvertedKindsAreNot) {
    for (const auto from : {at::kHalf, at::kBFloat16, at::kFloat, at::kDouble})
        for (const auto to : {at::kBFloat16, at::kFloat, at::kDouble}) {
            const NamedTensors model{{"w", ramp({2, 3}, 0, to)}};
            const auto given = ramp({2, 3}, 100, from);
            EXPECT_TRUE(copy_matching(model, {{"w", given}}, "file").is_complete());
            expect_same(model, {{"w", given.to(to)}});
        }
    const auto model = targets();
    const auto done =
        copy_matching(model, {{"head.bias", ramp({4}, 1)}, {"conv.weight", ramp({2, 3}, 1, at::kLong)}}, "file");
    EXPECT_EQ(done.copied, 1U);
    EXPECT_THAT(done.different, ElementsAre("conv.weight Long[2, 3] where Float[2, 3] is needed"));
}

TEST(CopyMatching, NothingThatFitsIsAnErrorWithTheNamesOfBothSides) {
    const auto model = targets();
    const auto why =
        message_of<core::ConfigError>([&] { copy_matching(model, {{"encoder.w", ramp({2, 3}, 1)}}, "weights.st"); });
    EXPECT_THAT(why, HasSubstr("weights.st has no tensor whose name and shape are one of the model's"));
    EXPECT_THAT(why, HasSubstr("it has encoder.w; the model has conv.weight, head.bias, head.weight, norm.count"));
    EXPECT_THAT(message_of<core::ConfigError>([&] { copy_matching(model, {{"head.bias", ramp({5}, 1)}}, "w"); }),
                HasSubstr("head.bias Float[5] where Float[4] is needed"));
    EXPECT_THAT(message_of<core::ConfigError>([&] { copy_matching(model, {}, "w"); }), HasSubstr("it has no tensors"));
    expect_same(model, targets());
}

TEST(CopyMatching, ManyNamesAreShortened) {
    NamedTensors model, source{{"w0", ramp({1}, 1)}};
    for (int i = 0; i < 30; ++i) model.push_back({"w" + std::to_string(i), ramp({1}, 0)});
    const auto report = copy_matching(model, source, "file").report();
    EXPECT_THAT(report, HasSubstr("29 that are not in the file: w1, w2, w3, w4, w5, w6, w7, w8, ..."));
    EXPECT_THAT(report, Not(HasSubstr("w9")));
}

}  // namespace
}  // namespace vox::checkpoint
