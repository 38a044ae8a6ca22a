// dataset.json: which shards and cases there are.

#include <algorithm>

#include "data/dataset_index.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace vox;
    const std::string where = "folder/dataset.json";
    fuzz::accepts<core::DataError>(where, [&] {
        const auto index = data::parse_dataset_index(fuzz::text_of(data, size), where);
        for (const auto& shard : index.shards) {
            fuzz::require(shard.file.find('/') == std::string::npos && shard.file != ".." && !shard.file.empty(),
                          "a shard lies inside the folder");
        }
        for (const auto& one : index.cases) {
            const bool listed =
                std::ranges::any_of(index.shards, [&](const auto& shard) { return shard.file == one.shard; });
            fuzz::require(listed, "a case lies in a shard that is listed");
            fuzz::require(one.id.find('/') == std::string::npos, "a case's name leads nowhere else");
            fuzz::require(one.split == "train" || one.split == "val" || one.split == "test", "a case is in a split");
        }
        for (const double spacing : index.common_grid.spacing_mm)
            fuzz::require(spacing >= 0, "a spacing is no less than 0");
    });
    return 0;
}
