#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "data/shard_reader.hpp"
#include "tasks/task_config.hpp"

namespace vox::tasks {

/// Any rank, no communication.  The data set as a run sees it: split into its folds, with cases of which prompted_segmentation could ask
/// nothing in no split.  `cache_bytes` as ShardReader's.  `may_lack_column`: without data.fold_column the data set keeps its splits.
/// Throws as ShardReader and `assign_folds`.
std::unique_ptr<data::ShardReader> open_shards(const std::filesystem::path& shards, const TaskConfig& config,
                                               size_t cache_bytes = 0, bool may_lack_column = false);

/// Which cases those are, in a sentence; an empty text where there are none.
std::string tell_left_out(const data::ShardReader& reader);

}  // namespace vox::tasks
