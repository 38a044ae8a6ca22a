#include "data/shard_reader.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"
#include "data/checksum.hpp"
#include "data/chunk_reader.hpp"
#include "data/dataset_index.hpp"
#include "data/orientation.hpp"
#include "data/shard_file.hpp"
#include "data/voxel_dispatch.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

/// What reading needs of a case; its CaseInfo stands in State::cases.
struct ReadableCase {
    const ReadOnlyFile* file = nullptr;
    ChunkedArray image;
    std::optional<ChunkedArray> label, views;
    std::vector<ForegroundPositions> foreground;
    std::map<int, double> stored_labels;
};

void check_box(const CaseInfo& info, const core::Box& box, size_t room, int64_t channels) {
    for (size_t a = 0; a < 3; ++a) {
        core::check(box.start[a] >= 0 && box.size[a] >= 0 && box.start[a] <= info.size()[a] - box.size[a],
                    concat("case ", info.id, ": the box [", core::join(box.start, ","), "]+[",
                           core::join(box.size, ","), "] is not inside [", core::join(info.size(), ","), "]"));
    }
    core::check(room == static_cast<size_t>(channels * box.voxels()), "the output does not have the box's size");
}

/// Calls copy_row(chunk's voxels from the row's first on, or null for zeros; first voxel in the box; voxels) for every row.
template <class CopyRow>
void for_each_row(ChunkReader& reader, const ReadOnlyFile& file, const ChunkedArray& array, int64_t channel,
                  const core::Box& box, int64_t epoch, CopyRow&& copy_row) {
    const size_t voxel_size = voxel_bytes(array.type);
    for (const ChunkOverlap& part : overlaps(array.grid, array.chunk, channel, box)) {
        const DecodedChunk chunk = reader.read(file, array, part.index, epoch);
        for (int64_t d = 0; d < part.size[0]; ++d) {
            for (int64_t h = 0; h < part.size[1]; ++h) {
                const int64_t from = ((part.in_chunk[0] + d) * array.chunk[2] + part.in_chunk[1] + h) * array.chunk[3] +
                                     part.in_chunk[2];
                const int64_t to =
                    ((part.in_box[0] + d) * box.size[1] + part.in_box[1] + h) * box.size[2] + part.in_box[2];
                copy_row(chunk.voxels ? chunk.voxels + static_cast<size_t>(from) * voxel_size : nullptr,
                         static_cast<size_t>(to), static_cast<size_t>(part.size[2]));
            }
        }
    }
}

template <class T>
void scale_row(const T* in, float* out, size_t count, double slope, double inter) {
    if (slope == 1.0 && inter == 0.0) {
        for (size_t i = 0; i < count; ++i) out[i] = static_cast<float>(in[i]);
    } else {
        for (size_t i = 0; i < count; ++i) out[i] = static_cast<float>(static_cast<double>(in[i]) * slope + inter);
    }
}

/// Voxels as the source file had them.  Throws DataError, `where` in front, where the source's type cannot hold one.
std::vector<std::byte> as_source(std::span<const std::byte> voxels, VoxelType stored, VoxelType source,
                                 const std::string& where) {
    try {
        return convert_voxels(voxels, stored, source);
    } catch (const DataError& error) {
        throw DataError(concat(where, ": ", error.what()));
    }
}

}  // namespace

struct ShardReader::State {
    std::filesystem::path folder;
    std::string digest;
    Folds folds;
    DatasetIndex index;
    std::vector<std::unique_ptr<ReadOnlyFile>> files;  // one a shard of the index
    std::vector<CaseInfo> cases;
    std::vector<ReadableCase> readable;
    mutable ChunkReader chunks;

    State(std::filesystem::path path, size_t cache_bytes) : folder(std::move(path)), chunks(cache_bytes) {}
    void open_all();
    void add_case(const DatasetIndex::Case& listed, StoredCase stored, const ReadOnlyFile& file, uint64_t& next_key);
    const ReadableCase& at(size_t index_of_case) const {
        core::check(index_of_case < readable.size(), "there is no case with that index");
        return readable[index_of_case];
    }
};

