// Pictures that are cut short, spoilt, turned or of other kinds: refused by name or read, never more.  What whole ones hold is compared
// with Pillow in e2e/prompts_convert_test.py.

#include "data/colours.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <fstream>
#include <random>
// libjpeg's header needs size_t and FILE before it.
#include <jpeglib.h>

#include "core/error.hpp"
#include "data/picture_rows.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::vector<unsigned char> made_up(size_t count) {
    std::vector<unsigned char> samples(count);
    for (size_t i = 0; i < count; ++i) samples[i] = static_cast<unsigned char>(i * 7 % 251);
    return samples;
}

void write_png(const fs::path& file, png_uint_32 format, png_uint_32 width = 19, png_uint_32 height = 13) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = format;
    const auto samples = made_up(PNG_IMAGE_SIZE(image));
    ASSERT_TRUE(png_image_write_to_file(&image, file.c_str(), 0, samples.data(), 0, nullptr));
}

/// `exif`: what stands behind "Exif" in a marker; empty: no marker.
void write_jpeg(const fs::path& file, int components, bool progressive = false, const std::string& exif = "") {
    jpeg_compress_struct jpeg{};
    jpeg_error_mgr errors{};
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    FILE* const out = std::fopen(file.c_str(), "wb");
    ASSERT_NE(out, nullptr);
    jpeg_stdio_dest(&jpeg, out);
    jpeg.image_width = 19;
    jpeg.image_height = 13;
    jpeg.input_components = components;
    jpeg.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    if (progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (!exif.empty()) {
        const std::string marker = std::string("Exif\0\0", 6) + exif;
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(marker.data()),
                          static_cast<unsigned>(marker.size()));
    }
    auto samples = made_up(size_t{19} * 13 * static_cast<size_t>(components));
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = &samples[jpeg.next_scanline * 19 * static_cast<size_t>(components)];
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    std::fclose(out);
}

std::string read_bytes(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
void write_bytes(const fs::path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

/// "read", or why it was refused, after a check that the file's name is said.
std::string outcome(const fs::path& file) {
    try {
        read_colours(file);
        return "read";
    } catch (const core::DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr(file.string()));
        return error.what();
    }
}

/// A TIFF directory with one entry, the orientation.
std::string exif(char orientation, bool big) {
    if (big)
        return std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) + orientation + std::string(6, '\0');
    return std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) + orientation + std::string(7, '\0');
}

TEST(Colours, SamplesOfAPngAreThoseThatWereWritten) {
    const test::TemporaryFolder folder;
    write_png(folder / "a.png", PNG_FORMAT_RGB);
    const Colours picture = read_colours(folder / "a.png");
    EXPECT_EQ(picture.height, 13);
    EXPECT_EQ(picture.width, 19);
    ASSERT_EQ(picture.channels, 3);
    EXPECT_EQ(picture.samples, made_up(size_t{19} * 13 * 3));
    EXPECT_FALSE(is_grey_picture(folder / "a.png"));
    write_png(folder / "grey.png", PNG_FORMAT_GRAY);
    EXPECT_EQ(read_colours(folder / "grey.png").samples, made_up(size_t{19} * 13));
    EXPECT_TRUE(is_grey_picture(folder / "grey.png"));
}

TEST(Colours, AGreyPictureHasThreeEqualColoursWhereColoursAreWanted) {
    const test::TemporaryFolder folder;
    write_png(folder / "grey.png", PNG_FORMAT_GRAY);
    write_png(folder / "rgb.png", PNG_FORMAT_RGB);
    const auto volumes = read_picture_volumes(folder / "grey.png", 3);
    ASSERT_EQ(volumes.size(), 3U);
    EXPECT_EQ(volumes[0].voxels, volumes[2].voxels);
    EXPECT_EQ(volumes[0].size, (core::Index3{19, 13, 1}));
    const auto red = read_picture_volumes(folder / "rgb.png", 3)[0];
    EXPECT_EQ(red.voxels[1], static_cast<std::byte>(made_up(4)[3]));
    try {
        read_picture_volumes(folder / "rgb.png", 1);
        FAIL() << "colours were taken for grey";
    } catch (const core::DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr("rgb.png: is coloured"));
    }
}

TEST(Colours, RowZeroIsTheTopOfACase) {
    const test::TemporaryFolder folder;
    write_png(folder / "a.png", PNG_FORMAT_RGB);
    const CaseData data =
        build_case("a", read_channels(picture_case("a", folder / "a.png", colour_channels(false))), nullptr);
    EXPECT_EQ(data.info.shape, (std::array<int64_t, 4>{3, 1, 13, 19}));
    EXPECT_EQ(data.info.spacing_mm, (core::Double3{1, 1, 1}));
    const auto values = image_values(data);
    const auto samples = made_up(size_t{19} * 13 * 3);
    for (size_t c = 0; c < 3; ++c)
        for (size_t pixel = 0; pixel < 19 * 13; ++pixel)
            ASSERT_EQ(values[c * 19 * 13 + pixel], static_cast<float>(samples[3 * pixel + c]));
}

