// Lesion candidates against report_guided_annotation's (tools/golden/lesion_detection.py).

#include "infer/lesion_candidates.hpp"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/error.hpp"
#include "infer/known_lesions.hpp"

namespace vox::infer {
namespace {

using testing::ElementsAre;

LesionCandidateOptions at_threshold(double threshold) {
    LesionCandidateOptions options;
    options.threshold = threshold;
    return options;
}

TEST(LesionCandidates, EqualReportGuidedAnnotation) {
    const auto golden = test::golden_json("lesion_detection");
    size_t compared = 0;
    for (const auto& entry : golden.at("cases")) {
        const auto probability = test::lesion_case(entry).probability;
        for (const std::string threshold : {"0", "0.25"}) {
            SCOPED_TRACE(entry.dump() + " " + threshold);
            const auto& expected = entry.at("expected").at(threshold);
            const auto got = lesion_candidates(probability, at_threshold(std::stod(threshold)));
            EXPECT_EQ(got.confidence, expected.at("confidences").get<std::vector<double>>());
            const auto weights = test::uniform(probability.sizes(), 969);
            const double sum = expected.at("weighted_number").get<double>();
            EXPECT_NEAR((got.number * weights).sum().item<double>(), sum, 1e-12 * sum);
            compared += got.confidence.size();
        }
    }
    EXPECT_GE(compared, 100u);
}

// Two peaks on one plateau: above a threshold they are one place.
TEST(LesionCandidates, ASmallOneIsNoneAndAFollowerTouchesNoEarlierOne) {
    auto map = at::zeros({6, 12, 12}, at::kFloat);
    map.narrow(1, 0, 4).narrow(2, 0, 4).fill_(0.9);   // 96 voxels
    map.narrow(1, 4, 3).narrow(2, 0, 4).fill_(0.3);   // beside it: below 0.9 / 2.5
    map.narrow(1, 9, 2).narrow(2, 6, 5).fill_(0.2);   // 60 voxels, apart
    map[5][0][11] = 0.99;                             // one voxel
    EXPECT_THAT(lesion_candidates(map, at_threshold(0.25)).confidence, ElementsAre(double{0.9F}));
    const auto found = lesion_candidates(map, {});
    EXPECT_THAT(found.confidence, ElementsAre(double{0.9F}, double{0.2F}));
    EXPECT_EQ(found.number.eq(1).sum().item<int64_t>(), 96);
    EXPECT_EQ(found.number.eq(2).sum().item<int64_t>(), 60);
}

// A network that is sure gives exactly 1 in several places: the first in raster order is the first candidate; a place of few
// voxels with the same 1 stays in nobody's way.
TEST(LesionCandidates, OfEqualPeaksTheFirstComesFirst) {
    auto map = at::zeros({6, 16, 16}, at::kFloat);
    map.narrow(1, 0, 5).narrow(2, 9, 5).fill_(0.5);  // its first voxel comes first, its peak last
    map[5][4][13] = 1;
    map.narrow(1, 9, 5).narrow(2, 0, 5).fill_(1);
    map[0][15][15] = 1;
    const auto found = lesion_candidates(map, {});
    EXPECT_THAT(found.confidence, ElementsAre(1, 1));
    EXPECT_EQ(found.number[0][0][9].item<int>(), 1);
    EXPECT_EQ(found.number[0][9][0].item<int>(), 2);
}

TEST(LesionCandidates, NothingIsFoundInNothing) {
    const auto nothing = at::zeros({3, 4, 5}, at::kFloat);
    EXPECT_TRUE(lesion_candidates(nothing, {}).confidence.empty());
    EXPECT_TRUE(lesion_candidates(nothing, at_threshold(0.5)).confidence.empty());
    EXPECT_THROW(lesion_candidates(nothing[0], {}), core::InternalError);
}

}  // namespace
}  // namespace vox::infer
