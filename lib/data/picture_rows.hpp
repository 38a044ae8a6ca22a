#pragma once
// Picture files as their libraries decode them: what picture.cpp and colours.cpp make pixels of.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <vector>

namespace vox::data {

/// Along an axis; more is refused before memory is taken.
inline constexpr uint32_t kMaxPicturePixels = 8192;

/// Rows of grey, grey and alpha, RGB or RGBA, whatever gamma the file names; two-byte samples are in the host's order.
struct PictureRows {
    bool header_only = false;  // asked for: `rows` stay empty
    uint32_t width = 0, height = 0;
    size_t channels = 0, sample_bytes = 0;
    int orientation = 1;  // EXIF's: 1 is upright
    std::vector<unsigned char> rows;
    std::array<char, 300> error{};
};

// False, with `error` filled, for a file that is damaged, cut short, or over the limit.  No exception but std::bad_alloc.
bool decode_png(FILE* file, PictureRows& out);
/// One or three channels of one byte: grey, or what becomes RGB; four (CMYK) are an error.
bool decode_jpeg(FILE* file, PictureRows& out);

/// The orientation that a TIFF header and its first directory tell, 1 where they do not.
int exif_orientation(std::span<const unsigned char> tiff);

}  // namespace vox::data
