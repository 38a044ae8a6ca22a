// Connected components against scipy's, the largest of each label against MONAI's
// (tools/golden/connected_components.py).

#include "ops/connected_components.hpp"

#include <ATen/Context.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.hpp"
#include "data/nifti.hpp"
#include "support/golden.hpp"
#include "support/oracle.hpp"

namespace vox::ops {
namespace {

using testing::ElementsAre;

constexpr Connectivity all_connectivities[]{Connectivity::faces, Connectivity::edges, Connectivity::corners};

std::string key(Connectivity connectivity) { return std::to_string(static_cast<int>(connectivity)); }

// 1, 2 and 7 by thresholds on a uniform draw, as the golden script has it.
at::Tensor noise_map(const std::vector<int64_t>& size, uint32_t stream, const std::vector<double>& below) {
    const auto draw = test::uniform(size, stream);
    auto map = at::zeros(size, at::kByte);
    map.masked_fill_(draw.lt(below[2]), 7).masked_fill_(draw.lt(below[1]), 2).masked_fill_(draw.lt(below[0]), 1);
    return map;
}

TEST(ConnectedComponents, EqualScipyAndMonai) {
    const auto golden = test::golden_json("connected_components");
    test::GoldenArrays arrays("connected_components");
    int compared_with_monai = 0;
    for (const auto& entry : golden.at("maps")) {
        const auto size = entry.at("size").get<std::vector<int64_t>>();
        const auto map =
            noise_map(size, entry.at("stream").get<uint32_t>(), entry.at("below").get<std::vector<double>>());
        for (const auto connectivity : all_connectivities) {
            SCOPED_TRACE(entry.dump() + " " + key(connectivity));
            const auto got = connected_components(map, connectivity);
            EXPECT_EQ(got.voxels.size(), entry.at("components").at(key(connectivity)).get<size_t>());
            EXPECT_TRUE(got.number.to(at::kDouble).equal(arrays.next(size)));
            const auto kept = arrays.next(size);
            if (entry.at("tie").at(key(connectivity)).get<bool>()) continue;  // MONAI's choice is up to a sort
            EXPECT_TRUE(keep_largest_component(map, {1, 7}, connectivity).to(at::kDouble).equal(kept));
            ++compared_with_monai;
        }
    }
    EXPECT_TRUE(arrays.at_end());
    EXPECT_GE(compared_with_monai, 9);
}

TEST(ConnectedComponents, EqualScipyAndMonaiOnRealLabels) {
    if (!std::filesystem::exists(test::shared_data())) GTEST_SKIP() << "no " << test::shared_data();
    const auto golden = test::golden_json("connected_components");
    EXPECT_GE(golden.at("real").size(), 3u);
    for (const auto& entry : golden.at("real")) {
        auto image = data::read_nifti(test::shared_data() / entry.at("file").get<std::string>());
        ASSERT_EQ(image.type, data::VoxelType::uint8);
        const auto map = at::from_blob(image.voxels.data(), {image.size[2], image.size[1], image.size[0]}, at::kByte);
        for (const auto connectivity : all_connectivities) {
            SCOPED_TRACE(entry.dump() + " " + key(connectivity));
            const auto& expected = entry.at("results").at(key(connectivity));
            EXPECT_EQ(connected_components(map, connectivity).voxels.size(), expected.at("components").get<size_t>());
            const auto kept =
                keep_largest_component(map, entry.at("values").get<std::vector<uint8_t>>(), connectivity).reshape(-1);
            const auto places = at::arange(kept.numel(), at::kLong);
            EXPECT_EQ(kept.ne(0).sum().item<int64_t>(), expected.at("voxels").get<int64_t>());
            EXPECT_EQ((places * kept.ne(0)).sum().item<int64_t>(), expected.at("sum_of_places").get<int64_t>());
            EXPECT_EQ(kept.sum().item<int64_t>(), expected.at("sum_of_values").get<int64_t>());
        }
    }
}

// [1,H,W] out of rows of digits.
at::Tensor slice(const std::vector<std::string>& rows) {
    auto map = at::zeros({1, static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size())}, at::kByte);
    auto* voxel = map.mutable_data_ptr<uint8_t>();
    for (const auto& row : rows)
        for (const char digit : row) *voxel++ = static_cast<uint8_t>(digit - '0');
    return map;
}

TEST(ConnectedComponents, AreNumberedAndCounted) {
    const auto components = connected_components(slice({"0110", "2011", "2201"}), Connectivity::faces);
    EXPECT_TRUE(components.number.equal(slice({"0110", "2011", "2201"}).to(at::kInt)));
    EXPECT_THAT(components.voxels, ElementsAre(5, 3));
    EXPECT_THAT(components.value, ElementsAre(1, 2));
    // An arc: both ends are found before what joins them.
    EXPECT_THAT(connected_components(slice({"10101", "10101", "11111"}), Connectivity::faces).voxels, ElementsAre(11));
    EXPECT_TRUE(connected_components(at::zeros({2, 3, 4}, at::kByte), Connectivity::corners).voxels.empty());
    EXPECT_TRUE(connected_components(at::zeros({0, 3, 4}, at::kByte), Connectivity::corners).voxels.empty());
}

TEST(LargestComponent, OnlyOfTheValuesThatAreNamed) {
    const auto map = slice({"1102", "0002", "1020"});
    EXPECT_TRUE(keep_largest_component(map, {1}, Connectivity::faces).equal(slice({"1102", "0002", "0020"})));
    EXPECT_TRUE(keep_largest_component(map, {1, 2}, Connectivity::faces).equal(slice({"1102", "0002", "0000"})));
    EXPECT_TRUE(keep_largest_component(map, {1, 2, 9}, Connectivity::corners).equal(slice({"1102", "0002", "0020"})));
    EXPECT_TRUE(keep_largest_component(map, {}, Connectivity::faces).equal(map));
    EXPECT_TRUE(map.equal(slice({"1102", "0002", "1020"})));  // the argument stays
}

TEST(LargestComponent, OfEqualOnesTheFirstInRasterOrder) {
    EXPECT_TRUE(keep_largest_component(slice({"0100", "0101", "0001"}), {1}).equal(slice({"0100", "0100", "0000"})));
    EXPECT_TRUE(keep_largest_component(slice({"10101"}), {1}).equal(slice({"10000"})));
}

// Corners join over planes: 26 neighbours, but neither 18 nor 6.
TEST(LargestComponent, TakesTheConnectivityAtItsWord) {
    auto map = at::zeros({3, 3, 3}, at::kByte);
    map[0][0][0] = 1;
    map[1][1][1] = 1;
    map[1][2][2] = 1;
    EXPECT_THAT(connected_components(map, Connectivity::corners).voxels, ElementsAre(3));
    EXPECT_THAT(connected_components(map, Connectivity::edges).voxels, ElementsAre(1, 2));
    EXPECT_THAT(connected_components(map, Connectivity::faces).voxels, ElementsAre(1, 1, 1));
    // The last voxel of a row and the first of the next one are neighbours in memory only.
    EXPECT_THAT(connected_components(slice({"001", "100"}), Connectivity::corners).voxels, ElementsAre(1, 1));
}

TEST(LargestComponent, OfAMapThatIsNoPlainArray) {
    const auto map = noise_map({9, 10, 11}, 950, {0.3, 0.5, 0.8});
    const auto turned = map.transpose(0, 2).contiguous().transpose(0, 2);
    EXPECT_TRUE(keep_largest_component(turned, {1, 7}).equal(keep_largest_component(map, {1, 7})));
}

TEST(LargestComponent, OfAMapOnAGpuStaysThere) {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no GPU";
    const auto map = noise_map({9, 10, 11}, 950, {0.3, 0.5, 0.8});
    const auto kept = keep_largest_component(map.to(at::kCUDA), {1, 7});
    EXPECT_TRUE(kept.is_cuda());
    EXPECT_TRUE(kept.cpu().equal(keep_largest_component(map, {1, 7})));
}

TEST(LargestComponent, RefusesWhatIsNoLabelMap) {
    EXPECT_THROW(keep_largest_component(at::zeros({3, 4}, at::kByte), {1}), core::InternalError);
    EXPECT_THROW(keep_largest_component(at::zeros({3, 4, 5}, at::kInt), {1}), core::InternalError);
    EXPECT_EQ(connectivity(18), Connectivity::edges);
    EXPECT_THROW(connectivity(8), core::ConfigError);
}

}  // namespace
}  // namespace vox::ops
