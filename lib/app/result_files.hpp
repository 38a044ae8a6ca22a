#pragma once
// What programs that write a result for each case have in common.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/world.hpp"
#include "data/batch.hpp"
#include "data/case_data.hpp"
#include "data/layouts.hpp"
#include "data/shard_reader.hpp"
#include "data/transforms.hpp"

namespace vox::app {

/// Rank 0, before any case: the folder takes files, and no input can be overwritten by its own result.
void make_output(const std::filesystem::path& input, const std::filesystem::path& output);

/// How messages name it.
struct ResultWords {
    std::string doing, done, result;  // "segmenting", "segmented", "label map"
};

/// All ranks: `make(i)` for every case on its rank.  A case whose files are damaged does not keep the others from their result: rank 0
/// throws DataError naming all such cases at the end.
void make_each(comm::World& world, const std::vector<std::string>& ids, const ResultWords& words,
               const std::function<void(size_t)>& make);

/// A case's channels in the order of `wanted`, of which it may lack so many.  Throws DataError where it lacks more.
data::CaseFiles choose_channels(const data::CaseFiles& files, const std::vector<std::string>& wanted,
                                int64_t may_lack = 0);

/// A case out of files, as a network sees it.
struct FileCase {
    data::CaseData data;
    data::Sample sample;  // its info is `data`'s: a FileCase is not copied
};
/// Any rank.  Throws DataError.
std::unique_ptr<FileCase> read_file_case(const data::CaseFiles& files, const data::CommonGrid& grid,
                                         const data::Intensities& intensities);

/// Throws DataError unless the shards hold the model's channels in the model's order.
void check_channels(const data::ShardReader& reader, const std::filesystem::path& shards,
                    const std::vector<std::string>& channels);

}  // namespace vox::app
