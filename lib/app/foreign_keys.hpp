#pragma once
// Names that other programs' configurations have for keys of ours.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/section.hpp"

namespace vox::app {

/// How others write a value.
enum class ForeignValue {
    text,
    whole_numbers,  // a list
    cascade,        // a mapping or a list of them: foreign_cascade.hpp reads it
};

/// Whether the name is an option of the command line too.
enum class ForeignOption { none, given, flag };

/// One name that means the same as a key of ours.  It is accepted in the sections `training`, `train`, `data` and `model` and at
/// top level.
struct ForeignKey {
    std::string name;  // "sync_batchnorm"
    std::string key;  // "model.norm"; empty where no key of ours is needed for what it asks
    std::map<std::string, std::string> words;  // its values to ours ("" leaves our default); empty: the value itself
    std::map<std::string, std::string>
        refused{};  // values that cannot mean anything here, and what to do; "*": any value
    std::string meaning{};  // for the table of users, where key and words do not say it
    ForeignOption option = ForeignOption::none;
    ForeignValue value = ForeignValue::text;
};

const std::vector<ForeignKey>& foreign_keys();

/// What a document held of them.
struct ForeignNames {
    std::set<std::string> accepted;  // paths: "training.batch_size"
    std::optional<bool> distributed;  // more than one rank, or just one: whoever knows the world compares
    std::optional<std::string> wandb_project;  // W&B was asked for, with this project or none ("")
    std::optional<std::string> resume_from;  // a path: whoever knows the stage of a cascade says what it means
    std::optional<std::string> shards;  // a folder, as --data is
};

/// Gives our keys the values of the foreign names that `document` holds, before anybody reads.  Throws ConfigError where both
/// names are given, or where a value means nothing here.
ForeignNames accept_foreign_keys(config::Document& document);

/// What `foreign` makes of `value` in our words, "" where it leaves our default.  `given` says in messages what the user wrote.
/// Throws ConfigError where the value means nothing here.
std::string in_our_words(const ForeignKey& foreign, const std::string& value, const std::string& given);

/// "| `num_workers` | | alias of `data.threads` |" for each name, with a sentence above: what may be given besides the keys and
/// options, and whether it is accepted, an alias, or refused.
std::string foreign_keys_as_markdown();

}  // namespace vox::app
