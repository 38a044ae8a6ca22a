#include "tasks/prompted_facts.hpp"

#include <algorithm>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/prompt_templates.hpp"
#include "tasks/fact_texts.hpp"

namespace vox::tasks {
namespace {

constexpr const char* kTask = "prompted_segmentation";

const char* name_of(data::PositionSpace space) { return space == data::PositionSpace::image ? "image" : "patient"; }

void add_texts(std::set<std::string>& texts, const data::CasePrompts& prompts) {
    for (const auto& one : prompts.questions) {
        texts.insert(one.question);
        if (!one.answer.empty()) texts.insert(one.answer);
    }
}

/// Of all cases that have any.
data::PositionSpace common_space(const data::ShardReader& reader) {
    const data::CasePrompts* first = nullptr;
    for (const auto& info : reader.cases()) {
        if (info.prompts.empty()) continue;
        if (first == nullptr) first = &info.prompts;
        if (info.prompts.space != first->space)
            throw core::DataError(core::concat("case ", info.id, " is a ",
                                               first->space == data::PositionSpace::image ? "volume" : "picture",
                                               ", others are not: one network takes one kind; convert them apart"));
    }
    if (first == nullptr)
        throw core::DataError(
            "no case of the data set has anything that can be asked for: convert label maps with --make-prompts, or a "
            "table of questions with --layout prompted");
    return first->space;
}

std::set<std::string> words_of_cases(const data::ShardReader& reader, const std::vector<size_t>& cases) {
    std::set<std::string> texts, words;
    for (const size_t index : cases) add_texts(texts, reader.cases()[index].prompts);
    for (const auto& text : texts)
        for (auto& word : data::words_of(text)) words.insert(std::move(word));
    return words;
}

}  // namespace

std::map<std::string, std::string> PromptedFacts::to_texts() const {
    return {{"channels", core::join(channels, ",")},
            {"space", name_of(space)},
            {"vocabulary", core::join(vocabulary.words(), ",")}};
}

PromptedFacts PromptedFacts::from_texts(const std::map<std::string, std::string>& texts) {
    PromptedFacts facts;
    facts.channels = split_text(fact_of(texts, "channels", kTask));
    const auto& space = fact_of(texts, "space", kTask);
    if (space != "image" && space != "patient")
        throw core::DataError(
            core::concat("the checkpoint speaks of the sides of '", space, "', not of image or patient"));
    facts.space = space == "image" ? data::PositionSpace::image : data::PositionSpace::patient;
    facts.vocabulary = data::Vocabulary(split_text(fact_of(texts, "vocabulary", kTask)));
    return facts;
}

nn::PromptedSegmentorOptions PromptedFacts::complete(nn::PromptedSegmentorOptions options) const {
    options.flat = space == data::PositionSpace::image;
    options.in_channels = static_cast<int64_t>(channels.size());
    options.vocabulary_size = vocabulary.size();
    options.position_classes = data::position_classes(space);
    return options;
}

PromptedFacts prompted_facts(const data::ShardReader& reader) {
    PromptedFacts facts;
    facts.channels = reader.channel_names();
    facts.space = common_space(reader);
    std::set<std::string> texts, structures, modalities;
    for (const auto& info : reader.cases()) {
        add_texts(texts, info.prompts);
        if (!info.prompts.modality.empty()) modalities.insert(info.prompts.modality);
        for (const auto& target : info.prompts.targets)
            if (!target.structure.empty()) structures.insert(target.structure);
    }
    const std::vector<std::string> names(structures.begin(), structures.end()),
        kinds(modalities.begin(), modalities.end());
    for (auto& text : data::prompt_texts(names, kinds, facts.space)) texts.insert(std::move(text));
    const std::vector<std::string> all(texts.begin(), texts.end());
    facts.vocabulary = data::Vocabulary::of_texts(all, facts.space);
    return facts;
}

std::vector<std::string> words_never_trained(const data::ShardReader& reader, const std::vector<size_t>& training) {
    std::vector<size_t> all(reader.cases().size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    const auto known = words_of_cases(reader, training), any = words_of_cases(reader, all);
    std::vector<std::string> never;
    std::ranges::set_difference(any, known, std::back_inserter(never));
    return never;
}

}  // namespace vox::tasks
