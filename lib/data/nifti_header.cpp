#include "data/nifti_header.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {

using core::concat;
using core::DataError;

namespace {

static_assert(std::endian::native == std::endian::little, "the writer writes native byte order");

// Where the fields lie and how wide they are.  The two formats differ in nothing else that matters here.
struct Nifti1 {
    using Dim = int16_t;
    using Real = float;
    using Offset = float;
    using Code = int16_t;
    using Units = uint8_t;
    static constexpr size_t bytes = nifti1_header_bytes;
    static constexpr size_t dim = 40, datatype = 70, bitpix = 72, pixdim = 76, vox_offset = 108, scl_slope = 112,
                            scl_inter = 116, xyzt_units = 123, descrip = 148, qform_code = 252, sform_code = 254,
                            quatern = 256, qoffset = 268, srow = 280, magic = 344;
    static constexpr std::array<char, 4> magic_text{'n', '+', '1', '\0'};
    static constexpr std::array<char, 4> pair_text{'n', 'i', '1', '\0'};
};

struct Nifti2 {
    using Dim = int64_t;
    using Real = double;
    using Offset = int64_t;
    using Code = int32_t;
    using Units = int32_t;
    static constexpr size_t bytes = nifti2_header_bytes;
    static constexpr size_t magic = 4, datatype = 12, bitpix = 14, dim = 16, pixdim = 104, vox_offset = 168,
                            scl_slope = 176, scl_inter = 184, descrip = 240, qform_code = 344, sform_code = 348,
                            quatern = 352, qoffset = 376, srow = 400, xyzt_units = 500;
    static constexpr std::array<char, 8> magic_text{'n', '+', '2', '\0', '\r', '\n', '\x1a', '\n'};
    static constexpr std::array<char, 8> pair_text{'n', 'i', '2', '\0', '\r', '\n', '\x1a', '\n'};
};

constexpr size_t description_bytes = 80;
constexpr size_t extension_flag_bytes = 4;
constexpr int units_metre = 1, units_mm = 2, units_micron = 3;

struct TypeCode {
    int16_t code;
    VoxelType type;
};
constexpr std::array<TypeCode, 10> type_codes{{{2, VoxelType::uint8},
                                               {4, VoxelType::int16},
                                               {8, VoxelType::int32},
                                               {16, VoxelType::float32},
                                               {64, VoxelType::float64},
                                               {256, VoxelType::int8},
                                               {512, VoxelType::uint16},
                                               {768, VoxelType::uint32},
                                               {1024, VoxelType::int64},
                                               {1280, VoxelType::uint64}}};

/// Reads fields of the header by place and type, turning the byte order round where the file needs it.
struct Fields {
    std::span<const std::byte> bytes;
    bool swapped;
    const std::filesystem::path& file;

