#include "data/shard_file.hpp"

#include <hdf5.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_attributes.hpp"
#include "data/checksum.hpp"
#include "data/shard_format.hpp"
#include "data/stored_prompts.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;
using hdf5::Handle;
using hdf5::StrictReader;

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
    throw DataError(concat(where, ": ", why));
}

VoxelType stored_type(hdf5::Id dataset, const std::string& where) {
    const Handle type(H5Dget_type(dataset), &H5Tclose);
    const std::array<std::pair<hid_t, VoxelType>, 6> known{{{H5T_STD_U8LE, VoxelType::uint8},
                                                            {H5T_STD_I16LE, VoxelType::int16},
                                                            {H5T_STD_U16LE, VoxelType::uint16},
                                                            {H5T_STD_I32LE, VoxelType::int32},
                                                            {H5T_IEEE_F32LE, VoxelType::float32},
                                                            {H5T_IEEE_F64LE, VoxelType::float64}}};
    for (const auto& [id, voxel_type] : known) {
        if (H5Tequal(type, id) > 0) return voxel_type;
    }
    refuse(where, "its voxels have a type that shards do not hold");
}

/// The last `rank` axes of a shape, the first ones 1.
Shape4 widen(const std::array<hsize_t, 4>& dims, size_t rank) {
    Shape4 shape{1, 1, 1, 1};
    for (size_t i = 0; i < rank; ++i) shape[4 - rank + i] = static_cast<int64_t>(dims[i]);
    return shape;
}

Shape4 read_shape(hdf5::Id dataset, size_t rank, const std::string& where) {
    const Handle space(H5Dget_space(dataset), &H5Sclose);
    const int found = H5Sget_simple_extent_ndims(space);
    if (found != static_cast<int>(rank)) refuse(where, concat("it has ", found, " axes, not ", rank));
    std::array<hsize_t, 4> dims{};
    H5Sget_simple_extent_dims(space, dims.data(), nullptr);
    for (size_t i = 0; i < rank; ++i) {
        const bool channel_axis = rank == 4 && i == 0;
        const auto limit = static_cast<hsize_t>(channel_axis ? format::kMaxChannels : format::kMaxAxis);
        if (dims[i] < 1 || dims[i] > limit)
            refuse(where, concat("axis ", i, " has ", dims[i], " voxels, limit ", limit));
    }
    return widen(dims, rank);
}

Shape4 read_chunk_shape(hdf5::Id properties, size_t rank, const std::string& where) {
    if (H5Pget_layout(properties) != H5D_CHUNKED || H5Pget_external_count(properties) != 0) {
        refuse(where, "it is not stored in chunks inside the shard");
    }
    std::array<hsize_t, 4> dims{};
    if (H5Pget_chunk(properties, static_cast<int>(rank), dims.data()) != static_cast<int>(rank)) {
        refuse(where, "its chunks have another number of axes");
    }
    for (const hsize_t edge : dims) {
        if (edge > static_cast<hsize_t>(format::kMaxAxis)) refuse(where, concat("a chunk's edge is ", edge));
    }
    return widen(dims, rank);
}

ChunkFilters read_filters(hdf5::Id properties, size_t element_bytes, const std::string& where) {
    ChunkFilters filters;
    filters.element_bytes = element_bytes;
    std::vector<int> ids;
    for (int i = 0; i < H5Pget_nfilters(properties); ++i) {
        unsigned flags = 0;
        size_t values = 0;
        const int id =
            H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr);
        ids.push_back(id);
        if (id == format::kFilterShuffle) filters.shuffle = true;
        if (id == format::kFilterDeflate) filters.codec = Codec::gzip;
        if (id == format::kFilterZstd) filters.codec = Codec::zstd;
        if (id == format::kFilterLz4) filters.codec = Codec::lz4;
    }
    if (ids != filter_ids(filters) || (filters.shuffle && element_bytes == 1)) {
        refuse(where, concat("its HDF5 filters [", core::join(ids), "] are not among those that shards use"));
    }
    return filters;
}

}  // namespace

ShardFile::ShardFile(const std::filesystem::path& path) : path_(path) {
    hdf5::prepare_library();
    std::error_code error;
    file_bytes_ = std::filesystem::file_size(path, error);
    if (error) refuse(path.string(), error.message());
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), &H5Pclose);
    H5Pset_file_locking(access, false, true);  // many ranks read, on file systems that may not lock
    file_ = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), &H5Fclose);
    if (!file_.valid()) refuse(path.string(), "is not an HDF5 file, or is truncated or damaged");
    const Handle creation(H5Fget_create_plist(file_), &H5Pclose);
    hsize_t user_block = 0;
    H5Pget_userblock(creation, &user_block);
    if (user_block != 0) refuse(path.string(), "has an HDF5 user block, which shards must not have");
    const StrictReader root(file_, path.string());
    if (H5Aexists(file_, "format") <= 0 || root.text("format") != format::kShardFormat) {
        root.fail("is an HDF5 file, but not a shard of ours");
    }
    if (const int64_t version = root.integer("version"); version != format::kVersion) {
        root.fail(concat("is a shard of version ", version, ", this program reads version ", format::kVersion,
                         ".  Convert the data again."));
    }
    cases_ = hdf5::open_group(file_, format::kCases, path.string());
}

