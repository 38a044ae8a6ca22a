#include "app/foreign_keys.hpp"

#include <algorithm>
#include <cctype>

#include "app/foreign_cascade.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::ConfigError;

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// Our own name for something, or one that is understood where it is read.
bool is_own(const ForeignKey& foreign, const std::string& section, const std::string& path) {
    return path == foreign.key || foreign.key.starts_with(path + '.') ||
           (section == "train" && foreign.key == "train.accumulation");
}

std::string ours_of(const ForeignKey& foreign, const std::string& word) {
    if (foreign.key.empty()) return "";
    return word.empty() ? concat("the default of `", foreign.key, '`') : concat('`', foreign.key, ": ", word, '`');
}

std::string text_of(const ForeignKey& foreign, config::Section& given) {
    if (foreign.value == ForeignValue::whole_numbers) {
        std::vector<int64_t> numbers;
        given.value(foreign.name, numbers, "");
        return concat('[', core::join(numbers), ']');
    }
    std::string text;
    given.value(foreign.name, text, "");
    return text;
}

/// What the run does with a name that has no key of ours.
void take(const ForeignKey& foreign, const std::string& path, const std::string& value, ForeignNames& names) {
    const bool yes = lower_case(value) == "true";
    if (foreign.name == "distributed" || foreign.name == "use_ddp") {
        if (names.distributed.value_or(yes) != yes)
            throw ConfigError(concat("'", path, ": ", value, "' contradicts 'distributed' or 'use_ddp' beside it"));
        names.distributed = yes;
    }
    if (foreign.name == "use_wandb" || foreign.name == "wandb") {
        if (yes && !names.wandb_project) names.wandb_project = "";
    }
    if (foreign.name == "wandb_project") names.wandb_project = value;
    if (foreign.name == "resume_from" && !value.empty()) names.resume_from = value;
    if (foreign.name == "dataset_path" && !value.empty()) names.shards = value;
}

}  // namespace

std::string in_our_words(const ForeignKey& foreign, const std::string& value, const std::string& given) {
    const std::string word = lower_case(value);  // True and true
    for (const auto& key : {word, std::string("*")})
        if (const auto refusal = foreign.refused.find(key);
            refusal != foreign.refused.end() && !foreign.words.contains(word))
            throw ConfigError(concat("'", given, "' cannot be followed: ", refusal->second));
    if (foreign.words.empty()) return value;
    const auto found = foreign.words.find(word);
    if (found != foreign.words.end()) return found->second;
    std::vector<std::string> allowed;
    for (const auto& [name, meaning] : foreign.words) allowed.push_back(name);
    throw ConfigError(
        concat("'", foreign.name, "' must be one of ", core::join(allowed, " | "), ", not '", value, "'"));
}

ForeignNames accept_foreign_keys(config::Document& document) {
    ForeignNames names;
    auto root = document.root();
    for (const std::string section : {"training", "train", "data", "model", ""}) {
        if (!section.empty() && !root.has(section)) continue;
        auto given = section.empty() ? root : root.section(section, "");
        for (const auto& foreign : foreign_keys()) {
            const std::string path = section.empty() ? foreign.name : concat(section, '.', foreign.name);
            if (is_own(foreign, section, path) || !given.has(foreign.name)) continue;
            if (foreign.value == ForeignValue::cascade) {
                names.accepted.merge(accept_cascade(document, given, foreign.name, path));
                continue;
            }
            if (!foreign.key.empty() && document.has(foreign.key))
                throw ConfigError(concat("'", path, "' is another name of '", foreign.key, "'; give only one of them"));
            const std::string value = text_of(foreign, given);
            const std::string ours = in_our_words(foreign, value, concat(path, ": ", value));
            if (!foreign.key.empty() && !ours.empty()) document.set(concat(foreign.key, '=', ours));
            take(foreign, path, value, names);
            names.accepted.insert(path);
        }
    }
    return names;
}

std::string foreign_keys_as_markdown() {
    std::string table =
        "Names of other programs are understood too, in the sections `training`, `train`, `data` and `model` and at "
        "top level, some as options of `train`:\n\n"
        "| name | option | here |\n|---|---|---|\n";
    for (const auto& foreign : foreign_keys()) {
        std::vector<std::string> parts;
        if (!foreign.key.empty() && foreign.words.empty()) parts.push_back(concat("alias of `", foreign.key, '`'));
        for (const auto& [word, own] : foreign.words)
            if (!foreign.key.empty()) parts.push_back(concat("alias: `", word, "` is ", ours_of(foreign, own)));
        const bool whatever = foreign.words.empty() ? foreign.refused.empty() : foreign.words.size() > 1;
        if (foreign.key.empty() && whatever) parts.emplace_back("accepted");
        if (foreign.key.empty() && foreign.words.size() == 1)
            parts.push_back(concat('`', foreign.words.begin()->first, "` is accepted"));
        if (!foreign.meaning.empty()) parts.push_back(foreign.meaning);
        for (const auto& [value, reason] : foreign.refused)
            parts.push_back(concat(value != "*"            ? concat('`', value, "` is ")
                                   : foreign.words.empty() ? ""
                                                           : "anything else is ",
                                   "refused: ", reason));
        const std::string option = foreign.option == ForeignOption::none ? "" : concat("`--", foreign.name, "` ");
        table += concat("| `", foreign.name, "` | ", option, "| ", core::join(parts, "; "), " |\n");
    }
    return table;
}

}  // namespace vox::app
