#include <png.h>

#include <bit>
#include <csetjmp>

#include "data/picture_rows.hpp"

namespace vox::data {
namespace {

[[noreturn]] void stop(png_structp png, png_const_charp message) {
    auto& decoded = *static_cast<PictureRows*>(png_get_error_ptr(png));
    std::snprintf(decoded.error.data(), decoded.error.size(), "libpng cannot read it: %s", message);
    longjmp(png_jmpbuf(png), 1);
}

void ignore(png_structp, png_const_charp) {}  // warnings: of metadata

int orientation_of(png_structp png, png_infop info) {
    png_uint_32 bytes = 0;
    png_bytep exif = nullptr;
    if (png_get_eXIf_1(png, info, &bytes, &exif) == 0) return 1;
    return exif_orientation({exif, bytes});
}

}  // namespace

/// libpng leaves by longjmp on an error: nothing with a destructor may be made here.
bool decode_png(FILE* file, PictureRows& out) {
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &out, stop, ignore);
    png_infop info = png ? png_create_info_struct(png) : nullptr;
    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, nullptr);
        return false;
    }
    png_init_io(png, file);
    png_set_user_limits(png, kMaxPicturePixels, kMaxPicturePixels);
    png_read_info(png, info);
    out.orientation = orientation_of(png, info);
    png_set_expand(png);  // palettes, fewer than 8 bits, transparent colours
    if (std::endian::native == std::endian::little) png_set_swap(png);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    out.width = png_get_image_width(png, info);
    out.height = png_get_image_height(png, info);
    out.channels = png_get_channels(png, info);
    out.sample_bytes = png_get_bit_depth(png, info) / 8U;
    if (out.header_only) {
        png_destroy_read_struct(&png, &info, nullptr);
        return true;
    }
    const size_t row_bytes = png_get_rowbytes(png, info);
    out.rows.resize(row_bytes * out.height);
    for (int pass = 0; pass < passes; ++pass) {
        for (png_uint_32 row = 0; row < out.height; ++row) {
            png_read_row(png, out.rows.data() + row * row_bytes, nullptr);
        }
    }
    png_read_end(png, nullptr);
    png_destroy_read_struct(&png, &info, nullptr);
    return true;
}

}  // namespace vox::data