std::vector<std::string> ShardFile::case_ids() const {
    H5G_info_t info{};
    if (H5Gget_info(cases_, &info) < 0 || info.nlinks > format::kMaxCasesPerShard) {
        refuse(path_.string(), "its list of cases is damaged or too long");
    }
    std::vector<std::string> ids;
    for (hsize_t i = 0; i < info.nlinks; ++i) {
        std::array<char, 512> name{};
        if (H5Lget_name_by_idx(cases_, ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size(), H5P_DEFAULT) < 0) {
            refuse(path_.string(), "its list of cases is damaged");
        }
        ids.emplace_back(name.data());
    }
    return ids;
}

StoredCase ShardFile::read_case(const std::string& id) const {
    const std::string where = concat(path_.string(), ": case ", id);
    const Handle group = hdf5::open_group(cases_, id, where);
    const Handle image = hdf5::open_dataset(group, format::kImage, where);
    StoredCase found;
    found.image = read_array(group, image, format::kImage, 4, concat(where, ": image"));
    found.info.id = id;
    found.info.shape = found.image.shape;
    found.info.type = found.image.type;
    if (found.image.type == VoxelType::uint8) refuse(where, "the image is uint8, which only labels are");
    Handle label;
    if (hdf5::has_link(group, format::kLabel, where)) {
        label = hdf5::open_dataset(group, format::kLabel, where);
        found.label = read_array(group, label, format::kLabel, 3, concat(where, ": label"));
        found.info.has_label = true;
        if (found.label->type != VoxelType::uint8) refuse(where, "the label is not uint8");
        if (!std::equal(found.label->shape.begin() + 1, found.label->shape.end(), found.image.shape.begin() + 1)) {
            refuse(where, concat("the label has ", core::join(found.label->shape, "x"), " voxels, the image ",
                                 core::join(found.image.shape, "x")));
        }
    }
    if (hdf5::has_link(group, format::kViews, where)) read_views(group, concat(where, ": views"), found);
    read_case_attributes(group, image, label, where, found.info, found.stored_labels);
    if (hdf5::has_link(group, format::kPrompts, where)) read_prompts(group, where, found.info);
    const StrictReader reader(group, where);
    found.fingerprint = reader.text("fingerprint");
    found.label_scheme = reader.text("label_scheme");
    if (!found.label) return found;

    const size_t values = found.info.label_voxels.size();
    const auto counts = reader.integers("foreground_counts", hdf5::Shape{values});
    uint64_t total = 0;
    for (const int64_t count : counts) {
        if (count < 1 || count > static_cast<int64_t>(format::kMaxForegroundPositions))
            reader.fail("foreground_counts is wrong");
        total += static_cast<uint64_t>(count);
    }
    const auto flat = reader.dataset_u32(format::kForeground, {total});
    const auto voxels = static_cast<uint64_t>(found.info.shape[1] * found.info.shape[2] * found.info.shape[3]);
    const bool inside = std::all_of(flat.begin(), flat.end(), [&](uint32_t at) { return at < voxels; });
    if (!inside || hex(xxh3_64(std::as_bytes(std::span(flat)))) != reader.text("foreground_xxh3")) {
        reader.fail("foreground_positions is damaged (wrong checksum).  Convert the case again.");
    }
    auto from = flat.begin();
    size_t i = 0;
    for (const auto& [value, count] : found.info.label_voxels) {
        found.foreground.push_back({value, {from, from + counts[i]}});
        from += counts[i++];
    }
    return found;
}

void ShardFile::read_prompts(hdf5::Id group, const std::string& where, CaseInfo& info) const {
    const std::string text = StrictReader(group, where).dataset_bytes(format::kPrompts, format::kMaxPromptBytes);
    const Handle dataset = hdf5::open_dataset(group, format::kPrompts, where);
    const StrictReader reader(dataset, concat(where, ": prompts"));
    if (hex(xxh3_64(std::string_view(text))) != reader.text("xxh3"))
        reader.fail("they are damaged (wrong checksum).  Convert the case again.");
    try {
        info.prompts = prompts_from_text(text);
        if (info.prompts.empty()) throw DataError("there is no target");
        check_prompts(info);
    } catch (const DataError& error) {
        reader.fail(error.what());
    }
}

void ShardFile::read_views(hdf5::Id group, const std::string& where, StoredCase& found) const {
    const Handle dataset = hdf5::open_dataset(group, format::kViews, where);
    found.views = read_array(group, dataset, format::kViews, 3, where);
    if (found.views->type != VoxelType::float32) refuse(where, "they are not float32");
    const StrictReader reader(dataset, where);
    ViewSet& views = found.info.views;
    views = {reader.texts("view_names"), {found.views->shape[2], found.views->shape[3]}, reader.text("view_unit")};
    if (static_cast<int64_t>(views.names.size()) != found.views->shape[1] || views.empty()) {
        reader.fail(concat("there are ", found.views->shape[1], " views and ", views.names.size(), " names"));
    }
    try {
        check_views(views);
    } catch (const DataError& error) {
        reader.fail(error.what());
    }
}