TEST(Colours, AFileCutShortAnywhereIsRefused) {
    const test::TemporaryFolder folder;
    write_png(folder / "p", PNG_FORMAT_RGB);
    write_jpeg(folder / "j", 3);
    write_jpeg(folder / "progressive", 3, true);
    for (const char* name : {"p", "j", "progressive"}) {
        const std::string whole = read_bytes(folder / name);
        ASSERT_EQ(outcome(folder / name), "read") << name;
        for (size_t bytes = 0; bytes + 1 < whole.size();
             ++bytes) {  // the last byte of a JPEG's end marker is not missed
            write_bytes(folder / "cut", whole.substr(0, bytes));
            ASSERT_NE(outcome(folder / "cut"), "read") << name << ' ' << bytes << " of " << whole.size();
        }
    }
}

TEST(Colours, ASpoiltFileIsReadOrRefusedByName) {
    const test::TemporaryFolder folder;
    write_png(folder / "p", PNG_FORMAT_RGB);
    write_jpeg(folder / "j", 3);
    write_jpeg(folder / "progressive", 3, true);
    std::mt19937 random(1);
    int refused = 0;
    for (const char* name : {"p", "j", "progressive"}) {
        const std::string whole = read_bytes(folder / name);
        for (int n = 0; n < 300; ++n) {
            std::string bytes = whole;
            for (unsigned flips = 1 + random() % 4; flips > 0; --flips)
                bytes[random() % bytes.size()] = static_cast<char>(random());
            write_bytes(folder / "spoilt", bytes);
            refused += outcome(folder / "spoilt") != "read";
        }
    }
    EXPECT_GT(refused, 200);
}

TEST(Colours, OtherKindsAreRefusedAndSaidToBe) {
    const test::TemporaryFolder folder;
    write_jpeg(folder / "cmyk.jpg", 4);
    EXPECT_THAT(outcome(folder / "cmyk.jpg"), HasSubstr("neither grey nor of three colours"));
    write_png(folder / "clear.png", PNG_FORMAT_RGBA);
    EXPECT_THAT(outcome(folder / "clear.png"), HasSubstr("is transparent (row 0, column 0)"));
    write_bytes(folder / "text.png", "no picture at all");
    EXPECT_THAT(outcome(folder / "text.png"), HasSubstr("neither a PNG nor a JPEG"));
    write_bytes(folder / "empty.png", "");
    EXPECT_THAT(outcome(folder / "empty.png"), HasSubstr("neither a PNG nor a JPEG"));
    EXPECT_THAT(outcome(folder / "none.png"), HasSubstr("cannot be opened"));
    write_png(folder / "wide.png", PNG_FORMAT_GRAY, 8193, 1);
    EXPECT_THAT(outcome(folder / "wide.png"), HasSubstr("libpng cannot read it"));
    write_jpeg(folder / "wide.jpg", 1);
    std::string bytes = read_bytes(folder / "wide.jpg");
    const size_t frame = bytes.find("\xFF\xC0");
    ASSERT_NE(frame, std::string::npos);
    bytes.replace(frame + 7, 2, "\x20\x01");  // 8193 columns
    write_bytes(folder / "wide.jpg", bytes);
    EXPECT_THAT(outcome(folder / "wide.jpg"), HasSubstr("over 8192 pixels"));
}

TEST(Colours, APictureThatLiesOnItsSideIsRefused) {
    const test::TemporaryFolder folder;
    for (const bool big : {false, true}) {
        write_jpeg(folder / "a.jpg", 3, false, exif(6, big));
        EXPECT_THAT(outcome(folder / "a.jpg"), HasSubstr("EXIF orientation 6")) << big;
        write_jpeg(folder / "a.jpg", 3, false, exif(1, big));
        EXPECT_EQ(outcome(folder / "a.jpg"), "read") << big;
    }
    // Directories that are cut short or lead elsewhere say nothing, and are not followed out of the marker.
    const std::string whole = exif(6, true);
    for (size_t bytes = 0; bytes < 19; ++bytes) {
        write_jpeg(folder / "a.jpg", 3, false, whole.substr(0, bytes) + std::string(bytes == 0, 'x'));
        EXPECT_EQ(outcome(folder / "a.jpg"), "read") << bytes;
    }
    const std::string far = std::string("MM\0*\xFF\xFF\xFF\xFF", 8);
    EXPECT_EQ(exif_orientation({reinterpret_cast<const unsigned char*>(far.data()), far.size()}), 1);
}

}  // namespace
}  // namespace vox::data
