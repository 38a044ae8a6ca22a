#include "data/npy.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <regex>
#include <span>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/shard_format.hpp"
#include "data/voxel_dispatch.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

constexpr std::string_view magic("\x93NUMPY", 6);
constexpr size_t most_header_bytes = 65536;

struct Header {
    VoxelType type = VoxelType::float32;
    bool fortran = false;
    std::vector<int64_t> shape;
};

VoxelType type_of(const std::string& descr) {
    constexpr std::array<std::pair<std::string_view, VoxelType>, 10> kTypes{{{"|i1", VoxelType::int8},
                                                                             {"|u1", VoxelType::uint8},
                                                                             {"<i2", VoxelType::int16},
                                                                             {"<u2", VoxelType::uint16},
                                                                             {"<i4", VoxelType::int32},
                                                                             {"<u4", VoxelType::uint32},
                                                                             {"<i8", VoxelType::int64},
                                                                             {"<u8", VoxelType::uint64},
                                                                             {"<f4", VoxelType::float32},
                                                                             {"<f8", VoxelType::float64}}};
    for (const auto& [name, type] : kTypes) {
        if (descr == name) return type;
    }
    throw DataError(concat("its type is '", descr,
                           "'; whole numbers of 1 to 8 bytes, float32 and float64 are read, little-endian"));
}

Header parse_header(const std::string& text) {
    static const std::regex kForm(
        R"(\{'descr': *'([^']{1,16})', *'fortran_order': *(True|False), *'shape': *\(([0-9, ]*)\),? *\} *\n)");
    std::smatch found;
    if (!std::regex_match(text, found, kForm)) throw DataError("its header is not that of a plain NumPy array");
    Header header{type_of(found[1]), found[2] == "True", {}};
    const std::string axes = found[3];
    static const std::regex kNumber("[0-9]+");
    for (auto at = std::sregex_iterator(axes.begin(), axes.end(), kNumber); at != std::sregex_iterator(); ++at) {
        const std::string digits = at->str();
        const int64_t edge = digits.size() > 9 ? format::kMaxAxis + 1 : std::stoll(digits);
        if (edge < 1 || edge > format::kMaxAxis)
            throw DataError(concat("an axis of ", digits, " is not within 1 .. ", format::kMaxAxis));
        header.shape.push_back(edge);
    }
    return header;
}

/// What stands before the values; `in` is at the first value afterwards.
Header read_header(std::ifstream& in) {
    std::array<char, 8> start{};
    in.read(start.data(), start.size());
    if (!in || std::string_view(start.data(), 6) != magic) throw DataError("is not a .npy file");
    const int version = start[6];
    if (version < 1 || version > 3 || start[7] != 0)
        throw DataError(concat("is a .npy file of version ", version, ", 1 to 3 are read"));
    std::array<unsigned char, 4> length{};
    in.read(reinterpret_cast<char*>(length.data()), version == 1 ? 2 : 4);
    size_t bytes = 0;
    for (size_t i = 0; i < length.size(); ++i) bytes |= size_t{length[i]} << (8 * i);
    if (!in || bytes > most_header_bytes) throw DataError("its header is truncated or too long");
    std::string text(bytes, '\0');
    in.read(text.data(), static_cast<std::streamsize>(bytes));
    if (!in) throw DataError("is truncated");
    return parse_header(text);
}

/// From first axis fastest to last axis fastest.
std::vector<std::byte> row_major(const std::vector<std::byte>& values, std::vector<int64_t> shape, size_t element) {
    shape.insert(shape.begin(), 3 - shape.size(), 1);  // at most three axes, see read_npy
    std::vector<std::byte> out(values.size());
    size_t next = 0;
    for (int64_t a = 0; a < shape[0]; ++a) {
        for (int64_t b = 0; b < shape[1]; ++b) {
            for (int64_t c = 0; c < shape[2]; ++c, next += element) {
                const auto from = static_cast<size_t>(a + shape[0] * (b + shape[1] * c)) * element;
                std::memcpy(out.data() + next, values.data() + from, element);
            }
        }
    }
    return out;
}

void check_finite(const NpyArray& array) {
    with_voxel_type(array.type, [&]<class T>() {
        if constexpr (std::is_floating_point_v<T>) {
            const std::span values(reinterpret_cast<const T*>(array.values.data()), array.values.size() / sizeof(T));
            const auto bad = std::find_if(values.begin(), values.end(), [](T value) { return !std::isfinite(value); });
            if (bad != values.end())
                throw DataError(concat("value ", bad - values.begin(), " (row-major) is NaN or infinite; replace it"));
        }
    });
}

NpyArray read(std::ifstream& in, uint64_t file_bytes, size_t axes) {
    const Header header = read_header(in);
    if (header.shape.size() != axes)
        throw DataError(concat("has ", header.shape.size(), " axes where ", axes, " are expected"));
    const size_t element = voxel_bytes(header.type);
    uint64_t bytes = element;
    for (const int64_t edge : header.shape) bytes *= static_cast<uint64_t>(edge);  // 2^15 each, three axes
    const auto start = static_cast<uint64_t>(in.tellg());
    if (bytes != file_bytes - start) {
        throw DataError(concat("has ", file_bytes - start, " bytes of values where [", core::join(header.shape),
                               "] are ", bytes, ": it is truncated or damaged"));
    }
    NpyArray array{header.shape, header.type, std::vector<std::byte>(bytes)};
    in.read(reinterpret_cast<char*>(array.values.data()), static_cast<std::streamsize>(bytes));
    if (!in) throw DataError("cannot be read");
    check_finite(array);
    if (header.fortran) array.values = row_major(array.values, array.shape, element);
    return array;
}

}  // namespace

NpyArray read_npy(const std::filesystem::path& file, size_t axes) {
    core::check(axes >= 1 && axes <= 3, "read_npy: one to three axes");
    std::error_code failed;
    const auto bytes = std::filesystem::file_size(file, failed);
    std::ifstream in(file, std::ios::binary);
    if (failed || !in) throw DataError(concat(file.string(), ": cannot be opened for reading"));
    try {
        return read(in, bytes, axes);
    } catch (const DataError& error) {
        throw DataError(concat(file.string(), ": ", error.what()));
    }
}

NiftiImage read_npy_volume(const std::filesystem::path& file, const core::Double3& spacing_mm) {
    if (*std::min_element(spacing_mm.begin(), spacing_mm.end()) <= 0)
        throw DataError(concat(file.string(), ": a .npy volume has no spacing; give it with --spacing D,H,W in mm"));
    NpyArray array = read_npy(file, 3);
    NiftiImage image;
    image.size = {array.shape[2], array.shape[1], array.shape[0]};
    image.type = array.type;
    core::Affine affine{};
    for (size_t axis = 0; axis < 3; ++axis) affine[axis][axis] = spacing_mm[2 - axis];
    affine[3][3] = 1;
    image.geometry = geometry_from_affine(affine);
    image.voxels = std::move(array.values);
    return image;
}

}  // namespace vox::data