void ShardReader::State::open_all() {
    index = read_dataset_index(folder, digest);
    std::map<std::string, size_t> shard_of;
    std::vector<ShardFile> shards;
    for (const auto& shard : index.shards) {
        const auto path = folder / shard.file;
        files.push_back(std::make_unique<ReadOnlyFile>(path));
        if (files.back()->size() != shard.bytes) {
            throw DataError(concat(path.string(), ": has ", files.back()->size(), " bytes, but dataset.json says ",
                                   shard.bytes, ": the file is truncated or was replaced.  Convert the data again."));
        }
        shard_of[shard.file] = shards.size();
        shards.emplace_back(path);
    }
    uint64_t next_key = 0;
    for (const auto& listed : index.cases) {
        const size_t shard = shard_of.at(listed.shard);
        add_case(listed, shards[shard].read_case(listed.id), *files[shard], next_key);
    }
}

void ShardReader::State::add_case(const DatasetIndex::Case& listed, StoredCase stored, const ReadOnlyFile& file,
                                  uint64_t& next_key) {
    CaseInfo& info = stored.info;
    std::vector<std::string> channels;
    for (const auto& source : info.sources) channels.push_back(source.channel);
    if (channels != index.channels) {
        throw DataError(concat(stored.image.where, ": its channels are ", core::join(channels), ", dataset.json says ",
                               core::join(index.channels)));
    }
    for (const auto& [value, voxels] : info.label_voxels) {
        if (!index.scheme.values.contains(value)) {
            throw DataError(
                concat(stored.image.where, ": label value ", value, " is not in the scheme '", index.scheme.name, "'"));
        }
    }
    if (info.views != index.views) {
        throw DataError(concat(stored.image.where, ": its views are ", describe(info.views), ", dataset.json says ",
                               describe(index.views)));
    }
    info.split = listed.split;
    stored.image.first_key = next_key;
    next_key += stored.image.places.size();
    for (auto* array : {&stored.label, &stored.views}) {
        if (!*array) continue;
        (*array)->first_key = next_key;
        next_key += (*array)->places.size();
    }
    cases.push_back(std::move(info));
    readable.push_back({&file, std::move(stored.image), std::move(stored.label), std::move(stored.views),
                        std::move(stored.foreground), std::move(stored.stored_labels)});
}

ShardReader::ShardReader(const std::filesystem::path& folder, size_t chunk_cache_bytes, const Folds& folds)
    : state_(std::make_unique<State>(folder, chunk_cache_bytes)) {
    state_->folds = folds;
    state_->open_all();
    assign_folds(state_->cases, folds);
}

ShardReader::~ShardReader() = default;

void ShardReader::keep_in(std::unique_ptr<ChunkStore> store) { state_->chunks.keep_in(std::move(store)); }

void ShardReader::leave_out(std::span<const size_t> cases) {
    for (const size_t index : cases) state_->cases.at(index).split.clear();
}

std::vector<StoredArray> ShardReader::arrays() const {
    std::vector<StoredArray> arrays;
    for (size_t i = 0; i < state_->readable.size(); ++i) {
        const ReadableCase& one = state_->readable[i];
        arrays.push_back({i, StoredArray::Kind::image, &one.image});
        if (one.label) arrays.push_back({i, StoredArray::Kind::label, &*one.label});
        if (one.views) arrays.push_back({i, StoredArray::Kind::views, &*one.views});
    }
    return arrays;
}

const std::vector<CaseInfo>& ShardReader::cases() const { return state_->cases; }
const LabelScheme& ShardReader::scheme() const { return state_->index.scheme; }
const std::vector<std::string>& ShardReader::channel_names() const { return state_->index.channels; }
const CommonGrid& ShardReader::common_grid() const { return state_->index.common_grid; }
const ViewSet& ShardReader::views() const { return state_->index.views; }
const Folds& ShardReader::folds() const { return state_->folds; }
const std::string& ShardReader::digest() const { return state_->digest; }

