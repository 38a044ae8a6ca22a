#pragma once
// Writing PNG pictures.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace vox::report {

/// Pixels [height, width, channels], row by row from the top; channels is 1 (grey) or 3 (red, green, blue).
struct Image {
    int64_t height = 0;
    int64_t width = 0;
    int channels = 1;
    std::vector<uint8_t> pixels;
    /// Key and text, kept in the file (PNG tEXt; Latin-1).  A key has 1 to 79 characters.
    std::vector<std::pair<std::string, std::string>> texts;
};

/// The bytes of a .png file.  Throws InternalError where the sizes do not fit.
std::string encode_png(const Image& image);

/// Writes a temporary file and renames it, so that a reader sees a whole picture or none.  Throws WriteError.
void write_png(const std::filesystem::path& file, const Image& image);

/// Width, height and texts of a .png file's bytes, without decoding pixels; size 0 where the bytes are no PNG.
Image read_png_header(const std::string& bytes);

}  // namespace vox::report
