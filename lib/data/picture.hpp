#pragma once
// Grey pictures of X-rays: .png by libpng, and two-dimensional .npy.

#include <cstdint>
#include <filesystem>
#include <vector>

namespace vox::data {

struct Picture {
    int64_t height = 0, width = 0;
    std::vector<float> pixels;  // [h,w], row 0 at the top
};

/// .png of 1 to 16 bits: 0 .. 1 of the file's range, whatever gamma it names; colour only where red, green and blue are equal
/// everywhere.  .npy [h,w]: uint8 and uint16 as 0 .. 1 of their range, float32 and float64 as they are.  Throws DataError, with the
/// file's name, for other types, for pixels that are coloured or transparent, and for files that are damaged or over 8192 pixels wide
/// or high.
Picture read_picture(const std::filesystem::path& file);

}  // namespace vox::data
