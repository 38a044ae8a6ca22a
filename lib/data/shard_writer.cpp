#include "data/shard_writer.hpp"

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_attributes.hpp"
#include "data/checksum.hpp"
#include "data/chunked_array.hpp"
#include "data/durable_file.hpp"
#include "data/stored_prompts.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;
using core::WriteError;
using hdf5::Handle;

hid_t file_type(VoxelType type) {
    switch (type) {
        case VoxelType::uint8: return H5T_STD_U8LE;
        case VoxelType::int16: return H5T_STD_I16LE;
        case VoxelType::uint16: return H5T_STD_U16LE;
        case VoxelType::int32: return H5T_STD_I32LE;
        case VoxelType::float32: return H5T_IEEE_F32LE;
        case VoxelType::float64: return H5T_IEEE_F64LE;
        default: throw core::InternalError(concat("shards do not hold ", voxel_type_name(type)));
    }
}

/// Copies one chunk out of [C,D,H,W] voxels; what lies outside the array stays 0.  False where every voxel is 0.
bool cut_chunk(std::span<const std::byte> voxels, size_t voxel_size, const Shape4& shape, const Shape4& chunk,
               const Shape4& origin, std::vector<std::byte>& out) {
    std::fill(out.begin(), out.end(), std::byte{0});
    Shape4 size{};
    for (size_t a = 0; a < 4; ++a) size[a] = std::min(chunk[a], shape[a] - origin[a]);
    const size_t row_bytes = static_cast<size_t>(size[3]) * voxel_size;
    for (int64_t d = 0; d < size[1]; ++d) {
        for (int64_t h = 0; h < size[2]; ++h) {
            const int64_t from =
                ((origin[0] * shape[1] + origin[1] + d) * shape[2] + origin[2] + h) * shape[3] + origin[3];
            const int64_t to = (d * chunk[2] + h) * chunk[3];
            std::memcpy(out.data() + static_cast<size_t>(to) * voxel_size,
                        voxels.data() + static_cast<size_t>(from) * voxel_size, row_bytes);
        }
    }
    return std::any_of(out.begin(), out.end(), [](std::byte b) { return b != std::byte{0}; });
}

Handle chunked_properties(const std::vector<int64_t>& chunk, const ChunkFilters& filters) {
    Handle properties(H5Pcreate(H5P_DATASET_CREATE), &H5Pclose);
    const std::vector<hsize_t> dims(chunk.begin(), chunk.end());
    H5Pset_chunk(properties, static_cast<int>(dims.size()), dims.data());
    H5Pset_obj_track_times(properties, false);
    const unsigned level = 6;
    for (const int filter : filter_ids(filters)) {
        if (filter == format::kFilterShuffle) H5Pset_shuffle(properties);
        if (filter == format::kFilterDeflate) H5Pset_deflate(properties, level);
        // Optional: HDF5 itself never runs these, chunks are written as they are.
        if (filter == format::kFilterZstd || filter == format::kFilterLz4) {
            H5Pset_filter(properties, filter, H5Z_FLAG_OPTIONAL, 0, nullptr);
        }
    }
    return properties;
}

/// Of a group, or of a file and its root: without the time, so that the same cases make the same bytes.
Handle timeless(hid_t kind) {
    Handle properties(H5Pcreate(kind), &H5Pclose);
    H5Pset_obj_track_times(properties, false);
    return properties;
}

void check_limits(const CaseData& data) {
    const Shape4& shape = data.info.shape;
    const auto in_limits =
        std::all_of(shape.begin() + 1, shape.end(), [](int64_t n) { return n >= 1 && n <= format::kMaxAxis; });
    if (!in_limits || shape[0] < 1 || shape[0] > format::kMaxChannels ||
        shape[1] * shape[2] * shape[3] > format::kMaxVoxels) {
        throw DataError(concat("case ", data.info.id, ": the volume [", core::join(shape, ","),
                               "] is outside the limits of the shard format"));
    }
    const auto voxels = static_cast<size_t>(shape[1] * shape[2] * shape[3]);
    try {
        check_views(data.info.views);
    } catch (const DataError& error) {
        throw DataError(concat("case ", data.info.id, ": ", error.what()));
    }
    core::check(data.views.size() == static_cast<size_t>(data.info.views.pixels()),
                "the case's views do not fit their size");
    core::check(data.image.size() == voxels * static_cast<size_t>(shape[0]) * voxel_bytes(data.info.type) &&
                    data.label.size() == (data.info.has_label ? voxels : 0),
                "the case's voxels do not fit its shape");
}

