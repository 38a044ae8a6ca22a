#pragma once
// Names that other programs' configurations have for keys of ours.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/section.hpp"

namespace vox::app {

/// One name that means the same as a key of ours.  It is accepted in the sections `training`, `train` and `data` and at top
/// level.
struct ForeignKey {
    std::string name;  // "sync_batchnorm"
    std::string key;  // "model.norm"; empty where no key of ours is needed for what it asks
    std::map<std::string, std::string> words;  // its values to ours ("" leaves our default); empty: the value itself
    std::map<std::string, std::string>
        refused{};  // values that cannot mean anything here, and what to do; "*": any value
    std::string meaning{};  // for the table of users, where key and words do not say it
};

const std::vector<ForeignKey>& foreign_keys();

/// What a document held of them.
struct ForeignNames {
    std::set<std::string> accepted;  // paths: "training.batch_size"
    std::optional<bool> distributed;  // more than one rank, or just one: whoever knows the world compares
};

/// Gives our keys the values of the foreign names that `document` holds, before anybody reads.  Throws ConfigError where both
/// names are given, or where a value means nothing here.
ForeignNames accept_foreign_keys(config::Document& document);

/// "| `num_workers` | `data.threads` |" for each name, with a sentence above: what may be given besides the keys.
std::string foreign_keys_as_markdown();

}  // namespace vox::app
