// Resampled cases: what is stored, and that results find back onto the file's grid.

#include "data/case_grid.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/shard_fixtures.hpp"
#include "data/shard_reader.hpp"
#include "support/temporary_folder.hpp"

namespace vox::test {
namespace {

/// Axial slices in LPS order, tilted by `angle` around x as prostate protocols are.
core::Affine axial(const core::Double3& spacing, double angle, const core::Double3& origin) {
    const double c = std::cos(angle), s = std::sin(angle);
    return {{{-spacing[0], 0, 0, origin[0]},
             {0, -c * spacing[1], -s * spacing[2], origin[1]},
             {0, -s * spacing[1], c * spacing[2], origin[2]},
             {0, 0, 0, 1}}};
}

template <class Inside>
NiftiImage volume(core::Index3 size, const core::Affine& affine, Inside&& value) {
    NiftiImage image;
    image.size = size;
    image.type = VoxelType::uint8;
    image.geometry = geometry_from_affine(affine);
    const auto m = image.affine();
    for (int64_t k = 0; k < size[2]; ++k)
        for (int64_t j = 0; j < size[1]; ++j)
            for (int64_t i = 0; i < size[0]; ++i) {
                core::Double3 p{};
                for (size_t row = 0; row < 3; ++row) {
                    p[row] = m[row][0] * static_cast<double>(i) + m[row][1] * static_cast<double>(j) +
                             m[row][2] * static_cast<double>(k) + m[row][3];
                }
                image.voxels.push_back(static_cast<std::byte>(value(p)));
            }
    return image;
}

uint8_t gland(const core::Double3& p) {
    const double r = std::hypot(p[0] / 22, p[1] / 17, p[2] / 20);
    return r < 0.6 ? 1 : r < 1 ? 2 : 0;
}

double dice(std::span<const std::byte> a, std::span<const std::byte> b, int value) {
    double both = 0, sum = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        const bool in_a = a[i] == std::byte(value), in_b = b[i] == std::byte(value);
        both += in_a && in_b;
        sum += in_a + in_b;
    }
    return 2 * both / sum;
}

struct Study {
    explicit Study(const core::Double3& t2_spacing)
        : t2(volume({92, 80, 15}, axial(t2_spacing, 0.2, {23, 20, -21}), [](const auto& p) { return 50 + gland(p); })),
          adc(volume({40, 36, 18}, axial({1.5, 1.5, 3.0}, 0.2, {29, 27, -26}),
                     [](const auto& p) { return 90 - 10 * gland(p); })),
          zones(volume({92, 80, 15}, axial(t2_spacing, 0.2, {23, 20, -21}), gland)) {}
    NiftiImage t2, adc, zones;
};

TEST(CaseGrid, ALabelMapOfTheResampledGridComesBackOntoT2) {
    for (const core::Double3& spacing : {core::Double3{0.5, 0.5, 3.0}, core::Double3{0.42, 0.42, 3.3}}) {
        SCOPED_TRACE(spacing[0]);
        const Study study(spacing);
        const auto data =
            build_resampled_case("p", {{"adc", study.adc}, {"t2", study.t2}}, &study.zones, {"t2", {0.5, 0.5, 0.5}});
        const CaseInfo& info = data.info;
        EXPECT_EQ(info.reference, "t2");
        EXPECT_EQ(info.type, VoxelType::float32);
        for (const double mm : info.spacing_mm) EXPECT_NEAR(mm, 0.5, 1e-6);
        EXPECT_EQ(orientation_code(info.affine), "RAS");
        const NiftiImage back = restore_label_map(info, data.label);
        EXPECT_EQ(back.size, study.t2.size);
        EXPECT_EQ(back.affine(), study.t2.affine());
        for (const int value : {1, 2}) EXPECT_GT(dice(back.voxels, study.zones.voxels, value), 0.97);
        // 3 mm are six voxels of 0.5 mm: every T2 voxel is a voxel of the stored grid.
        if (spacing[2] == 3.0) {
            EXPECT_EQ(back.voxels, study.zones.voxels);
        }
        // The same way for probabilities: linear, then the threshold.
        auto soft = at::empty({1, info.shape[1], info.shape[2], info.shape[3]}, at::kFloat);
        for (size_t i = 0; i < data.label.size(); ++i)
            soft.mutable_data_ptr<float>()[i] = data.label[i] == 1 ? 1.F : 0.F;
        const auto hard = onto_reference(info, soft, ops::Interpolation::linear).gt(0.5).to(at::kByte);
        const NiftiImage zone =
            reference_label_file(info, {hard.const_data_ptr<uint8_t>(), static_cast<size_t>(hard.numel())});
        EXPECT_GT(dice(zone.voxels, study.zones.voxels, 1), 0.97);
    }
}

TEST(CaseGrid, AVolumeOfTheResampledGridComesBackOntoT2) {
    const Study study({0.5, 0.5, 3.0});
    const auto data =
        build_resampled_case("p", {{"adc", study.adc}, {"t2", study.t2}}, nullptr, {"t2", {0.5, 0.5, 0.5}});
    auto values = image_values(data);
    const auto image = at::from_blob(values.data(), data.info.shape, at::kFloat);
    const NiftiImage back = restore_volume(data.info, image[1]);
    EXPECT_EQ(back.size, study.t2.size);
    EXPECT_EQ(back.affine(), study.t2.affine());
    const auto made = back.scaled(), expected = study.t2.scaled();
    for (size_t i = 0; i < made.size(); ++i)
        ASSERT_NEAR(made[i], expected[i], 0.01) << i;  // its voxels are among the stored ones
}

TEST(CaseGrid, SourcesAndReferenceSurviveTheShard) {
    const TemporaryFolder folder;
    const Study study({0.5, 0.5, 3.0});
    const std::vector<NamedVolume> channels{{"t2", study.t2}, {"adc", study.adc}};
    const auto data = build_resampled_case("p", channels, &study.zones, {"t2", {}}, {{1, 4}});
    make_dataset(folder.path(), {data});
    const ShardReader reader(folder.path());
    const CaseInfo& info = reader.cases()[0];
    EXPECT_EQ(info.reference, "t2");
    EXPECT_EQ(info.sources[0].size, study.t2.size);
    EXPECT_EQ(info.sources[1].size, study.adc.size);
    EXPECT_EQ(info.sources[1].geometry.srow, study.adc.geometry.srow);
    EXPECT_TRUE(same_grid(stored_grid(info), ras_grid(file_grid(study.t2))));
    EXPECT_EQ(info.label_voxels.count(1), 0U);
    EXPECT_EQ(info.label_voxels.count(4), 1U);
    // No file comes back: what is stored does, in RAS order.
    const auto files = reader.restore(0);
    ASSERT_EQ(files.size(), 3U);
    EXPECT_EQ(files[1].second.size, (core::Index3{92, 80, 15}));
    EXPECT_EQ(orientation_code(files[1].second.affine()), "RAS");
    // T2 lies on its own grid: not a bit of it may change.
    const NiftiImage& t2 = files[0].second;
    const auto ras = to_ras(study.t2.voxels, study.t2.size, 1, orientation_of(study.t2.affine()));
    const auto values = t2.scaled();
    for (size_t i = 0; i < ras.size(); ++i) ASSERT_EQ(values[i], static_cast<float>(ras[i]));
    EXPECT_TRUE(same_grid(file_grid(t2), stored_grid(info)));
}

TEST(CaseGrid, WhereNothingMovesTheCaseIsLossless) {
    const TemporaryFolder folder;
    const Study study({0.5, 0.5, 3.0});
    const auto data = build_resampled_case("p", {{"t2", study.t2}}, &study.zones, {"t2", {3.0, 0.5, 0.5}});
    EXPECT_EQ(data.info.reference, "");
    EXPECT_EQ(data.info.type, VoxelType::int16);
    EXPECT_EQ(restore_label_map(data.info, data.label).voxels, study.zones.voxels);
    auto values = image_values(data);
    const auto image = at::from_blob(values.data(), data.info.size(), at::kFloat);
    const NiftiImage volume = restore_volume(data.info, image);
    EXPECT_EQ(volume.type, VoxelType::float32);
    EXPECT_EQ(volume.affine(), study.t2.affine());
    EXPECT_EQ(volume.scaled(), study.t2.scaled());
    make_dataset(folder.path(), {data});
    EXPECT_EQ(ShardReader(folder.path()).restore(0)[0].second.voxels, study.t2.voxels);
}

TEST(CaseGrid, ScaledSourcesAreStoredAsValues) {
    Study study({0.5, 0.5, 3.0});
    study.adc.scl_slope = 2;
    study.adc.scl_inter = 5;
    const auto data = build_resampled_case("p", {{"t2", study.t2}, {"adc", study.adc}}, nullptr, {"t2", {}});
    EXPECT_EQ(data.info.sources[1].scl_slope, 1);
    EXPECT_EQ(data.info.sources[1].scl_inter, 0);
    EXPECT_NEAR(data.info.statistics[1].maximum, 2 * 90 + 5, 1e-4);
    EXPECT_NEAR(data.info.statistics[1].minimum, 2 * 70 + 5, 1e-4);
}

TEST(CaseGrid, AnotherPlaceIsRefused) {
    Study study({0.5, 0.5, 3.0});
    study.adc.geometry.srow[2][3] += 200;
    try {
        build_resampled_case("p", {{"t2", study.t2}, {"adc", study.adc}}, nullptr, {"t2", {}});
        FAIL();
    } catch (const core::DataError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("adc does not lie where t2 does"));
    }
}

}  // namespace
}  // namespace vox::test
