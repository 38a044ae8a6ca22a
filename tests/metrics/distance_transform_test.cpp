// The distance transform against scipy's (tools/golden/surface_distance.py).

#include "metrics/distance_transform.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "metrics/known_masks.hpp"

namespace vox::metrics {
namespace {

// The roots, [D,H,W] float64.
at::Tensor distances_of(const at::Tensor& mask, const core::Double3& spacing_mm) {
    const auto bytes = mask.to(at::kByte).contiguous();
    const core::Index3 size{mask.size(0), mask.size(1), mask.size(2)};
    const auto squared = squared_distance_transform(
        {bytes.const_data_ptr<uint8_t>(), static_cast<size_t>(bytes.numel())}, size, spacing_mm);
    auto distances = at::empty(mask.sizes(), at::kDouble);
    for (size_t at = 0; at < squared.size(); ++at) distances.mutable_data_ptr<double>()[at] = std::sqrt(squared[at]);
    return distances;
}

TEST(DistanceTransform, EqualsScipy) {
    const auto golden = test::golden_json("distance_transform");
    test::GoldenArrays arrays("distance_transform");
    for (const auto& entry : golden.at("cases")) {
        SCOPED_TRACE(entry.dump());
        const auto size = entry.at("size").get<std::vector<int64_t>>();
        const auto got =
            distances_of(test::mask_of(size, entry.at("mask")), entry.at("spacing_mm").get<core::Double3>());
        const auto expected = arrays.next(size);
        EXPECT_LE((got - expected).abs().sub(expected * 1e-7).max().item<double>(), 0);
        const double sum = entry.at("weighted_sum").get<double>();
        EXPECT_NEAR((got * test::uniform(size, 946)).sum().item<double>(), sum, 1e-12 * sum);
    }
    EXPECT_TRUE(arrays.at_end());
}

TEST(DistanceTransform, EveryVoxelOfAGridTakesItsTurnAsTheOnlyOne) {
    const core::Index3 size{3, 4, 5};
    const core::Double3 mm{3.0, 0.5, 0.25};
    for (size_t only = 0; only < 60; ++only) {
        std::vector<uint8_t> mask(60);
        mask[only] = 255;  // any value but 0
        const auto squared = squared_distance_transform(mask, size, mm);
        for (size_t at = 0; at < 60; ++at) {
            const auto apart = [&](size_t step, size_t length) {
                return static_cast<double>(at / step % length) - static_cast<double>(only / step % length);
            };
            const double d = apart(20, 3) * mm[0], h = apart(5, 4) * mm[1], w = apart(1, 5) * mm[2];
            ASSERT_EQ(squared[at], d * d + h * h + w * w) << only << " " << at;
        }
    }
}

TEST(DistanceTransform, AnEmptyMaskIsInfinitelyFarAway) {
    for (const double squared : squared_distance_transform(std::vector<uint8_t>(24), {2, 3, 4}, {1, 1, 1}))
        EXPECT_EQ(squared, std::numeric_limits<double>::infinity());
}

TEST(DistanceTransform, RefusesWhatHasNoPlace) {
    const std::vector<uint8_t> mask(24, 1);
    EXPECT_THROW(squared_distance_transform(mask, {2, 3, 5}, {1, 1, 1}), core::InternalError);
    EXPECT_THROW(squared_distance_transform(mask, {-2, -3, 4}, {1, 1, 1}), core::InternalError);
    EXPECT_THROW(squared_distance_transform({}, {0, 3, 4}, {1, 1, 1}), core::InternalError);
    EXPECT_THROW(squared_distance_transform(mask, {2, 3, 4}, {1, 0, 1}), core::InternalError);
    EXPECT_THROW(squared_distance_transform(mask, {2, 3, 4}, {1, 1, std::nan("")}), core::InternalError);
}

}  // namespace
}  // namespace vox::metrics
