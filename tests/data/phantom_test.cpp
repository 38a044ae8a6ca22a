#include "data/phantom.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_lstsq.h>
#include <gtest/gtest.h>

#include <map>

#include "core/error.hpp"
#include "data/nifti.hpp"
#include "data/orientation.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

constexpr int64_t edge = 48;
constexpr int necrosis = 1, oedema = 2, enhancing = 4;

size_t at(int64_t i, int64_t j, int64_t k) { return static_cast<size_t>((k * edge + j) * edge + i); }

TEST(Phantom, IsAFunctionOfSeedAndCaseAlone) {
    const auto one = make_brain_phantom(7, 2, edge);
    make_brain_phantom(7, 1, edge);  // making another in between changes nothing
    const auto again = make_brain_phantom(7, 2, edge);
    EXPECT_EQ(one.images, again.images);
    EXPECT_EQ(one.label, again.label);
    EXPECT_NE(one.label, make_brain_phantom(7, 3, edge).label);
    EXPECT_NE(one.label, make_brain_phantom(8, 2, edge).label);
}

// What a segmentation network is asked: core in rim in oedema, in every case, each large enough to be found.
TEST(Phantom, EveryTumourIsNestedAndWhole) {
    for (uint32_t number = 1; number <= 8; ++number) {
        SCOPED_TRACE(number);
        const auto brain = make_brain_phantom(0, number, edge);
        std::map<int, int64_t> voxels;
        for (const uint8_t value : brain.label) ++voxels[value];
        EXPECT_EQ(voxels.size(), 4u);
        EXPECT_GT(voxels[necrosis], 50);
        EXPECT_GT(voxels[enhancing], 200);
        EXPECT_GT(voxels[oedema], 300);
        for (int64_t k = 1; k < edge; ++k)
            for (int64_t j = 1; j < edge; ++j)
                for (int64_t i = 1; i < edge; ++i) {
                    const int here = brain.label[at(i, j, k)];
                    for (const size_t there : {at(i - 1, j, k), at(i, j - 1, k), at(i, j, k - 1)}) {
                        const int other = brain.label[there];
                        // The rim keeps the dead core from everything else.
                        ASSERT_FALSE((here == necrosis && other != necrosis && other != enhancing) ||
                                     (other == necrosis && here != necrosis && here != enhancing));
                    }
                }
    }
}

TEST(Phantom, OutsideIsZeroInAllModalitiesAndInsideInNone) {
    const auto brain = make_brain_phantom(3, 1, edge);
    int64_t inside = 0;
    for (size_t voxel = 0; voxel < brain.label.size(); ++voxel) {
        const bool body = brain.images[0][voxel] != 0;
        inside += body;
        for (const auto& image : brain.images) ASSERT_EQ(image[voxel] != 0, body);
        ASSERT_TRUE(body || brain.label[voxel] == 0);
    }
    const double share = static_cast<double>(inside) / static_cast<double>(brain.label.size());
    EXPECT_GT(share, 0.2);
    EXPECT_LT(share, 0.5);
    EXPECT_EQ(brain.label.front() + brain.label.back(), 0);
}

// What a synthesis network is asked: flair is neither noise nor a line through the other three.
TEST(Phantom, FlairOfTheSynthesisContrastIsNoLinearFunctionOfTheOthers) {
    const auto brain = make_brain_phantom(3, 1, edge, PhantomContrast::synthesis);
    std::vector<double> seen, flair;
    for (size_t voxel = 0; voxel < brain.label.size(); ++voxel) {
        if (brain.images[0][voxel] == 0) continue;
        for (size_t c = 0; c < 3; ++c) seen.push_back(brain.images[c][voxel]);
        seen.push_back(1);
        flair.push_back(brain.images[3][voxel]);
    }
    const auto rows = static_cast<int64_t>(flair.size());
    const auto x = at::from_blob(seen.data(), {rows, 4}, at::kDouble),
               y = at::from_blob(flair.data(), {rows, 1}, at::kDouble);
    const auto fit = std::get<0>(at::linalg_lstsq(x, y));
    const double residual = (y - x.matmul(fit)).std().item<double>();
    const double noise = 5;  // 0.05 of a contrast of 100
    std::printf("linear residual %.1f, noise %.1f\n", residual, noise);
    EXPECT_GE(residual, 4 * noise);
    EXPECT_EQ(make_brain_phantom(3, 1, edge).label, brain.label);  // the same brain
    EXPECT_THROW(phantom_contrast("flair"), core::UsageError);
    EXPECT_EQ(phantom_contrast("synthesis"), PhantomContrast::synthesis);
}

TEST(Phantom, FilesAreNamedAndPlacedAsBrats) {
    const test::TemporaryFolder folder;
    write_brats_phantom(folder.path(), 12, 32, 5);
    const auto brain = make_brain_phantom(5, 12, 32);
    const std::string start = (folder / "BraTS20_Training_012/BraTS20_Training_012_").string();
    size_t channel = 0;
    for (const std::string part : {"t1", "t1ce", "t2", "flair"}) {
        const auto image = read_nifti(start + part + ".nii.gz");
        EXPECT_EQ(image.type, VoxelType::int16);
        EXPECT_EQ(orientation_code(image.affine()), "LPS");
        EXPECT_EQ(spacing_dhw(image.affine()), (core::Double3{1, 1, 1}));
        const auto values = image.scaled();
        EXPECT_TRUE(std::equal(values.begin(), values.end(), brain.images[channel++].begin()));
    }
    const auto label = read_nifti(start + "seg.nii.gz");
    EXPECT_EQ(label.type, VoxelType::uint8);
    const auto values = label.scaled();
    EXPECT_TRUE(std::equal(values.begin(), values.end(), brain.label.begin()));
    EXPECT_EQ(std::distance(std::filesystem::recursive_directory_iterator(folder.path()), {}), 6);
}

TEST(Phantom, AFileInTheFoldersPlaceIsAWriteError) {
    const test::TemporaryFolder folder;
    write_brats_phantom(folder.path(), 1, 32, 0);
    EXPECT_THROW(write_brats_phantom(folder / "BraTS20_Training_001/BraTS20_Training_001_t1.nii.gz", 1, 32, 0),
                 core::WriteError);
}

}  // namespace
}  // namespace vox::data