std::vector<size_t> ShardReader::split(const std::string& name) const {
    std::vector<size_t> indices;
    for (size_t i = 0; i < state_->cases.size(); ++i) {
        if (state_->cases[i].split == name) indices.push_back(i);
    }
    return indices;
}

void ShardReader::read_image(size_t case_index, const core::Box& box, std::span<float> out, int64_t epoch) const {
    const ReadableCase& from = state_->at(case_index);
    const CaseInfo& info = state_->cases[case_index];
    check_box(info, box, out.size(), info.channels());
    for (int64_t channel = 0; channel < info.channels(); ++channel) {
        const SourceVolume& source = info.sources[static_cast<size_t>(channel)];
        float* to = out.data() + channel * box.voxels();
        const auto zero = static_cast<float>(source.scl_inter);
        with_stored_type(info.type, [&]<class T>() {
            for_each_row(state_->chunks, *from.file, from.image, channel, box, epoch,
                         [&](const std::byte* row, size_t at, size_t count) {
                             if (!row) return void(std::fill_n(to + at, count, zero));
                             scale_row(reinterpret_cast<const T*>(row), to + at, count, source.scl_slope,
                                       source.scl_inter);
                         });
        });
    }
}

void ShardReader::read_label(size_t case_index, const core::Box& box, std::span<uint8_t> out, int64_t epoch) const {
    const ReadableCase& from = state_->at(case_index);
    check_box(state_->cases[case_index], box, out.size(), 1);
    core::check(from.label.has_value(), concat("case ", state_->cases[case_index].id, " has no label"));
    for_each_row(state_->chunks, *from.file, *from.label, 0, box, epoch,
                 [&](const std::byte* row, size_t at, size_t count) {
                     if (row) {
                         std::memcpy(out.data() + at, row, count);
                     } else {
                         std::memset(out.data() + at, 0, count);
                     }
                 });
}

void ShardReader::read_views(size_t case_index, std::span<float> out, int64_t epoch) const {
    const ReadableCase& from = state_->at(case_index);
    const ViewSet& views = state_->index.views;
    core::check(!views.empty() && out.size() == static_cast<size_t>(views.pixels()),
                "the output does not have the views' size");
    const core::Box whole{{0, 0, 0}, {static_cast<int64_t>(views.names.size()), views.size[0], views.size[1]}};
    for_each_row(state_->chunks, *from.file, *from.views, 0, whole, epoch,
                 [&](const std::byte* row, size_t at, size_t count) {
                     if (!row) return void(std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(at), count, 0.0F));
                     std::memcpy(out.data() + at, row, count * sizeof(float));
                 });
}

const std::vector<ForegroundPositions>& ShardReader::foreground(size_t case_index) const {
    return state_->at(case_index).foreground;
}

ShardReader::Counters ShardReader::counters() const {
    const ChunkReader& chunks = state_->chunks;
    const auto kept = chunks.store().figures();
    return {chunks.chunks_decoded(), chunks.cache_hits(), chunks.bytes_read(), kept.bytes,
            kept.peak_bytes,         kept.budget_bytes};
}

std::vector<std::string> ShardReader::verify() const {
    std::vector<std::string> problems;
    ChunkReader fresh(0);  // what lies in the cache says nothing about the disk
    for (size_t i = 0; i < state_->readable.size(); ++i) {
        const ReadableCase& one = state_->readable[i];
        for (const ChunkedArray* array :
             {&one.image, one.label ? &*one.label : nullptr, one.views ? &*one.views : nullptr}) {
            for (size_t chunk = 0; array && chunk < array->places.size(); ++chunk) {
                try {
                    fresh.read(*one.file, *array, chunk);
                } catch (const DataError& error) {
                    problems.emplace_back(error.what());
                }
            }
        }
    }
    for (const auto& shard : state_->index.shards) {
        const auto path = state_->folder / shard.file;
        if (const std::string found = hex(xxh3_64_of_file(path)); found != shard.xxh3) {
            problems.push_back(
                concat(path.string(), ": its checksum is ", found, ", but dataset.json says ", shard.xxh3));
        }
    }
    return problems;
}

