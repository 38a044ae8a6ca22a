#include "data/prompt_templates.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/prompt_words.hpp"

namespace vox::data {
namespace {

using core::concat;

struct Filling {
    std::string structure, whole, modality;  // `whole`: the position in full, as answers tell it
};

std::string replaced(std::string text, std::string_view placeholder, std::string_view by) {
    for (size_t at = text.find(placeholder); at != std::string::npos; at = text.find(placeholder, at + by.size())) {
        text.replace(at, placeholder.size(), by);
    }
    return text;
}

std::string filled(std::string_view text, const Filling& filling, std::string_view position) {
    auto result = replaced(std::string(text), "{structure}", filling.structure);
    result = replaced(std::move(result), "{modality}", filling.modality);
    return replaced(std::move(result), "{position}", position);
}

std::string spoken(std::string_view name) { return core::join(words_of(name), " "); }

/// How many components fit a description: those of that structure and position, or those of that structure without a position.
class Census {
public:
    void add(const std::string& structure, const std::optional<PromptPosition>& position, PositionSpace space) {
        for (const auto& name : {structure, std::string()}) {
            ++count_[{name, ""}];
            if (!position) ++anywhere_[name];
            if (!position) continue;
            std::set<std::string> texts;  // "at the centre" is one text in every detail
            for (const auto detail : {PositionDetail::side, PositionDetail::distance, PositionDetail::whole}) {
                texts.insert(position_text(*position, space, detail));
            }
            for (const auto& text : texts) ++count_[{name, text}];
        }
    }
    /// An empty structure is any, an empty position everywhere.
    bool one_fits(const std::string& structure, const std::string& position) const {
        const auto fit = count_.find({structure, position});
        const auto anywhere = anywhere_.find(structure);
        const bool may_be_others = !position.empty() && anywhere != anywhere_.end();
        return fit != count_.end() && fit->second == 1 && !may_be_others;
    }

private:
    std::map<std::pair<std::string, std::string>, int64_t> count_;
    std::map<std::string, int64_t> anywhere_;
};

}  // namespace

PositionDetail PromptTemplate::detail() const {
    return kind == PromptKind::side       ? PositionDetail::side
           : kind == PromptKind::distance ? PositionDetail::distance
                                          : PositionDetail::whole;
}

bool states_position(std::string_view question) {
    static const std::set<std::string> telling = [] {
        std::set<std::string> words{"centre", "center", "central", "middle", "near", "far", "upper", "lower"};
        for (const auto space : {PositionSpace::image, PositionSpace::patient}) {
            for (const auto& pair : side_pairs(space)) words.insert({pair.low, pair.high});
        }
        return words;
    }();
    return std::ranges::any_of(words_of(question), [](const auto& word) { return telling.contains(word); });
}

std::vector<std::string> prompt_texts(std::span<const std::string> structures, std::span<const std::string> modalities,
                                      PositionSpace space) {
    auto texts = position_texts(space);
    for (const auto& one : prompt_templates()) {
        for (const auto text : {one.question, one.answer}) texts.push_back(filled(text, {}, ""));
    }
    texts.insert(texts.end(), structures.begin(), structures.end());
    texts.insert(texts.end(), modalities.begin(), modalities.end());
    return texts;
}

std::vector<Prompt> prompts_of(std::span<const PromptComponent> components, const core::Index3& size,
                               const core::Double3& spacing_mm, PositionSpace space, std::string_view modality) {
    std::vector<std::optional<PromptPosition>> positions;
    Census census;
    for (const auto& component : components) {
        positions.push_back(position_of(component.box, size, spacing_mm, space));
        census.add(spoken(component.structure), positions.back(), space);
    }
    std::vector<Prompt> prompts;
    const auto templates = prompt_templates();
    for (size_t c = 0; c < components.size(); ++c) {
        if (!positions[c]) continue;
        const Filling filling{.structure = spoken(components[c].structure),
                              .whole = position_text(*positions[c], space, PositionDetail::whole),
                              .modality = spoken(modality)};
        for (size_t t = 0; t < templates.size(); ++t) {
            const auto& one = templates[t];
            if (one.kind == PromptKind::modality && filling.modality.empty()) continue;
            const auto stated =
                one.states_position() ? position_text(*positions[c], space, one.detail()) : std::string();
            if (!census.one_fits(one.names_structure() ? filling.structure : "", stated)) continue;
            auto question = filled(one.question, filling, stated);
            const bool told = data::states_position(question);
            prompts.push_back({.component = c,
                               .template_number = t,
                               .question = std::move(question),
                               .answer = filled(one.answer, filling, filling.whole),
                               .position = position_class(*positions[c]),
                               .states_position = told});
        }
    }
    return prompts;
}

}  // namespace vox::data
