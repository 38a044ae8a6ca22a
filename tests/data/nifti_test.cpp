#include "data/nifti.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;

core::Affine lps_affine() {
    core::Affine affine{};
    affine[0] = {-1, 0, 0, 90};
    affine[1] = {0, -1, 0, 126};
    affine[2] = {0, 0, 1, -72};
    affine[3] = {0, 0, 0, 1};
    return affine;
}

template <class Voxel>
NiftiImage image_of(VoxelType type, core::Index3 size = {4, 3, 2}) {
    NiftiImage image;
    image.size = size;
    image.type = type;
    image.geometry = geometry_from_affine(lps_affine());
    image.voxels.resize(static_cast<size_t>(image.voxel_count()) * sizeof(Voxel));
    for (size_t at = 0; at < static_cast<size_t>(image.voxel_count()); ++at) {
        const auto value = static_cast<Voxel>(7 * at + 1);
        std::memcpy(image.voxels.data() + at * sizeof(Voxel), &value, sizeof(Voxel));
    }
    return image;
}

std::string bytes_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string gzip(const std::string& bytes) {
    z_stream z{};
    EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(deflateBound(&z, bytes.size()), '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    z.avail_in = static_cast<unsigned>(bytes.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<unsigned>(out.size());
    EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}

template <class T>
void patch(std::string& bytes, size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

/// What `read_nifti` says about the file, or "" where it reads it.
std::string refusal(const std::filesystem::path& file, size_t max_bytes = size_t{1} << 30) {
    try {
        read_nifti(file, max_bytes);
        return "";
    } catch (const core::DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr(file.filename().string()));
        return error.what();
    }
}

/// A good uncompressed file's bytes, to be damaged: header fields as nifti1.h places them.
std::string good_bytes(const TemporaryFolder& folder) {
    write_nifti(folder / "good.nii", image_of<int16_t>(VoxelType::int16));
    return bytes_of(folder / "good.nii");
}

template <class Voxel>
void expect_round_trip(VoxelType type) {
    const TemporaryFolder folder;
    auto image = image_of<Voxel>(type);
    image.scl_slope = 0.5;
    image.scl_inter = -1024;
    image.description = "phantom";
    for (const std::string name : {"a.nii", "a.nii.gz"}) {
        write_nifti(folder / name, image);
        const auto back = read_nifti(folder / name);
        EXPECT_EQ(back.size, image.size);
        EXPECT_EQ(back.type, type);
        EXPECT_EQ(back.voxels, image.voxels);
        EXPECT_EQ(back.scl_slope, 0.5);
        EXPECT_EQ(back.scl_inter, -1024);
        EXPECT_EQ(back.description, "phantom");
        EXPECT_EQ(back.affine(), lps_affine());
        EXPECT_FLOAT_EQ(back.scaled()[3], 0.5f * 22 - 1024);
    }
}

TEST(Nifti, WritesAndReadsEveryType) {
    expect_round_trip<int8_t>(VoxelType::int8);
    expect_round_trip<uint8_t>(VoxelType::uint8);
    expect_round_trip<int16_t>(VoxelType::int16);
    expect_round_trip<uint16_t>(VoxelType::uint16);
    expect_round_trip<int32_t>(VoxelType::int32);
    expect_round_trip<uint32_t>(VoxelType::uint32);
    expect_round_trip<int64_t>(VoxelType::int64);
    expect_round_trip<uint64_t>(VoxelType::uint64);
    expect_round_trip<float>(VoxelType::float32);
    expect_round_trip<double>(VoxelType::float64);
}

TEST(Nifti, LongAxesBecomeNifti2) {
    const TemporaryFolder folder;
    const auto image = image_of<uint8_t>(VoxelType::uint8, {40000, 1, 1});
    write_nifti(folder / "long.nii.gz", image);
    write_nifti(folder / "long.nii", image);
    int32_t header_bytes = 0;
    std::memcpy(&header_bytes, bytes_of(folder / "long.nii").data(), 4);
    EXPECT_EQ(header_bytes, 540);
    EXPECT_EQ(read_nifti(folder / "long.nii.gz").voxels, image.voxels);
}

TEST(Nifti, NumbersThatAreNoFloat32BecomeNifti2) {
    const TemporaryFolder folder;
    auto image = image_of<uint8_t>(VoxelType::uint8);
    const auto header_bytes = [&] {
        write_nifti(folder / "a.nii", image);
        int32_t length = 0;
        std::memcpy(&length, bytes_of(folder / "a.nii").data(), 4);
        return length;
    };
    EXPECT_EQ(header_bytes(), 348);
    const NiftiImage kept_by_float32 = image;
    const auto expect_kept = [&] {
        EXPECT_EQ(header_bytes(), 540);
        const auto back = read_nifti(folder / "a.nii");
        EXPECT_EQ(back.geometry.srow, image.geometry.srow);
        EXPECT_EQ(back.geometry.pixdim_mm, image.geometry.pixdim_mm);
        EXPECT_EQ(back.geometry.quatern, image.geometry.quatern);
        EXPECT_EQ(back.geometry.qoffset_mm, image.geometry.qoffset_mm);
        EXPECT_EQ(back.scl_slope, image.scl_slope);
        EXPECT_EQ(back.scl_inter, image.scl_inter);
        image = kept_by_float32;
    };
    image.geometry.srow[2][1] = 0.1;
    expect_kept();
    image.geometry.pixdim_mm[0] = 0.3;
    expect_kept();
    image.geometry.quatern[1] = 1e-9 + 0.5;
    expect_kept();
    image.geometry.qoffset_mm[2] = 1.0 / 3;
    expect_kept();
    image.scl_slope = 0.7;
    expect_kept();
    image.scl_inter = -0.7;
    expect_kept();
}

TEST(Nifti, TheSameImageGivesTheSameBytesAndNoLeftovers) {
    const TemporaryFolder folder;
    write_nifti(folder / "a.nii.gz", image_of<int16_t>(VoxelType::int16));
    write_nifti(folder / "b.nii.gz", image_of<int16_t>(VoxelType::int16));
    EXPECT_EQ(bytes_of(folder / "a.nii.gz"), bytes_of(folder / "b.nii.gz"));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
}

TEST(Nifti, QformAndSformOfAnAffineAgreeUnlessItHasShear) {
    auto affine = lps_affine();
    const double c = std::cos(0.4), s = std::sin(0.4);
    affine[0] = {-0.5 * c, 0.5 * s, 0, 12};
    affine[1] = {-0.5 * s, -0.5 * c, 0, 7};
    affine[2] = {0, 0, -3, 1};
    NiftiImage image = image_of<uint8_t>(VoxelType::uint8);
    image.geometry = geometry_from_affine(affine, 2);
    for (size_t row = 0; row < 3; ++row)
        for (size_t column = 0; column < 4; ++column)
            EXPECT_EQ(image.affine()[row][column], static_cast<float>(affine[row][column])) << "what NIfTI-1 keeps";
    EXPECT_EQ(image.geometry.qform_code, 2);
    EXPECT_EQ(image.geometry.qfac, -1);
    image.geometry.sform_code = 0;  // now the qform speaks
    for (size_t row = 0; row < 3; ++row)
        for (size_t column = 0; column < 4; ++column)
            EXPECT_NEAR(image.affine()[row][column], affine[row][column], 1e-6);
    affine[0][1] += 0.1;
    EXPECT_EQ(geometry_from_affine(affine).qform_code, 0);
}

TEST(Nifti, WithoutQformAndSformPixdimIsTheAffine) {
    NiftiImage image = image_of<uint8_t>(VoxelType::uint8);
    image.geometry = {};
    image.geometry.pixdim_mm = {1, 2, 3};
    EXPECT_EQ(image.affine()[1][1], 2);
    EXPECT_EQ(image.affine()[0][3], 0);
}

TEST(Nifti, RefusesATruncatedGzipAtEveryLength) {
    const TemporaryFolder folder;
    const auto whole = gzip(good_bytes(folder));
    for (size_t length = 0; length < whole.size(); ++length) {
        write_bytes(folder / "cut.nii.gz", whole.substr(0, length));
        EXPECT_NE(refusal(folder / "cut.nii.gz"), "") << length;
    }
    write_bytes(folder / "cut.nii.gz", whole.substr(0, whole.size() / 2));
    EXPECT_THAT(refusal(folder / "cut.nii.gz"), HasSubstr("truncated"));
    write_bytes(folder / "cut.nii.gz", whole);
    EXPECT_EQ(refusal(folder / "cut.nii.gz"), "");
}

TEST(Nifti, NoticesAFlippedBitInTheCompressedVoxels) {
    const TemporaryFolder folder;
    const auto whole = gzip(good_bytes(folder));
    for (size_t at = 10; at + 4 < whole.size(); ++at) {  // behind gzip's own header, before the length at its end
        auto damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
        write_bytes(folder / "damaged.nii.gz", damaged);
        EXPECT_NE(refusal(folder / "damaged.nii.gz"), "") << at;
    }
}

TEST(Nifti, ReadsGzipOfSeveralMembersAndRefusesBytesBehindThem) {
    const TemporaryFolder folder;
    const auto plain = good_bytes(folder);
    write_bytes(folder / "parts.nii.gz", gzip(plain.substr(0, 360)) + gzip(plain.substr(360)));
    EXPECT_EQ(refusal(folder / "parts.nii.gz"), "");
    write_bytes(folder / "behind.nii.gz", gzip(plain) + "garbage");
    EXPECT_THAT(refusal(folder / "behind.nii.gz"), HasSubstr("bytes follow"));
}

TEST(Nifti, RefusesAFileThatIsShorterOrLongerThanItsDimensions) {
    const TemporaryFolder folder;
    const auto good = good_bytes(folder);
    write_bytes(folder / "short.nii", good.substr(0, good.size() - 1));
    EXPECT_THAT(refusal(folder / "short.nii"), HasSubstr("truncated"));
    write_bytes(folder / "long.nii", good + "x");
    EXPECT_THAT(refusal(folder / "long.nii"), HasSubstr("more bytes"));
    write_bytes(folder / "long.nii.gz", gzip(good + "x"));
    EXPECT_THAT(refusal(folder / "long.nii.gz"), HasSubstr("more bytes"));
    write_bytes(folder / "empty.nii", "");
    EXPECT_THAT(refusal(folder / "empty.nii"), HasSubstr("truncated"));
}

TEST(Nifti, RefusesDimensionsThatCannotBe) {
    const TemporaryFolder folder;
    const auto good = good_bytes(folder);
    const auto with = [&](size_t offset, auto value) {
        auto bytes = good;
        patch(bytes, offset, value);
        write_bytes(folder / "bad.nii", bytes);
        return refusal(folder / "bad.nii");
    };
    EXPECT_THAT(with(42, int16_t{0}), HasSubstr("axis 1 has 0"));
    EXPECT_THAT(with(44, int16_t{-3}), HasSubstr("axis 2 has -3"));
    EXPECT_THAT(with(40, int16_t{8}), HasSubstr("8 dimensions"));
    EXPECT_THAT(with(46, int16_t{32000}), HasSubstr("too short"));
    EXPECT_THAT(with(70, int16_t{32}), HasSubstr("datatype 32"));  // complex64
    EXPECT_THAT(with(72, int16_t{8}), HasSubstr("bitpix 8"));
    EXPECT_THAT(with(108, 340.0f), HasSubstr("vox_offset"));
    EXPECT_THAT(with(108, std::numeric_limits<float>::quiet_NaN()), HasSubstr("vox_offset"));
    EXPECT_THAT(with(280, 0.0f), HasSubstr("sform is singular"));
    EXPECT_THAT(with(280, std::numeric_limits<float>::infinity()), HasSubstr("srow"));
    EXPECT_THAT(with(344, 'x'), HasSubstr("not a NIfTI file"));
    EXPECT_THAT(with(345, 'i'), HasSubstr(".hdr/.img"));
    EXPECT_THAT(with(0, int32_t{349}), HasSubstr("not a NIfTI file"));
}

TEST(Nifti, NoScalingIsWrittenAsZeroOrNanSlope) {
    const TemporaryFolder folder;
    for (const float slope : {0.0f, std::numeric_limits<float>::quiet_NaN()}) {
        auto bytes = good_bytes(folder);
        patch(bytes, 112, slope);
        patch(bytes, 116, 5.0f);
        write_bytes(folder / "plain.nii", bytes);
        const auto image = read_nifti(folder / "plain.nii");
        EXPECT_EQ(image.scl_slope, 1.0);
        EXPECT_EQ(image.scl_inter, 0.0);
    }
}

// A header may promise anything: nothing of it is allocated before the file is known to be large enough.
TEST(Nifti, RefusesABombBeforeTakingMemoryForIt) {
    const TemporaryFolder folder;
    auto bytes = good_bytes(folder);
    for (size_t axis = 0; axis < 3; ++axis) patch(bytes, 42 + 2 * axis, int16_t{30000});
    write_bytes(folder / "bomb.nii.gz", gzip(bytes));
    EXPECT_THAT(refusal(folder / "bomb.nii.gz", std::numeric_limits<size_t>::max()), HasSubstr("too short"));
    EXPECT_THAT(refusal(folder / "bomb.nii.gz"), HasSubstr("limit"));
    EXPECT_THAT(refusal(folder / "good.nii", 40), HasSubstr("limit of 40 B"));
    patch(bytes, 40, int16_t{4});
    patch(bytes, 48, int16_t{5000});
    write_bytes(folder / "series.nii", bytes);
    EXPECT_THAT(refusal(folder / "series.nii"), HasSubstr("5000 volumes"));
    write_nifti(folder / "two.nii", image_of<uint8_t>(VoxelType::uint8, {40000, 1, 1}));  // NIfTI-2: 64-bit dimensions
    bytes = bytes_of(folder / "two.nii");
    for (size_t axis = 0; axis < 3; ++axis) patch(bytes, 24 + 8 * axis, int64_t{1} << 40);
    write_bytes(folder / "endless.nii", bytes);
    EXPECT_THAT(refusal(folder / "endless.nii", std::numeric_limits<size_t>::max()), HasSubstr("overflow 64 bits"));
}

// Whatever one damaged byte makes of a header, it is read or refused: nothing else is thrown, nothing outside is touched.
TEST(Nifti, EveryDamagedHeaderByteIsReadOrRefused) {
    const TemporaryFolder folder;
    const auto good = good_bytes(folder);
    int refused = 0;
    for (size_t at = 0; at < 352; ++at) {
        for (const char value : {'\x00', '\x01', '\x7f', '\x80', '\xff'}) {
            auto bytes = good;
            bytes[at] = value;
            write_bytes(folder / "damaged.nii", bytes);
            refused += refusal(folder / "damaged.nii").empty() ? 0 : 1;
        }
    }
    EXPECT_GT(refused, 50);
}

TEST(Nifti, NamesTheVoxelThatIsNotFinite) {
    const TemporaryFolder folder;
    auto image = image_of<float>(VoxelType::float32);
    const float bad = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(image.voxels.data() + (1 + 4 * (2 + 3 * 1)) * sizeof(float), &bad, sizeof(float));
    write_nifti(folder / "nan.nii.gz", image);
    EXPECT_THAT(refusal(folder / "nan.nii.gz"), HasSubstr("voxel (1, 2, 1) is NaN"));
    auto wide = image_of<double>(VoxelType::float64);
    const double endless = -std::numeric_limits<double>::infinity();
    std::memcpy(wide.voxels.data(), &endless, sizeof(double));
    write_nifti(folder / "infinite.nii", wide);
    EXPECT_THAT(refusal(folder / "infinite.nii"), HasSubstr("voxel (0, 0, 0) is infinite"));
}

TEST(Nifti, RefusesWhatIsNoFile) {
    const TemporaryFolder folder;
    EXPECT_THAT(refusal(folder / "absent.nii"), HasSubstr("no such file"));
    std::filesystem::create_directory(folder / "folder.nii");
    EXPECT_THAT(refusal(folder / "folder.nii"), HasSubstr("not a regular file"));
}

TEST(Nifti, WritingWhereItCannotSaysSoAndLeavesNothing) {
    const TemporaryFolder folder;
    const auto image = image_of<int16_t>(VoxelType::int16);
    EXPECT_THROW(write_nifti(folder / "absent/a.nii", image), core::WriteError);
    std::filesystem::create_directory(folder / "taken.nii.gz");
    EXPECT_THROW(write_nifti(folder / "taken.nii.gz", image), core::WriteError);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace vox::data
