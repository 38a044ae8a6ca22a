#pragma once
// Opening one shard: its structure is read through HDF5 and checked against the format and its limits, no voxel is.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/case_info.hpp"
#include "data/chunked_array.hpp"
#include "data/hdf5_io.hpp"
#include "data/shard_reader.hpp"

namespace vox::data {

/// What a shard says about a case.
struct StoredCase {
    CaseInfo info;  // split is left empty: dataset.json knows it
    ChunkedArray image;
    std::optional<ChunkedArray> label, views;
    std::vector<ForegroundPositions> foreground;
    std::map<int, double> stored_labels;  // label value -> voxel value of the source file
    std::string fingerprint, label_scheme;
};

/// One thread; short-lived: reading voxels needs no HDF5.
class ShardFile {
public:
    /// Throws DataError, with the file's name, for a file that is not a whole shard of this version.
    explicit ShardFile(const std::filesystem::path& path);

    std::vector<std::string> case_ids() const;
    /// Throws DataError naming file, case and field for whatever does not fit the format.
    StoredCase read_case(const std::string& id) const;

private:
    ChunkedArray read_array(hdf5::Id group, hdf5::Id dataset, const std::string& name, size_t rank,
                            const std::string& where) const;
    void read_prompts(hdf5::Id group, const std::string& where, CaseInfo& info) const;
    void read_views(hdf5::Id group, const std::string& where, StoredCase& found) const;
    void read_places(hdf5::Id group, hdf5::Id dataset, const std::string& name, ChunkedArray& array,
                     const std::string& where) const;

    std::filesystem::path path_;
    uint64_t file_bytes_ = 0;
    hdf5::Handle file_, cases_;
};

}  // namespace vox::data
