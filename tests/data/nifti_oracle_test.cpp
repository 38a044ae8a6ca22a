// NIfTI against nibabel: files that it made are read as it reads them, files that we write it reads as we meant them.

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "data/nifti.hpp"
#include "data/orientation.hpp"
#include "support/oracle.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string script = "tests/data/nibabel_oracle.py";

core::Affine affine_from(const json& rows) { return rows.get<core::Affine>(); }

void expect_near(const core::Affine& got, const core::Affine& expected) {
    for (size_t row = 0; row < 4; ++row)
        for (size_t column = 0; column < 4; ++column) EXPECT_NEAR(got[row][column], expected[row][column], 1e-4);
}

template <class Voxel>
void expect_stored(const NiftiImage& image, const json& texts, size_t offset) {
    const auto* values = reinterpret_cast<const Voxel*>(image.voxels.data());
    for (size_t at = 0; at < static_cast<size_t>(image.voxel_count()); ++at) {
        const auto text = texts[offset + at].get<std::string>();
        if constexpr (std::is_floating_point_v<Voxel>) {
            ASSERT_EQ(static_cast<double>(values[at]), std::stod(text)) << at;
        } else {
            ASSERT_EQ(std::to_string(values[at]), text) << at;
        }
    }
}

void expect_stored(const NiftiImage& image, const json& texts, size_t offset) {
    switch (image.type) {
        case VoxelType::int8: return expect_stored<int8_t>(image, texts, offset);
        case VoxelType::uint8: return expect_stored<uint8_t>(image, texts, offset);
        case VoxelType::int16: return expect_stored<int16_t>(image, texts, offset);
        case VoxelType::uint16: return expect_stored<uint16_t>(image, texts, offset);
        case VoxelType::int32: return expect_stored<int32_t>(image, texts, offset);
        case VoxelType::uint32: return expect_stored<uint32_t>(image, texts, offset);
        case VoxelType::int64: return expect_stored<int64_t>(image, texts, offset);
        case VoxelType::uint64: return expect_stored<uint64_t>(image, texts, offset);
        case VoxelType::float32: return expect_stored<float>(image, texts, offset);
        case VoxelType::float64: return expect_stored<double>(image, texts, offset);
    }
}

/// The volume moved to RAS, as scaled numbers.
std::vector<float> scaled_ras(NiftiImage image) {
    const auto orientation = orientation_of(image.affine());
    image.voxels = to_ras(image.voxels, image.size, voxel_bytes(image.type), orientation);
    return image.scaled();
}

void expect_as_nibabel(const std::vector<NiftiImage>& volumes, const json& expected) {
    ASSERT_EQ(volumes.size(), expected["volumes"].get<size_t>());
    for (size_t v = 0; v < volumes.size(); ++v) {
        const NiftiImage& image = volumes[v];
        const auto count = static_cast<size_t>(image.voxel_count());
        EXPECT_EQ(image.size, expected["shape"].get<core::Index3>());
        ASSERT_EQ(voxel_type_name(image.type), expected["type"].get<std::string>());
        EXPECT_EQ(image.scl_slope, expected["slope"].get<double>());
        EXPECT_EQ(image.scl_inter, expected["inter"].get<double>());
        EXPECT_EQ(image.geometry.qform_code, expected["qform_code"].get<int>());
        EXPECT_EQ(image.geometry.sform_code, expected["sform_code"].get<int>());
        expect_near(image.affine(), affine_from(expected["affine"]));
        EXPECT_EQ(orientation_code(image.affine()), expected["code"].get<std::string>());
        expect_stored(image, expected["stored"], v * count);
        const auto scaled = image.scaled();
        for (size_t at = 0; at < count; ++at) ASSERT_EQ(scaled[at], expected["scaled"][v * count + at].get<float>());

        const auto orientation = orientation_of(image.affine());
        expect_near(oriented_affine(image.affine(), image.size, orientation), affine_from(expected["ras_affine"]));
        const auto ras = scaled_ras(image);
        for (size_t at = 0; at < count; ++at) ASSERT_EQ(ras[at], expected["ras"][v * count + at].get<float>());
    }
}

TEST(NiftiOracle, EveryKindOfFileIsReadAsNibabelReadsIt) {
    if (!test::has_oracle()) GTEST_SKIP() << "VOX_PYTHON is absent";
    const test::TemporaryFolder folder;
    ASSERT_EQ(test::run_oracle(script, "make " + folder.path().string()), 0);
    const auto expected = json::parse(std::ifstream(folder / "expected.json"));
    EXPECT_GE(expected.size(), 70u);
    for (const auto& [name, facts] : expected.items()) {
        SCOPED_TRACE(name);
        expect_as_nibabel(read_nifti_channels(folder / name), facts);
    }
}

// Files by nibabel and real volumes, through RAS and back, are equal in nibabel's eyes: voxels, type, scaling, geometry.
void expect_lossless(const std::vector<fs::path>& files) {
    const test::TemporaryFolder folder;
    std::ofstream list(folder / "list.txt");
    for (size_t number = 0; number < files.size(); ++number) {
        SCOPED_TRACE(files[number].string());
        NiftiImage image = read_nifti(files[number]);
        const auto orientation = orientation_of(image.affine());
        const size_t bytes = voxel_bytes(image.type);
        const auto ras = to_ras(image.voxels, image.size, bytes, orientation);
        const auto original = image.voxels;
        image.voxels = from_ras(ras, image.size, bytes, orientation);
        EXPECT_TRUE(image.voxels == original);
        const auto copy = folder / (std::to_string(number) + ".nii.gz");
        write_nifti(copy, image);
        const auto again = read_nifti(copy);
        EXPECT_TRUE(again.voxels == original);
        EXPECT_EQ(again.affine(), image.affine());
        list << files[number].string() << ' ' << copy.string() << '\n';
    }
    list.close();
    EXPECT_EQ(test::run_oracle(script, "compare " + (folder / "list.txt").string()), 0);
}

TEST(NiftiOracle, RoundTripOfMadeFilesIsLossless) {
    if (!test::has_oracle()) GTEST_SKIP() << "VOX_PYTHON is absent";
    const test::TemporaryFolder folder;
    ASSERT_EQ(test::run_oracle(script, "make " + folder.path().string()), 0);
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder.path())) {
        const auto name = entry.path().filename().string();
        // Several volumes are several images to us; other units are rewritten as mm.
        const bool one_to_one = name.find("two_volumes") == name.npos && name.find("last_axis") == name.npos &&
                                name.find("unit_") == name.npos;
        if (one_to_one && entry.path().extension() != ".json") files.push_back(entry.path());
    }
    EXPECT_GE(files.size(), 60u);
    expect_lossless(files);
}

TEST(NiftiOracle, RoundTripOfRealVolumesIsLossless) {
    if (!test::has_oracle() || !fs::exists(test::shared_data()))
        GTEST_SKIP() << "real volumes or VOX_PYTHON are absent";
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(test::shared_data())) {
        if (entry.path().extension() == ".gz") files.push_back(entry.path());
    }
    EXPECT_GE(files.size(), 30u);
    expect_lossless(files);
}

}  // namespace
}  // namespace vox::data
