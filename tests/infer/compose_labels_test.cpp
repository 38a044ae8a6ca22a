#include "infer/compose_labels.hpp"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/error.hpp"

namespace vox::infer {
namespace {

using testing::ElementsAre;

// One voxel a column; rows TC, WT, ET.
at::Tensor probabilities(const std::vector<std::vector<double>>& rows) {
    auto p = at::zeros({3, 1, 1, static_cast<int64_t>(rows[0].size())});
    for (size_t k = 0; k < 3; ++k) {
        for (size_t x = 0; x < rows[k].size(); ++x)
            p[static_cast<int64_t>(k)][0][0][static_cast<int64_t>(x)] = rows[k][x];
    }
    return p;
}

std::vector<int> values(const at::Tensor& label) {
    const auto flat = label.reshape(-1).contiguous();
    const auto* data = flat.const_data_ptr<uint8_t>();
    return {data, data + flat.numel()};
}

// Voxels: nothing, WT, WT+TC, all, ET without the others, TC without WT, exactly one half.
const std::vector<std::vector<double>> rows{
    {0.1, 0.2, 0.9, 0.9, 0.1, 0.9, 0.1}, {0.1, 0.9, 0.9, 0.9, 0.1, 0.1, 0.5}, {0.1, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1}};

TEST(ComposeLabels, RegionsAreNestedInTheValuesOfTheScheme) {
    const auto p = probabilities(rows);
    EXPECT_THAT(values(compose_labels(p, data::label_scheme("brats2020"), {true, true, true})),
                ElementsAre(0, 2, 1, 4, 0, 0, 2));
    EXPECT_THAT(values(compose_labels(p, data::label_scheme("brats2023"), {true, true, true})),
                ElementsAre(0, 2, 1, 3, 0, 0, 2));
    EXPECT_THAT(values(compose_labels(p, data::label_scheme("msd_brats"), {true, true, true})),
                ElementsAre(0, 1, 2, 3, 0, 0, 1));
}

TEST(ComposeLabels, ALeftOutChannelNeitherPaintsNorLimits) {
    const auto p = probabilities(rows);
    const auto scheme = data::label_scheme("brats2020");
    EXPECT_THAT(values(compose_labels(p, scheme, {true, true, false})), ElementsAre(0, 2, 1, 1, 0, 0, 2));
    EXPECT_THAT(values(compose_labels(p, scheme, {true, false, true})), ElementsAre(0, 0, 1, 4, 0, 1, 0));
    EXPECT_THROW(compose_labels(p, scheme, {true, true}), core::InternalError);
}

TEST(ComposeLabels, DisjointRegionsDoNotLimitEachOther) {
    const auto scheme = data::generic_scheme({1, 5, 7});
    const auto p = probabilities({{0.9, 0.1, 0.1, 0.1}, {0.1, 0.9, 0.1, 0.1}, {0.1, 0.1, 0.9, 0.1}});
    EXPECT_THAT(values(compose_labels(p, scheme, {true, true, true})), ElementsAre(1, 5, 7, 0));
}

TEST(RegionMasks, AreTheWayBack) {
    const auto scheme = data::label_scheme("brats2020");
    auto label = at::zeros({1, 1, 4}, at::kByte);
    for (int64_t x = 0; x < 4; ++x) label[0][0][x] = std::vector<int>{0, 1, 2, 4}[static_cast<size_t>(x)];
    const auto masks = region_masks(label, scheme);
    EXPECT_EQ(masks.sizes().vec(), (std::vector<int64_t>{3, 1, 1, 4}));
    EXPECT_THAT(values(masks[0].to(at::kByte)), ElementsAre(0, 1, 0, 1));  // TC
    EXPECT_THAT(values(masks[1].to(at::kByte)), ElementsAre(0, 1, 1, 1));  // WT
    EXPECT_THAT(values(masks[2].to(at::kByte)), ElementsAre(0, 0, 0, 1));  // ET
    EXPECT_TRUE(compose_labels(masks.to(at::kFloat), scheme, {true, true, true}).equal(label));
    EXPECT_EQ(region_masks(label.unsqueeze(0), scheme).sizes().vec(), (std::vector<int64_t>{1, 3, 1, 1, 4}));
}

TEST(LabelsOfClasses, TheLikeliestClassWinsAndBecomesItsValue) {
    auto scheme = data::generic_scheme({5, 7});
    auto scores = at::zeros({3, 1, 1, 5});  // background, 5, 7; a voxel a column
    const std::vector<std::vector<double>> columns{{3, 1, 2}, {1, 3, 2}, {1, 2, 3}, {2, 2, 2}, {-5, -4, -3}};
    for (size_t x = 0; x < columns.size(); ++x) {
        for (size_t k = 0; k < 3; ++k) scores[static_cast<int64_t>(k)][0][0][static_cast<int64_t>(x)] = columns[x][k];
    }
    EXPECT_THAT(values(labels_of_classes(scores, scheme, {true, true})), ElementsAre(0, 5, 7, 0, 7));
    EXPECT_THAT(values(labels_of_classes(scores, scheme, {true, false})), ElementsAre(0, 5, 5, 0, 5));
    EXPECT_THROW(labels_of_classes(scores, scheme, {true}), core::InternalError);
    EXPECT_THROW(labels_of_classes(scores, data::label_scheme("brats2020"), {true, true}), core::InternalError);

    const auto label = labels_of_classes(scores, scheme, {true, true});
    const auto classes = classes_of_labels(label, scheme);
    EXPECT_EQ(classes.scalar_type(), at::kLong);
    EXPECT_THAT(values(classes.to(at::kByte)), ElementsAre(0, 1, 2, 0, 2));
    EXPECT_THROW(classes_of_labels(label, data::label_scheme("brats2020")), core::InternalError);
}

}  // namespace
}  // namespace vox::infer