ChunkedArray ShardFile::read_array(hdf5::Id group, hdf5::Id dataset, const std::string& name, size_t rank,
                                   const std::string& where) const {
    const Handle properties(H5Dget_create_plist(dataset), &H5Pclose);
    ChunkedArray array;
    array.where = where;
    array.shape = read_shape(dataset, rank, where);
    array.chunk = read_chunk_shape(properties, rank, where);
    array.type = stored_type(dataset, where);
    array.filters = read_filters(properties, voxel_bytes(array.type), where);
    array.grid = chunk_grid(array.shape, array.chunk);
    int64_t chunk_voxels = 1, image_voxels = 1, chunks = 1;
    for (size_t a = 0; a < 4; ++a) {
        chunk_voxels *= array.chunk[a];  // each at most 2^15: no overflow in 4 axes
        image_voxels *= array.shape[a];
        chunks *= array.grid[a];
    }
    if (array.chunk[0] != 1 || static_cast<uint64_t>(chunk_voxels) > format::kMaxChunkBytes / voxel_bytes(array.type)) {
        refuse(where, concat("chunks of [", core::join(array.chunk, ","), "] voxels are over the limit of ",
                             core::human_bytes(format::kMaxChunkBytes), " and one channel"));
    }
    if (chunks > format::kMaxChunks || image_voxels / array.shape[0] > format::kMaxVoxels ||
        static_cast<uint64_t>(image_voxels) > format::kMaxImageBytes / voxel_bytes(array.type)) {
        refuse(where, concat("[", core::join(array.shape, ","), "] voxels in ", chunks, " chunks are over the limits"));
    }
    H5D_fill_value_t fill = H5D_FILL_VALUE_DEFAULT;
    H5Pfill_value_defined(properties, &fill);
    if (fill == H5D_FILL_VALUE_USER_DEFINED) refuse(where, "it has a fill value, absent chunks of shards are 0");
    read_places(group, dataset, name, array, where);
    return array;
}

void ShardFile::read_places(hdf5::Id group, hdf5::Id dataset, const std::string& name, ChunkedArray& array,
                            const std::string& where) const {
    const StrictReader reader(group, where);
    const auto chunks = static_cast<uint64_t>(array.grid[0] * array.grid[1] * array.grid[2] * array.grid[3]);
    const auto checksums = reader.dataset_u64(name + format::kChecksumSuffix, {chunks});
    const auto table = reader.dataset_u64(name + format::kTableSuffix, {chunks, 3});
    const uint64_t mask_limit = uint64_t{1} << filter_ids(array.filters).size();
    uint64_t stored = 0, stored_bytes = 0;
    array.places.resize(chunks);
    for (uint64_t i = 0; i < chunks; ++i) {
        const uint64_t offset = table[3 * i], bytes = table[3 * i + 1], mask = table[3 * i + 2];
        // Chunks that would not shrink are stored plain: none is ever larger than its voxels.
        if (bytes > array.chunk_bytes() || bytes > file_bytes_ || offset > file_bytes_ - bytes || mask >= mask_limit) {
            refuse(where,
                   concat(array.describe(i), ": its place (byte ", offset, ", ", bytes, " bytes) is not possible"));
        }
        array.places[i] = {offset, checksums[i], static_cast<uint32_t>(bytes), static_cast<uint32_t>(mask)};
        stored += bytes > 0 ? 1 : 0;
        stored_bytes += bytes;
    }
    // The table against HDF5's own index: a file that another tool rewrote has moved chunks.
    const Handle space(H5Dget_space(dataset), &H5Sclose);
    hsize_t indexed = 0;
    if (H5Dget_num_chunks(dataset, space, &indexed) < 0 || indexed != stored ||
        H5Dget_storage_size(dataset) != stored_bytes) {
        refuse(where,
               concat("HDF5 lists ", indexed, " chunks of ", H5Dget_storage_size(dataset), " bytes, the chunk table ",
                      stored, " of ", stored_bytes, ".  Was the file rewritten by another tool?"));
    }
    if (stored == 0) return;
    std::array<hsize_t, 4> at{};
    unsigned mask = 0;
    haddr_t address = 0;
    hsize_t bytes = 0;
    H5Dget_chunk_info(dataset, space, 0, at.data(), &mask, &address, &bytes);
    const auto first =
        std::find_if(array.places.begin(), array.places.end(), [](const auto& p) { return p.bytes > 0; });
    if (first->offset != address || first->bytes != bytes) {
        refuse(where, "the chunk table does not fit the file.  Was it rewritten by another tool?");
    }
}

}  // namespace vox::data
