#pragma once
// dataset.json: which cases there are, where they lie, which split each belongs to, and what the shards must be.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/case_info.hpp"
#include "data/label_scheme.hpp"

namespace vox::data {

struct DatasetIndex {
    struct Case {
        std::string id, shard, split;  // shard: a file name in the same folder; split: "train", "val", "test"
    };
    struct Shard {
        std::string file;
        uint64_t bytes = 0;
        std::string xxh3;  // of the whole file, 16 hex digits
    };
    std::vector<std::string> channels;
    LabelScheme scheme;
    CommonGrid common_grid;
    ViewSet views;  // of every case
    std::vector<Case> cases;    // by id
    std::vector<Shard> shards;  // by file
    std::map<std::string, std::string> provenance;  // layout, codec, split seed, version, ...
};

/// Writes dataset.json by rename.  Throws WriteError.
void write_dataset_index(const std::filesystem::path& folder, const DatasetIndex& index);

/// Reads and checks dataset.json; `digest` gets the XXH3-64 of its bytes in hex.  Throws DataError naming the file, and the
/// field, where it is missing, of another version, or contradicts itself.
DatasetIndex read_dataset_index(const std::filesystem::path& folder, std::string& digest);

/// The same from the text of a dataset.json; `where` stands for the file in messages.
DatasetIndex parse_dataset_index(const std::string& text, const std::string& where);

/// True where the folder holds a dataset.json that is not one of MSD or nnU-Net.
bool is_shard_folder(const std::filesystem::path& folder);

}  // namespace vox::data
