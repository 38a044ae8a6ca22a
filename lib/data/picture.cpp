#include "data/picture.hpp"

#include <png.h>

#include <array>
#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/npy.hpp"
#include "data/voxel_dispatch.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

constexpr png_uint_32 most_pixels = 8192;  // along an axis

/// What libpng makes of a file: rows of grey, grey and alpha, RGB or RGBA, 8 or 16 bits.
struct Decoded {
    png_uint_32 width = 0, height = 0;
    size_t channels = 0, sample_bytes = 0;
    std::vector<unsigned char> rows;
    std::array<char, 200> error{};
};

[[noreturn]] void stop(png_structp png, png_const_charp message) {
    auto& decoded = *static_cast<Decoded*>(png_get_error_ptr(png));
    std::snprintf(decoded.error.data(), decoded.error.size(), "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

void ignore(png_structp, png_const_charp) {}  // warnings: of metadata

/// libpng leaves by longjmp on an error: nothing with a destructor may be made here.
bool decode(FILE* file, Decoded& out) {
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &out, stop, ignore);
    png_infop info = png ? png_create_info_struct(png) : nullptr;
    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, nullptr);
        return false;
    }
    png_init_io(png, file);
    png_set_user_limits(png, most_pixels, most_pixels);
    png_read_info(png, info);
    png_set_expand(png);  // palettes, fewer than 8 bits, transparent colours
    if (std::endian::native == std::endian::little) png_set_swap(png);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    out.width = png_get_image_width(png, info);
    out.height = png_get_image_height(png, info);
    out.channels = png_get_channels(png, info);
    out.sample_bytes = png_get_bit_depth(png, info) / 8U;
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

template <class Sample>
Picture to_grey(const Decoded& decoded) {
    Picture picture{decoded.height, decoded.width, {}};
    const size_t count = size_t{decoded.width} * decoded.height, colours = decoded.channels >= 3 ? 3 : 1;
    constexpr auto full = std::numeric_limits<Sample>::max();
    picture.pixels.reserve(count);
    for (size_t pixel = 0; pixel < count; ++pixel) {
        std::array<Sample, 4> sample{};
        std::memcpy(sample.data(), decoded.rows.data() + pixel * decoded.channels * sizeof(Sample),
                    decoded.channels * sizeof(Sample));
        const auto place = [&] { return concat("row ", pixel / decoded.width, ", column ", pixel % decoded.width); };
        if (colours == 3 && (sample[0] != sample[1] || sample[0] != sample[2]))
            throw DataError(concat("is a colour picture (", place(), "); X-rays are grey"));
        if (decoded.channels > colours && sample[colours] != full)
            throw DataError(concat("is transparent (", place(), "); X-rays are opaque"));
        picture.pixels.push_back(static_cast<float>(sample[0]) / static_cast<float>(full));
    }
    return picture;
}

Picture read_png(const std::filesystem::path& file) {
    const std::unique_ptr<FILE, int (*)(FILE*)> opened(std::fopen(file.c_str(), "rb"), &std::fclose);
    if (!opened) throw DataError("cannot be opened for reading");
    Decoded decoded;
    if (!decode(opened.get(), decoded)) throw DataError(concat("libpng cannot read it: ", decoded.error.data()));
    return decoded.sample_bytes == 2 ? to_grey<uint16_t>(decoded) : to_grey<uint8_t>(decoded);
}

Picture from_npy(const std::filesystem::path& file) {
    const NpyArray array = read_npy(file, 2);
    if (std::max(array.shape[0], array.shape[1]) > most_pixels)
        throw DataError(concat(file.string(), ": is over ", most_pixels, " pixels wide or high"));
    const bool whole = array.type == VoxelType::uint8 || array.type == VoxelType::uint16;
    if (!whole && array.type != VoxelType::float32 && array.type != VoxelType::float64) {
        throw DataError(concat(file.string(), ": is ", voxel_type_name(array.type),
                               "; views are uint8, uint16, float32 or float64"));
    }
    Picture picture{array.shape[0], array.shape[1], {}};
    with_voxel_type(array.type, [&]<class T>() {
        const auto* values = reinterpret_cast<const T*>(array.values.data());
        const double full = std::is_floating_point_v<T> ? 1.0 : static_cast<double>(std::numeric_limits<T>::max());
        for (int64_t i = 0; i < picture.height * picture.width; ++i) {
            picture.pixels.push_back(static_cast<float>(static_cast<double>(values[i]) / full));
        }
    });
    return picture;
}

}  // namespace

Picture read_picture(const std::filesystem::path& file) {
    if (file.extension() == ".npy") return from_npy(file);
    try {
        return read_png(file);
    } catch (const DataError& error) {
        throw DataError(concat(file.string(), ": ", error.what()));
    }
}

}  // namespace vox::data
