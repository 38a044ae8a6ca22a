#pragma once
// What an earlier, perhaps interrupted run of the converter left in the output folder.

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace vox::data {

struct FinishedCase {
    std::string shard;  // file name
    std::string fingerprint, label_scheme;
    std::set<int> label_values;
};

struct FinishedShards {
    std::map<std::string, FinishedCase> cases;  // by id; the copy in the newest shard counts
    int64_t next_number = 0;                    // first unused shard number
};

std::string shard_name(int64_t number);  // "shard_00012.h5"

/// Opens every shard in the folder; one that is damaged is named in a warning and counts as absent.
FinishedShards find_finished_shards(const std::filesystem::path& folder);

/// Removes what an interrupted run left half written.
void remove_partial_files(const std::filesystem::path& folder);

}  // namespace vox::data
