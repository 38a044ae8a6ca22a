#include "data/finished_shards.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "core/error.hpp"
#include "core/log.hpp"
#include "data/shard_file.hpp"
#include "data/shard_format.hpp"

namespace vox::data {

namespace fs = std::filesystem;

std::string shard_name(int64_t number) {
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "shard_%05lld.h5", static_cast<long long>(number));
    return name.data();
}

FinishedShards find_finished_shards(const fs::path& folder) {
    FinishedShards found;
    std::vector<std::pair<int64_t, fs::path>> files;
    if (!fs::is_directory(folder)) return found;
    for (const auto& entry : fs::directory_iterator(folder)) {
        long long number = -1;
        const std::string name = entry.path().filename().string();
        if (std::sscanf(name.c_str(), "shard_%lld.h5", &number) != 1 || number < 0 || name != shard_name(number))
            continue;
        files.emplace_back(number, entry.path());
        found.next_number = std::max<int64_t>(found.next_number, number + 1);
    }
    std::sort(files.begin(), files.end());
    for (const auto& [number, path] : files) {
        try {
            const ShardFile shard(path);
            for (const auto& id : shard.case_ids()) {
                const StoredCase stored = shard.read_case(id);
                FinishedCase one{path.filename().string(), stored.fingerprint, stored.label_scheme, {}};
                for (const auto& [value, voxels] : stored.info.label_voxels) one.label_values.insert(value);
                found.cases[id] = std::move(one);
            }
        } catch (const core::DataError& error) {
            core::log::warning("a shard of an earlier run is not used: ", error.what());
        }
    }
    return found;
}

void remove_partial_files(const fs::path& folder) {
    if (!fs::is_directory(folder)) return;
    std::vector<fs::path> leftovers;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().string().ends_with(".h5.partial")) leftovers.push_back(entry.path());
    }
    for (const auto& file : leftovers) fs::remove(file);
}

}  // namespace vox::data
