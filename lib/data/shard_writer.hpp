#pragma once
// Writes one shard file, case by case.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/case_data.hpp"
#include "data/chunk_codec.hpp"
#include "data/hdf5_io.hpp"
#include "data/shard_format.hpp"

namespace vox::data {

/// One rank, one thread.  The file is written beside its place as "<name>.partial"; only `finish` gives it its name, so that
/// a shard is whole or absent.  Throws WriteError, with the file's name, where the disk refuses.
class ShardWriter {
public:
    ShardWriter(std::filesystem::path file, Codec codec, std::string label_scheme, int64_t edge = format::kChunkEdge);
    /// Without `finish`: removes the partial file.
    ~ShardWriter();
    ShardWriter(const ShardWriter&) = delete;

    /// Throws DataError for an id that cannot be a name, or data that the format's limits do not allow.
    void add(const CaseData& data);
    /// Bytes of chunks written so far.
    uint64_t bytes() const { return bytes_; }
    const std::vector<std::string>& case_ids() const { return case_ids_; }
    /// Closes, syncs and renames; the writer is of no use after that.
    void finish();

private:
    hdf5::Handle write_array(hdf5::Id group, const std::string& name, VoxelType type, const std::vector<int64_t>& dims,
                             std::span<const std::byte> voxels, int64_t edge);
    void write_views(hdf5::Id group, const CaseData& data);
    void write_foreground(hdf5::Id group, const CaseData& data);

    std::filesystem::path file_, partial_;
    Codec codec_;
    std::string label_scheme_;
    int64_t edge_;
    hdf5::Handle handle_, cases_;
    std::vector<std::string> case_ids_;
    uint64_t bytes_ = 0;
    bool finished_ = false;
};

}  // namespace vox::data