    template <class T>
    T get(size_t offset) const {
        std::array<std::byte, sizeof(T)> raw;
        std::memcpy(raw.data(), bytes.data() + offset, sizeof(T));
        if (swapped) std::reverse(raw.begin(), raw.end());
        return std::bit_cast<T>(raw);
    }
    template <class T>
    double number(size_t offset, size_t index, const char* name) const {
        const auto value = static_cast<double>(get<T>(offset + index * sizeof(T)));
        if (!std::isfinite(value)) throw DataError(concat(file.string(), ": header field ", name, " is not finite"));
        return value;
    }
};

template <class Format>
void check_magic(const Fields& fields) {
    const auto is = [&](const auto& text) {
        return std::memcmp(fields.bytes.data() + Format::magic, text.data(), text.size()) == 0;
    };
    if (is(Format::magic_text)) return;
    if (is(Format::pair_text)) {
        throw DataError(concat(fields.file.string(), ": header of a .hdr/.img pair; convert it to one .nii file"));
    }
    throw DataError(concat(fields.file.string(), ": not a NIfTI file (no 'n+1' or 'n+2' in its header)"));
}

template <class Format>
void parse_dimensions(const Fields& fields, NiftiHeader& header) {
    using Dim = typename Format::Dim;
    const auto dim = [&](int64_t index) {
        return int64_t{fields.get<Dim>(Format::dim + static_cast<size_t>(index) * sizeof(Dim))};
    };
    const int64_t rank = dim(0);
    if (rank < 2 || rank > 7)
        throw DataError(concat(fields.file.string(), ": ", rank, " dimensions; 2 to 7 can be read"));
    header.size = {1, 1, 1};
    for (int64_t axis = 1; axis <= rank; ++axis) {
        const int64_t length = dim(axis);
        if (length <= 0) throw DataError(concat(fields.file.string(), ": axis ", axis, " has ", length, " voxels"));
        int64_t& place = axis <= 3 ? header.size[static_cast<size_t>(axis - 1)] : header.volumes;
        if (__builtin_mul_overflow(place, length, &place)) {
            throw DataError(concat(fields.file.string(), ": dimensions overflow 64 bits"));
        }
    }
}

template <class Format>
void parse_type(const Fields& fields, NiftiHeader& header) {
    const auto code = fields.get<int16_t>(Format::datatype);
    const auto bits = fields.get<int16_t>(Format::bitpix);
    const auto found =
        std::find_if(type_codes.begin(), type_codes.end(), [&](const TypeCode& t) { return t.code == code; });
    if (found == type_codes.end()) {
        throw DataError(concat(fields.file.string(), ": datatype ", code,
                               " is not read (complex, RGB, 1-bit and 128-bit voxels are refused)"));
    }
    header.type = found->type;
    if (static_cast<size_t>(bits) != 8 * voxel_bytes(header.type)) {
        throw DataError(
            concat(fields.file.string(), ": datatype ", voxel_type_name(header.type), " but bitpix ", bits));
    }
}

template <class Format>
void parse_offset(const Fields& fields, NiftiHeader& header) {
    const double offset = fields.number<typename Format::Offset>(Format::vox_offset, 0, "vox_offset");
    if (offset < static_cast<double>(Format::bytes + extension_flag_bytes) || offset > 1e15 ||
        offset != std::floor(offset)) {
        throw DataError(concat(fields.file.string(), ": vox_offset ", offset, " points into the header or nowhere"));
    }
    header.voxel_offset = static_cast<uint64_t>(offset);
}

template <class Format>
void parse_scaling(const Fields& fields, NiftiHeader& header) {
    const auto slope = static_cast<double>(fields.get<typename Format::Real>(Format::scl_slope));
    if (!std::isfinite(slope) || slope == 0.0) return;  // the standard's way to say "no scaling"
    header.scl_slope = slope;
    header.scl_inter = fields.number<typename Format::Real>(Format::scl_inter, 0, "scl_inter");
}

template <class Format>
void parse_geometry(const Fields& fields, NiftiGeometry& geometry) {
    using Real = typename Format::Real;
    const int units = static_cast<int>(fields.get<typename Format::Units>(Format::xyzt_units)) & 7;
    const double mm = units == units_metre ? 1000.0 : units == units_micron ? 0.001 : 1.0;
    geometry.qform_code = fields.get<typename Format::Code>(Format::qform_code);
    geometry.sform_code = fields.get<typename Format::Code>(Format::sform_code);
    geometry.qfac = fields.get<Real>(Format::pixdim) < 0 ? -1.0 : 1.0;
    for (size_t axis = 0; axis < 3; ++axis) {
        // Lengths: a sign means nothing, and 0 stands for "not given".
        const double length = std::abs(fields.number<Real>(Format::pixdim, axis + 1, "pixdim"));
        geometry.pixdim_mm[axis] = length == 0.0 ? 1.0 : length * mm;
        geometry.quatern[axis] = fields.number<Real>(Format::quatern, axis, "quatern");
        geometry.qoffset_mm[axis] = mm * fields.number<Real>(Format::qoffset, axis, "qoffset");
        for (size_t column = 0; column < 4; ++column) {
            geometry.srow[axis][column] = mm * fields.number<Real>(Format::srow, 4 * axis + column, "srow");
        }
    }
}

template <class Format>
NiftiHeader parse(const Fields& fields) {
    check_magic<Format>(fields);
    NiftiHeader header;
    header.swapped = fields.swapped;
    parse_dimensions<Format>(fields, header);
    parse_type<Format>(fields, header);
    parse_offset<Format>(fields, header);
    parse_scaling<Format>(fields, header);
    parse_geometry<Format>(fields, header.geometry);
    const auto* text = reinterpret_cast<const char*>(fields.bytes.data() + Format::descrip);
    header.description.assign(text, strnlen(text, description_bytes));
    return header;
}

template <class T, class V>
void put(std::vector<std::byte>& bytes, size_t offset, V value) {
    const T stored = static_cast<T>(value);
    std::memcpy(bytes.data() + offset, &stored, sizeof(T));
}

template <class Format>
std::vector<std::byte> build(const NiftiImage& image) {
    using Real = typename Format::Real;
    using Dim = typename Format::Dim;
    const NiftiGeometry& geometry = image.geometry;
    std::vector<std::byte> bytes(Format::bytes + extension_flag_bytes);
    put<int32_t>(bytes, 0, Format::bytes);
    std::memcpy(bytes.data() + Format::magic, Format::magic_text.data(), Format::magic_text.size());
    for (size_t axis = 0; axis < 8; ++axis) {
        const int64_t length = axis == 0 ? 3 : axis <= 3 ? image.size[axis - 1] : 1;
        put<Dim>(bytes, Format::dim + axis * sizeof(Dim), length);
        const double pixdim = axis == 0 ? geometry.qfac : axis <= 3 ? geometry.pixdim_mm[axis - 1] : 0.0;
        put<Real>(bytes, Format::pixdim + axis * sizeof(Real), pixdim);
    }
    const auto code =
        std::find_if(type_codes.begin(), type_codes.end(), [&](const TypeCode& t) { return t.type == image.type; });
    put<int16_t>(bytes, Format::datatype, code->code);
    put<int16_t>(bytes, Format::bitpix, 8 * voxel_bytes(image.type));
    put<typename Format::Offset>(bytes, Format::vox_offset, bytes.size());
    put<Real>(bytes, Format::scl_slope, image.scl_slope);
    put<Real>(bytes, Format::scl_inter, image.scl_inter);
    put<typename Format::Units>(bytes, Format::xyzt_units, units_mm);
    put<typename Format::Code>(bytes, Format::qform_code, geometry.qform_code);
    put<typename Format::Code>(bytes, Format::sform_code, geometry.sform_code);
    for (size_t axis = 0; axis < 3; ++axis) {
        put<Real>(bytes, Format::quatern + axis * sizeof(Real), geometry.quatern[axis]);
        put<Real>(bytes, Format::qoffset + axis * sizeof(Real), geometry.qoffset_mm[axis]);
        for (size_t column = 0; column < 4; ++column) {
            put<Real>(bytes, Format::srow + (4 * axis + column) * sizeof(Real), geometry.srow[axis][column]);
        }
    }
    std::memcpy(bytes.data() + Format::descrip, image.description.data(),
                std::min(image.description.size(), description_bytes - 1));
    return bytes;
}

/// Whether NIfTI-1 loses nothing: its lengths are 16 bits, its real numbers float32.
bool fits_nifti1(const NiftiImage& image) {
    const NiftiGeometry& geometry = image.geometry;
    const auto kept = [](double value) { return static_cast<double>(static_cast<float>(value)) == value; };
    const auto all_kept = [&](const auto& values) { return std::all_of(values.begin(), values.end(), kept); };
    return *std::max_element(image.size.begin(), image.size.end()) <= std::numeric_limits<int16_t>::max() &&
           kept(image.scl_slope) && kept(image.scl_inter) && all_kept(geometry.pixdim_mm) &&
           all_kept(geometry.quatern) && all_kept(geometry.qoffset_mm) &&
           std::all_of(geometry.srow.begin(), geometry.srow.end(), all_kept);
}

int32_t swapped_bytes(int32_t value) { return static_cast<int32_t>(__builtin_bswap32(static_cast<uint32_t>(value))); }

}  // namespace

size_t nifti_header_bytes(std::span<const std::byte> first_four) {
    int32_t stored = 0;
    std::memcpy(&stored, first_four.data(), sizeof(stored));
    for (const size_t length : {nifti1_header_bytes, nifti2_header_bytes}) {
        if (stored == static_cast<int32_t>(length) || swapped_bytes(stored) == static_cast<int32_t>(length))
            return length;
    }
    return 0;
}

NiftiHeader parse_nifti_header(std::span<const std::byte> bytes, const std::filesystem::path& file) {
    int32_t stored = 0;
    std::memcpy(&stored, bytes.data(), sizeof(stored));
    const bool first = bytes.size() == nifti1_header_bytes;
    const Fields fields{bytes, stored != static_cast<int32_t>(bytes.size()), file};
    return first ? parse<Nifti1>(fields) : parse<Nifti2>(fields);
}

std::vector<std::byte> build_nifti_header(const NiftiImage& image) {
    return fits_nifti1(image) ? build<Nifti1>(image) : build<Nifti2>(image);
}

}  // namespace vox::data
