#include "data/phantom_prostate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/error.hpp"
#include "data/case_grid.hpp"
#include "data/csv.hpp"
#include "data/layouts.hpp"
#include "data/orientation.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

constexpr int64_t edge = 64;

std::map<int, int64_t> counts(const NiftiImage& label) {
    std::map<int, int64_t> voxels;
    for (const auto value : label.voxels) ++voxels[std::to_integer<int>(value)];
    return voxels;
}

TEST(PhantomProstate, IsAFunctionOfSeedAndCaseAlone) {
    const auto one = make_prostate_phantom(7, 2, edge), again = make_prostate_phantom(7, 2, edge);
    EXPECT_EQ(one.t2.voxels, again.t2.voxels);
    EXPECT_EQ(one.adc_tumour.voxels, again.adc_tumour.voxels);
    EXPECT_NE(one.zones.voxels, make_prostate_phantom(7, 3, edge).zones.voxels);
    EXPECT_NE(one.zones.voxels, make_prostate_phantom(8, 2, edge).zones.voxels);
}

TEST(PhantomProstate, GridsAreThoseOfRealStudies) {
    const auto phantom = make_prostate_phantom(0, 1, edge);
    const auto near = [](const core::Affine& affine, const core::Double3& ijk) {
        for (size_t axis = 0; axis < 3; ++axis) EXPECT_NEAR(core::column_length(affine, axis), ijk[axis], 1e-5);
    };
    near(phantom.t2.affine(), {0.5, 0.5, 3.0});
    near(phantom.adc.affine(), {1.4, 1.4, 3.6});
    EXPECT_EQ(phantom.t2.size, (core::Index3{64, 64, 11}));
    EXPECT_EQ(orientation_code(phantom.t2.affine()), "LPS");
    EXPECT_TRUE(same_grid(file_grid(phantom.t2), file_grid(phantom.zones)));
    EXPECT_TRUE(same_grid(file_grid(phantom.adc), file_grid(phantom.dwi)));
    EXPECT_TRUE(same_grid(file_grid(phantom.adc), file_grid(phantom.adc_tumour)));
    EXPECT_TRUE(ops::holds_centre(file_grid(phantom.adc), file_grid(phantom.t2)));
}

TEST(PhantomProstate, ZonesAndLesionsAreWhereTheyBelong) {
    int with_tumour = 0;
    for (uint32_t number = 1; number <= 20; ++number) {
        SCOPED_TRACE(number);
        const auto phantom = make_prostate_phantom(0, number, edge);
        auto zones = counts(phantom.zones), lesion = counts(phantom.t2_tumour), on_adc = counts(phantom.adc_tumour);
        EXPECT_GT(zones[1], 800);
        EXPECT_GT(zones[2], 2000);
        EXPECT_GT(counts(phantom.second_zones)[2], zones[2]);
        EXPECT_EQ(lesion[1] > 0, phantom.has_tumour);
        EXPECT_EQ(on_adc[1] > 0, phantom.has_tumour);
        with_tumour += phantom.has_tumour;
        for (size_t i = 0; i < phantom.zones.voxels.size(); ++i) {
            const bool in_lesion = std::to_integer<int>(phantom.t2_tumour.voxels[i]) != 0;
            ASSERT_FALSE(in_lesion && std::to_integer<int>(phantom.zones.voxels[i]) == 0);
        }
        // A whole gland: no voxel of it on the border of the box.
        const auto& size = phantom.zones.size;
        for (int64_t k = 0; k < size[2]; ++k)
            for (int64_t j = 0; j < size[1]; ++j) {
                ASSERT_EQ(std::to_integer<int>(phantom.zones.voxels[static_cast<size_t>((k * size[1] + j) * size[0])]),
                          0);
            }
    }
    EXPECT_GE(with_tumour, 12);
    EXPECT_LE(with_tumour, 19);
}

/// How well the best threshold on one image tells `inside` from the rest: the area under the ROC curve, 0.5 to 1.
double separability(const NiftiImage& image, const NiftiImage& label, int value) {
    std::vector<std::pair<float, bool>> voxels;
    const auto intensities = image.scaled();
    for (size_t i = 0; i < intensities.size(); ++i) {
        voxels.emplace_back(intensities[i], std::to_integer<int>(label.voxels[i]) == value);
    }
    std::sort(voxels.begin(), voxels.end());
    double rank_sum = 0, inside = 0;
    for (size_t i = 0; i < voxels.size(); ++i) {
        if (!voxels[i].second) continue;
        rank_sum += static_cast<double>(i) + 1;
        ++inside;
    }
    const double outside = static_cast<double>(voxels.size()) - inside;
    const double area = (rank_sum - inside * (inside + 1) / 2) / (inside * outside);
    return std::max(area, 1 - area);
}

// What a voxel's own intensity tells must not be enough; a network has to look around.
TEST(PhantomProstate, OneVoxelDoesNotTellItsZone) {
    for (uint32_t number = 1; number <= 4; ++number) {
        const auto phantom = make_prostate_phantom(0, number, edge);
        EXPECT_LT(separability(phantom.t2, phantom.zones, 1), 0.9);
        EXPECT_LT(separability(phantom.t2, phantom.zones, 2), 0.8);
        if (!phantom.has_tumour) continue;
        // Lesions differ from their surroundings (learnable), but nodes look the same.
        EXPECT_GT(separability(phantom.adc, phantom.adc_tumour, 1), 0.7);
        EXPECT_GT(separability(phantom.dwi, phantom.adc_tumour, 1), 0.7);
    }
}

TEST(PhantomProstate, FilesAndTablesAreOfTheLayout) {
    const test::TemporaryFolder folder;
    constexpr uint32_t cases = 8;
    for (uint32_t number = 1; number <= cases; ++number) write_prostate158_phantom(folder.path(), number, cases, 48, 3);
    write_prostate158_tables(folder.path(), cases, 3);
    for (const char* label :
         {"t2_anatomy_reader1", "t2_anatomy_reader2", "t2_tumor_reader1", "adc_tumor_reader1", "adc_tumor_reader2"}) {
        const Listing listing = list_prostate158(folder.path(), choose_prostate158("", {"t2", "adc", "dwi"}, label));
        ASSERT_EQ(listing.cases.size(), cases);
        std::map<std::string, int> splits;
        for (const auto& one : listing.cases) {
            EXPECT_EQ(one.problem, "");
            EXPECT_FALSE(one.label_is_empty);  // empty.nii.gz is there
            EXPECT_EQ(one.label.has_value(), std::string(label).ends_with("1") || one.split == "test");
            ++splits[one.split];
        }
        EXPECT_EQ(splits, (std::map<std::string, int>{{"train", 6}, {"val", 1}, {"test", 1}}));
    }
    EXPECT_EQ(read_csv(folder / "train.csv").rows.size(), 6U);
    EXPECT_EQ(read_nifti(folder / "001/t2.nii.gz").voxels, make_prostate_phantom(3, 1, 48).t2.voxels);
    EXPECT_THROW(write_prostate158_tables(folder / "nowhere", 3, 0), core::WriteError);
    EXPECT_THROW(write_prostate158_phantom(folder / "train.csv", 1, 1, 48, 0), core::WriteError);
}

}  // namespace
}  // namespace vox::data