/// The text of them.
std::string checked_prompts(const CaseInfo& info) {
    try {
        check_prompts(info);
        std::string text = prompts_to_text(info.prompts);
        if (text.size() <= format::kMaxPromptBytes) return text;
        throw DataError(concat("its prompts are ", text.size(), " bytes, over the limit of ", format::kMaxPromptBytes));
    } catch (const DataError& error) {
        throw DataError(concat("case ", info.id, ": ", error.what()));
    }
}

void write_prompts(hdf5::Id group, const std::string& text) {
    hdf5::put_dataset(group, format::kPrompts, text);
    const Handle dataset = hdf5::open_dataset(group, format::kPrompts, "what was written just now");
    hdf5::put(dataset, "xxh3", hex(xxh3_64(std::string_view(text))));
}

}  // namespace

ShardWriter::ShardWriter(std::filesystem::path file, Codec codec, std::string label_scheme, int64_t edge)
    : file_(std::move(file)),
      partial_(file_.string() + ".partial"),
      codec_(codec),
      label_scheme_(std::move(label_scheme)),
      edge_(edge) {
    hdf5::prepare_library();
    // HDF5 does not say why a file cannot be made; the system does.
    const int descriptor = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) throw WriteError(concat(partial_.string(), ": cannot be written: ", std::strerror(errno)));
    ::close(descriptor);
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), &H5Pclose);
    // The newest structures of HDF5 1.10 carry checksums: damage outside chunks is noticed too.
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_file_locking(access, false, true);
    handle_ = Handle(H5Fcreate(partial_.c_str(), H5F_ACC_TRUNC, timeless(H5P_FILE_CREATE), access), &H5Fclose);
    if (!handle_.valid()) throw WriteError(concat(partial_.string(), ": HDF5 cannot create the file"));
    hdf5::put(handle_, "format", std::string(format::kShardFormat));
    hdf5::put(handle_, "version", std::span(&format::kVersion, 1), {1});
    cases_ =
        Handle(H5Gcreate2(handle_, format::kCases, H5P_DEFAULT, timeless(H5P_GROUP_CREATE), H5P_DEFAULT), &H5Gclose);
    if (!cases_.valid()) throw WriteError(concat(partial_.string(), ": HDF5 cannot write"));
}

ShardWriter::~ShardWriter() {
    if (finished_) return;
    cases_.reset();
    handle_.reset();
    std::error_code ignored;
    std::filesystem::remove(partial_, ignored);
}

void ShardWriter::add(const CaseData& data) {
    const CaseInfo& info = data.info;
    check_case_id(info.id);
    check_limits(data);
    const std::string prompts = checked_prompts(info);
    try {
        Handle group(H5Gcreate2(cases_, info.id.c_str(), H5P_DEFAULT, timeless(H5P_GROUP_CREATE), H5P_DEFAULT),
                     &H5Gclose);
        if (!group.valid()) throw WriteError("HDF5 cannot make the case's group (is the id there twice?)");
        const Handle image =
            write_array(group, format::kImage, info.type, {info.shape.begin(), info.shape.end()}, data.image, edge_);
        Handle label;
        if (info.has_label) {
            label = write_array(group, format::kLabel, VoxelType::uint8, {info.shape.begin() + 1, info.shape.end()},
                                std::as_bytes(std::span(data.label)), edge_);
            write_foreground(group, data);
        }
        if (!info.views.empty()) write_views(group, data);
        if (!info.prompts.empty()) write_prompts(group, prompts);
        write_case_attributes(group, image, label, info, data.stored_labels);
        hdf5::put(group, "fingerprint", data.fingerprint);
        hdf5::put(group, "label_scheme", label_scheme_);
    } catch (const WriteError& error) {
        throw WriteError(concat(partial_.string(), ": case ", info.id, ": ", error.what()));
    }
    case_ids_.push_back(info.id);
}

