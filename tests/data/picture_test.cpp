// Pictures and NumPy arrays that are cut short or spoilt: refused by name or read, never more.  What whole ones hold is compared with
// Pillow and NumPy in e2e/xray_convert_test.py.

#include "data/picture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <fstream>

#include "core/error.hpp"
#include "data/npy.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

using testing::HasSubstr;

std::string read_bytes(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
}

/// "read", or why it was refused, after a check that the file's name is said.
std::string outcome(const std::filesystem::path& file) {
    try {
        read_picture(file);
        return "read";
    } catch (const core::DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr(file.string()));
        return error.what();
    }
}

void write_png(const std::filesystem::path& file, png_uint_32 width, png_uint_32 height) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = PNG_FORMAT_GRAY;
    std::vector<unsigned char> pixels(size_t{width} * height);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<unsigned char>(i * 37);
    ASSERT_TRUE(png_image_write_to_file(&image, file.c_str(), 0, pixels.data(), 0, nullptr));
}

std::string npy(const std::string& dictionary, size_t value_bytes) {
    std::string header = dictionary + std::string(63 - (10 + dictionary.size()) % 64, ' ') + "\n";
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size() & 0xFF);
    bytes += static_cast<char>(header.size() >> 8);
    return bytes + header + std::string(value_bytes, '\x01');
}

TEST(Picture, APngCutShortAnywhereIsRefused) {
    const test::TemporaryFolder folder;
    write_png(folder / "whole.png", 13, 9);
    const std::string whole = read_bytes(folder / "whole.png");
    ASSERT_EQ(outcome(folder / "whole.png"), "read");
    const Picture picture = read_picture(folder / "whole.png");
    EXPECT_EQ(picture.height, 9);
    EXPECT_EQ(picture.width, 13);
    EXPECT_FLOAT_EQ(picture.pixels[13], static_cast<float>(13 * 37 % 256) / 255);
    for (size_t length = 0; length < whole.size(); ++length) {
        write_bytes(folder / "cut.png", whole.substr(0, length));
        EXPECT_THAT(outcome(folder / "cut.png"), HasSubstr("libpng cannot read it")) << length;
    }
    EXPECT_THAT(outcome(folder / "absent.png"), HasSubstr("cannot be opened"));
}

TEST(Picture, AFlippedByteOfAPngIsNoticedOrOfNoMatter) {
    const test::TemporaryFolder folder;
    write_png(folder / "whole.png", 13, 9);
    const std::string whole = read_bytes(folder / "whole.png");
    const auto pixels = read_picture(folder / "whole.png").pixels;
    int refused = 0;
    for (size_t at = 0; at < whole.size(); ++at) {
        std::string bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
        write_bytes(folder / "spoilt.png", bytes);
        if (outcome(folder / "spoilt.png") != "read") {
            ++refused;
        } else {
            EXPECT_EQ(read_picture(folder / "spoilt.png").pixels, pixels) << at;
        }
    }
    EXPECT_GT(refused, 80);
}

TEST(Picture, AHugePngIsRefusedBeforeMemoryIsTaken) {
    const test::TemporaryFolder folder;
    write_png(folder / "wide.png", 8193, 1);
    EXPECT_THAT(outcome(folder / "wide.png"), HasSubstr("libpng cannot read it"));
}

TEST(Picture, NpyHeadersAreReadStrictly) {
    const test::TemporaryFolder folder;
    const auto file = folder / "a.npy";
    const auto of = [&](const std::string& dictionary, size_t bytes) {
        write_bytes(file, npy(dictionary, bytes));
        return outcome(file);
    };
    EXPECT_EQ(of("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }", 12), "read");
    EXPECT_EQ(of("{'descr':'|u1','fortran_order':True,'shape':(3,4)}", 12), "read");
    EXPECT_THAT(of("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }", 13), HasSubstr("13 bytes of values"));
    EXPECT_THAT(of("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 0), }", 0), HasSubstr("an axis of 0"));
    EXPECT_THAT(of("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 4), }", 12),
                HasSubstr("an axis of 99999999999999999999"));
    EXPECT_THAT(of("{'descr': '<u2', 'fortran_order': False, 'shape': (32768, 32768), }", 12), HasSubstr("truncated"));
    EXPECT_THAT(of("{'descr': '|O', 'fortran_order': False, 'shape': (3, 4), }", 12), HasSubstr("its type is '|O'"));
    EXPECT_THAT(of("{'descr': '|u1', 'fortran_order': 0, 'shape': (3, 4), }", 12), HasSubstr("header is not"));
    EXPECT_THAT(of("__import__('os')", 12), HasSubstr("header is not"));
    std::string version = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }", 12);
    version[6] = 4;
    write_bytes(file, version);
    EXPECT_THAT(outcome(file), HasSubstr("version 4"));
    EXPECT_THROW(read_npy(folder / "absent.npy", 2), core::DataError);
}

}  // namespace
}  // namespace vox::data
