#include "tasks/open_shards.hpp"

#include <vector>

#include "core/text.hpp"
#include "tasks/prompted_questions.hpp"

namespace vox::tasks {

std::unique_ptr<data::ShardReader> open_shards(const std::filesystem::path& shards, const TaskConfig& config,
                                               size_t cache_bytes, bool may_lack_column) {
    auto folds = config.data.fold_choice();
    folds.may_lack_column = may_lack_column;
    auto reader = std::make_unique<data::ShardReader>(shards, cache_bytes, folds);
    if (config.task != "prompted_segmentation") return reader;
    std::vector<size_t> without;
    for (size_t i = 0; i < reader->cases().size(); ++i)
        if (!can_be_asked(reader->cases()[i].prompts, config.prompted)) without.push_back(i);
    reader->leave_out(without);
    return reader;
}

std::string tell_left_out(const data::ShardReader& reader) {
    std::vector<std::string> names;
    for (const auto& info : reader.cases())
        if (info.split.empty()) names.push_back(info.id);
    if (names.empty()) return "";
    return core::concat(
        "left out, as nothing of what is in them can be asked for as prompted_segmentation.prompts says: ",
        names.size(), " of ", reader.cases().size(), " cases: ", core::join_first(names));
}

}  // namespace vox::tasks
