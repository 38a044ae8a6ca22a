// Which regions may be cleaned, and what is left of them.  The components themselves: connected_components_test.cpp.

#include "infer/largest_regions.hpp"

#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace vox::infer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string refusal(const std::vector<std::string>& wanted, const std::string& scheme) {
    try {
        regions_to_clean(wanted, data::label_scheme(scheme));
    } catch (const core::ConfigError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(LargestRegions, AreNamedByRegionOrByLabelValue) {
    const auto prostate = data::label_scheme("prostate158_anatomy");
    EXPECT_THAT(regions_to_clean({"PZ", "TZ"}, prostate), ElementsAre(1, 0));
    EXPECT_THAT(regions_to_clean({"2"}, prostate), ElementsAre(1));
    EXPECT_THAT(regions_to_clean({}, prostate), ElementsAre());
    EXPECT_THAT(regions_to_clean({"7", "label_2"}, data::generic_scheme({2, 7})), ElementsAre(1, 0));
    EXPECT_THAT(regions_to_clean({"WT"}, data::label_scheme("brats2020")), ElementsAre(1));
}

TEST(LargestRegions, OthersAreRefusedWithThoseThatThereAre) {
    EXPECT_THAT(refusal({"PZ", "prostate"}, "prostate158_anatomy"), HasSubstr("'prostate'; there are: TZ, PZ"));
    EXPECT_THAT(refusal({"3"}, "prostate158_anatomy"), HasSubstr("'3'; there are: TZ, PZ"));
    EXPECT_THAT(refusal({"ET"}, "brats2020"), HasSubstr("ET lies within another region"));
    EXPECT_THAT(refusal({"4"}, "brats2020"), HasSubstr("there are: WT"));  // the value of ET
    EXPECT_THAT(refusal({"1"}, "brats2020"), HasSubstr("no region '1'"));
}

// A row of voxels: a region with two components that touch another region's, and one of equal values apart.
TEST(LargestRegions, RegionsDoNotSeeEachOther) {
    auto label = at::zeros({1, 1, 12}, at::kByte);
    const std::vector<int> values{1, 1, 1, 2, 1, 2, 2, 0, 2, 0, 1, 1};
    for (size_t i = 0; i < values.size(); ++i) label[0][0][static_cast<int64_t>(i)] = values[i];
    const auto kept = [&](const std::vector<std::string>& wanted) {
        const auto scheme = data::label_scheme("prostate158_anatomy");
        const auto map =
            keep_largest_regions(label, scheme, regions_to_clean(wanted, scheme), ops::Connectivity::corners);
        const auto* voxel = map.const_data_ptr<uint8_t>();
        return std::vector<int>(voxel, voxel + map.numel());
    };
    EXPECT_EQ(kept({}), values);
    EXPECT_EQ(kept({"TZ"}), (std::vector<int>{1, 1, 1, 2, 0, 2, 2, 0, 2, 0, 0, 0}));
    EXPECT_EQ(kept({"TZ", "PZ"}), (std::vector<int>{1, 1, 1, 0, 0, 2, 2, 0, 0, 0, 0, 0}));
}

// WT is all values together: the oedema that holds a core and its rim is one component, an island of ET another.
TEST(LargestRegions, AnOuterRegionTakesItsPartsAlong) {
    auto label = at::zeros({1, 1, 9}, at::kByte);
    const std::vector<int> values{2, 4, 1, 2, 0, 4, 4, 4, 0};
    for (size_t i = 0; i < values.size(); ++i) label[0][0][static_cast<int64_t>(i)] = values[i];
    const auto scheme = data::label_scheme("brats2020");
    const auto map = keep_largest_regions(label, scheme, regions_to_clean({"WT"}, scheme), ops::Connectivity::faces);
    const auto* voxel = map.const_data_ptr<uint8_t>();
    EXPECT_EQ(std::vector<int>(voxel, voxel + 9), (std::vector<int>{2, 4, 1, 2, 0, 0, 0, 0, 0}));
}

TEST(LargestRegions, ConnectivityDecidesWhatTouches) {
    auto label = at::zeros({2, 2, 2}, at::kByte);
    label[0][0][0] = 1;
    label[0][0][1] = 1;
    label[1][1][0] = 1;  // shares an edge with the first
    const auto scheme = data::label_scheme("prostate158_tumor");
    const auto left = [&](ops::Connectivity connectivity) {
        return keep_largest_regions(label, scheme, {0}, connectivity).sum().item<int64_t>();
    };
    EXPECT_EQ(left(ops::Connectivity::faces), 2);
    EXPECT_EQ(left(ops::Connectivity::edges), 3);
}

}  // namespace
}  // namespace vox::infer