std::vector<std::byte> ShardReader::read_stored(size_t case_index, int64_t channel) const {
    const ReadableCase& from = state_->at(case_index);
    const CaseInfo& info = state_->cases[case_index];
    core::check(channel >= 0 && channel < info.channels(), concat("case ", info.id, " has no channel ", channel));
    const core::Box whole{{0, 0, 0}, info.size()};
    const size_t voxel_size = voxel_bytes(info.type);
    std::vector<std::byte> out(static_cast<size_t>(whole.voxels()) * voxel_size, std::byte{0});
    for_each_row(state_->chunks, *from.file, from.image, channel, whole, kNoEpoch,
                 [&](const std::byte* row, size_t at, size_t count) {
                     if (row) std::memcpy(out.data() + at * voxel_size, row, count * voxel_size);
                 });
    return out;
}

std::vector<std::pair<std::string, NiftiImage>> ShardReader::stored_volumes(size_t case_index) const {
    const CaseInfo& info = state_->cases[case_index];
    NiftiImage grid;
    grid.size = {info.shape[3], info.shape[2], info.shape[1]};
    grid.geometry = geometry_from_affine(info.affine);
    std::vector<std::pair<std::string, NiftiImage>> files;
    for (int64_t channel = 0; channel < info.channels(); ++channel) {
        const SourceVolume& source = info.sources[static_cast<size_t>(channel)];
        NiftiImage image = grid;
        image.type = info.type;
        image.scl_slope = source.scl_slope;
        image.scl_inter = source.scl_inter;
        image.voxels = read_stored(case_index, channel);
        files.emplace_back(source.channel, std::move(image));
    }
    if (!info.has_label) return files;
    grid.type = VoxelType::uint8;
    std::vector<uint8_t> label(static_cast<size_t>(grid.voxel_count()));
    read_label(case_index, {{0, 0, 0}, info.size()}, label);
    const auto bytes = std::as_bytes(std::span(label));
    grid.voxels.assign(bytes.begin(), bytes.end());
    files.emplace_back("label", std::move(grid));
    return files;
}

std::vector<std::pair<std::string, NiftiImage>> ShardReader::restore(size_t case_index) const {
    const ReadableCase& from = state_->at(case_index);
    const CaseInfo& info = state_->cases[case_index];
    if (!info.reference.empty()) return stored_volumes(case_index);
    const auto back = [](const SourceVolume& source, std::span<const std::byte> ras) {
        NiftiImage image;
        image.size = source.size;
        image.type = source.type;
        image.scl_slope = source.scl_slope;
        image.scl_inter = source.scl_inter;
        image.geometry = source.geometry;
        image.voxels = from_ras(ras, source.size, voxel_bytes(source.type), orientation_of(image.affine()));
        return image;
    };
    std::vector<std::pair<std::string, NiftiImage>> files;
    for (int64_t channel = 0; channel < info.channels(); ++channel) {
        const SourceVolume& source = info.sources[static_cast<size_t>(channel)];
        files.emplace_back(source.channel, back(source, as_source(read_stored(case_index, channel), info.type,
                                                                  source.type, from.image.where)));
    }
    if (!info.has_label) return files;
    std::vector<uint8_t> label(static_cast<size_t>(info.size()[0] * info.size()[1] * info.size()[2]));
    read_label(case_index, {{0, 0, 0}, info.size()}, label);
    std::vector<double> values(label.size());
    for (size_t i = 0; i < label.size(); ++i) {
        const auto found = from.stored_labels.find(label[i]);
        if (found == from.stored_labels.end()) {
            throw DataError(concat(from.label->where, ": label value ", int{label[i]}, " is not in stored_labels"));
        }
        values[i] = found->second;
    }
    files.emplace_back("label", back(info.label_source, as_source(std::as_bytes(std::span(values)), VoxelType::float64,
                                                                  info.label_source.type, from.label->where)));
    return files;
}

}  // namespace vox::data
