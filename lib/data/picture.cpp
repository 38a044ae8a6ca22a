#include "data/picture.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/npy.hpp"
#include "data/picture_rows.hpp"
#include "data/voxel_dispatch.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

template <class Sample>
Picture to_grey(const PictureRows& decoded) {
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
    PictureRows decoded;
    if (!decode_png(opened.get(), decoded)) throw DataError(decoded.error.data());
    return decoded.sample_bytes == 2 ? to_grey<uint16_t>(decoded) : to_grey<uint8_t>(decoded);
}

Picture from_npy(const std::filesystem::path& file) {
    const NpyArray array = read_npy(file, 2);
    if (std::max(array.shape[0], array.shape[1]) > int64_t{kMaxPicturePixels})
        throw DataError(concat(file.string(), ": is over ", int64_t{kMaxPicturePixels}, " pixels wide or high"));
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
