// Chest phantoms: the same from the same numbers, bodies of Hounsfield units, and radiographs that tell them apart.

#include "data/phantom_body.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/error.hpp"
#include "data/case_data.hpp"
#include "ops/projection.hpp"

namespace vox::data {
namespace {

std::vector<int16_t> voxels_of(const NiftiImage& image) {
    std::vector<int16_t> voxels(static_cast<size_t>(image.voxel_count()));
    std::memcpy(voxels.data(), image.voxels.data(), image.voxels.size());
    return voxels;
}

TEST(PhantomBody, IsAPureFunctionOfSeedAndCase) {
    const auto one = make_body_phantom(3, 1, 32);
    EXPECT_EQ(one.voxels, make_body_phantom(3, 1, 32).voxels);
    EXPECT_NE(one.voxels, make_body_phantom(3, 2, 32).voxels);
    EXPECT_NE(one.voxels, make_body_phantom(4, 1, 32).voxels);
    EXPECT_THROW(make_body_phantom(3, 1, 16), core::InternalError);
}

// Shares of the whole box, wide enough for any case: air around, a third of body, lungs, bone.
TEST(PhantomBody, HoldsTheTissuesOfAChest) {
    for (uint32_t number = 1; number <= 6; ++number) {
        const auto voxels = voxels_of(make_body_phantom(1, number, 48));
        const auto share = [&](int low, int high) {
            const auto count = std::count_if(voxels.begin(), voxels.end(), [&](int v) { return v >= low && v < high; });
            return static_cast<double>(count) / static_cast<double>(voxels.size());
        };
        EXPECT_GT(share(-1100, -950), 0.3) << number;
        EXPECT_GT(share(-900, -750), 0.04) << number;  // lung
        EXPECT_GT(share(-150, -40), 0.02) << number;   // fat
        EXPECT_GT(share(0, 110), 0.08) << number;      // muscle, heart, lesions
        EXPECT_GT(share(150, 800), 0.01) << number;    // bone
        EXPECT_LT(share(150, 800), 0.1) << number;
        EXPECT_LT(share(-950, -900) + share(800, 3072), 1e-3) << number;
    }
}

/// Both views of what lies between two Hounsfield units, [2,48,48].
at::Tensor views_of(uint32_t number, float low, float high) {
    const CaseData data = build_case("x", {{"ct", make_body_phantom(1, number, 48)}}, nullptr);
    auto values = image_values(data);
    const auto volume = at::from_blob(values.data(), {1, 1, 48, 48, 48}, at::kFloat);
    const auto meant = volume.gt(low).logical_and(volume.lt(high)).to(at::kFloat);
    const std::array<ops::View, 2> both{ops::View::ap, ops::View::lateral};
    return ops::project_parallel(meant, {&data.info.spacing_mm, 1}, both, {})[0];
}

/// Where the weight of an image's columns lies, -1 to 1.
double centre(const at::Tensor& view) {
    double sum = 0, moment = 0;
    for (int64_t column = 0; column < view.size(1); ++column) {
        const double weight = view.select(1, column).sum().item<double>();
        sum += weight;
        moment += weight * (2 * static_cast<double>(column) + 1 - 48) / 48;
    }
    return moment / sum;
}

// What a reader expects of both views: the spine's cortex in the middle, and at the back, which a lateral view shows last; the
// heart at the patient's left, where it leaves less lung; a head end that is narrower than the other.
TEST(PhantomBody, LiesAsAPatientDoes) {
    double right_lungs = 0, left_lungs = 0;
    for (uint32_t number = 1; number <= 4; ++number) {
        const auto spine = views_of(number, 620, 4000), body = views_of(number, -300, 4000);
        const auto lungs = views_of(number, -900, -750)[0];
        right_lungs += lungs.slice(1, 0, 24).sum().item<double>();
        left_lungs += lungs.slice(1, 24, 48).sum().item<double>();
        EXPECT_NEAR(centre(spine[0]), 0, 0.06) << number;
        EXPECT_GT(centre(spine[1]), 0.2) << number;
        EXPECT_LT(body[0].slice(0, 0, 8).sum().item<float>(), body[0].slice(0, 40, 48).sum().item<float>()) << number;
    }
    EXPECT_LT(left_lungs, 0.9 * right_lungs);
}

}  // namespace
}  // namespace vox::data