Handle ShardWriter::write_array(hdf5::Id group, const std::string& name, VoxelType type,
                                const std::vector<int64_t>& dims, std::span<const std::byte> voxels, int64_t edge) {
    Shape4 shape{1, 1, 1, 1};  // a label is one channel without a channel axis
    std::copy(dims.rbegin(), dims.rend(), shape.rbegin());
    const Shape4 chunk = chunk_shape(shape, edge), grid = chunk_grid(shape, chunk);
    const size_t voxel_size = voxel_bytes(type);
    const ChunkFilters filters{codec_, codec_ != Codec::none && voxel_size > 1, voxel_size};
    const std::vector<hsize_t> extent(dims.begin(), dims.end());
    const Handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), &H5Sclose);
    const auto skip = static_cast<std::ptrdiff_t>(4 - dims.size());
    const Handle properties = chunked_properties({chunk.begin() + skip, chunk.end()}, filters);
    Handle dataset(H5Dcreate2(group, name.c_str(), file_type(type), space, H5P_DEFAULT, properties, H5P_DEFAULT),
                   &H5Dclose);
    if (!dataset.valid()) throw WriteError(concat("HDF5 cannot create the dataset '", name, "'"));

    const auto chunks = static_cast<size_t>(grid[0] * grid[1] * grid[2] * grid[3]);
    std::vector<uint64_t> checksums(chunks, 0);
    std::vector<std::byte> raw(static_cast<size_t>(chunk[0] * chunk[1] * chunk[2] * chunk[3]) * voxel_size);
    for (size_t i = 0; i < chunks; ++i) {
        const Shape4 origin = chunk_origin(grid, chunk, i);
        if (!cut_chunk(voxels, voxel_size, shape, chunk, origin, raw)) continue;  // HDF5 reads an absent chunk as 0
        const EncodedChunk encoded = encode_chunk(filters, raw);
        checksums[i] = xxh3_64(encoded.bytes);
        const std::vector<hsize_t> offset(origin.begin() + skip, origin.end());
        errno = 0;
        if (H5Dwrite_chunk(dataset, H5P_DEFAULT, encoded.filter_mask, offset.data(), encoded.bytes.size(),
                           encoded.bytes.data()) < 0) {
            throw WriteError(concat("writing a chunk of '", name, "' failed: ", std::strerror(errno)));
        }
        bytes_ += encoded.bytes.size();
    }
    // Where the chunks came to lie.  HDF5 1.10 searches its index anew for every chunk, 90 ms for the 1100 chunks of a
    // BraTS case: paid here once and stored, so that opening a thousand cases stays quick.
    std::vector<uint64_t> table(3 * chunks, 0);
    hsize_t stored = 0;
    H5Dget_num_chunks(dataset, space, &stored);
    for (hsize_t i = 0; i < stored; ++i) {
        std::vector<hsize_t> at(dims.size());
        unsigned mask = 0;
        haddr_t address = 0;
        hsize_t size = 0;
        if (H5Dget_chunk_info(dataset, space, i, at.data(), &mask, &address, &size) < 0) {
            throw WriteError(concat("HDF5 does not say where the chunks of '", name, "' lie"));
        }
        Shape4 origin{};
        std::copy(at.rbegin(), at.rend(), origin.rbegin());
        size_t index = 0;
        for (size_t a = 0; a < 4; ++a)
            index = index * static_cast<size_t>(grid[a]) + static_cast<size_t>(origin[a] / chunk[a]);
        table[3 * index] = address;
        table[3 * index + 1] = size;
        table[3 * index + 2] = mask;
    }
    hdf5::put_dataset(group, name + format::kChecksumSuffix, checksums, {chunks});
    hdf5::put_dataset(group, name + format::kTableSuffix, table, {chunks, 3});
    return dataset;
}

void ShardWriter::write_foreground(hdf5::Id group, const CaseData& data) {
    std::vector<uint32_t> flat;
    std::vector<int64_t> counts;
    core::check(data.foreground.size() == data.info.label_voxels.size(), "one list of positions a label value");
    for (const auto& positions : data.foreground) {
        counts.push_back(static_cast<int64_t>(positions.flat.size()));
        flat.insert(flat.end(), positions.flat.begin(), positions.flat.end());
    }
    hdf5::put_dataset(group, format::kForeground, flat, {flat.size()});
    hdf5::put(group, "foreground_counts", counts, {counts.size()});
    hdf5::put(group, "foreground_xxh3", hex(xxh3_64(std::as_bytes(std::span(flat)))));
}

void ShardWriter::write_views(hdf5::Id group, const CaseData& data) {
    const ViewSet& views = data.info.views;
    const Handle dataset = write_array(group, format::kViews, VoxelType::float32,
                                       {static_cast<int64_t>(views.names.size()), views.size[0], views.size[1]},
                                       std::as_bytes(std::span(data.views)), format::kViewChunkEdge);
    hdf5::put(dataset, "view_names", views.names);
    hdf5::put(dataset, "view_unit", views.unit);
}

void ShardWriter::finish() {
    errno = 0;
    const bool flushed = H5Fflush(handle_, H5F_SCOPE_GLOBAL) >= 0;
    const bool closed = cases_.reset() && handle_.reset();
    if (!flushed || !closed) throw WriteError(concat(partial_.string(), ": writing failed: ", std::strerror(errno)));
    publish_file(partial_, file_);
    finished_ = true;
}

}  // namespace vox::data
