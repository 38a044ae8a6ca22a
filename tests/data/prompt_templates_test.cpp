// Prompts of labelled images: each says one thing only, found anew by asking every question about every component.

#include "data/prompt_templates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/text.hpp"
#include "data/prompt_words.hpp"
#include "support/golden.hpp"

namespace vox::data {
namespace {

using testing::HasSubstr;

constexpr core::Double3 kOnes{1, 1, 1};
const std::vector<std::string> kNames{"kidney", "kidney_left", "liver", "spleen"};

std::string replace_all(std::string text, const std::string& gap, const std::string& by) {
    for (size_t at = text.find(gap); at != std::string::npos; at = text.find(gap)) text.replace(at, gap.size(), by);
    return text;
}

// The scene's boxes overlap, which components of a label map would not: the rule does not care.
struct Scene {
    PositionSpace space;
    core::Index3 size;
    std::vector<PromptComponent> components;
};

Scene random_scene(uint32_t stream, size_t components, PositionSpace space) {
    Scene scene{space, {space == PositionSpace::image ? 1 : 10, 12, 14}, {}};
    const auto u = test::uniform({static_cast<int64_t>(components), 7}, stream);
    const auto below = [&](size_t n, int64_t column, int64_t count) {
        return static_cast<int64_t>(u[static_cast<int64_t>(n)][column].item<double>() * static_cast<double>(count));
    };
    for (size_t n = 0; n < components; ++n) {
        PromptComponent one{.structure = kNames[static_cast<size_t>(below(n, 0, 4))], .box = {}};
        for (size_t axis = 0; axis < 3; ++axis) {
            const int64_t length = scene.size[axis];
            one.box.start[axis] = below(n, 1 + static_cast<int64_t>(axis), length);
            one.box.size[axis] =
                1 + below(n, 4 + static_cast<int64_t>(axis), std::min<int64_t>(3, length - one.box.start[axis]));
        }
        scene.components.push_back(one);
    }
    return scene;
}

// The question as it would be asked of a component at `position`.
std::string asked(const PromptTemplate& one, const std::string& structure, const PromptPosition& position,
                  PositionSpace space) {
    auto text = replace_all(std::string(one.question), "{structure}", replace_all(structure, "_", " "));
    text = replace_all(text, "{modality}", "ct");
    const auto detail = one.kind == PromptKind::side       ? PositionDetail::side
                        : one.kind == PromptKind::distance ? PositionDetail::distance
                                                           : PositionDetail::whole;
    return replace_all(text, "{position}", position_text(position, space, detail));
}

// All questions that a component could be asked by this template: one, or those of every place where it has none.
std::set<std::string> questions(const PromptTemplate& one, const PromptComponent& component, const Scene& scene) {
    const auto position = position_of(component.box, scene.size, kOnes, scene.space);
    std::set<std::string> all;
    for (int64_t number = 0; number < position_classes(scene.space); ++number) {
        const auto place = position_of_class(number, scene.space);
        if (!position || place == *position) all.insert(asked(one, component.structure, place, scene.space));
    }
    return all;
}

TEST(PromptTemplates, AreFiftyFiveDifferentOnesOfFiveKinds) {
    std::map<PromptKind, int> count;
    std::set<std::string_view> questions;
    for (const auto& one : prompt_templates()) {
        ++count[one.kind];
        questions.insert(one.question);
        const bool place =
            one.kind == PromptKind::position || one.kind == PromptKind::side || one.kind == PromptKind::distance;
        EXPECT_EQ(one.states_position(), place) << one.question;
        EXPECT_TRUE(place || one.names_structure()) << one.question;
        EXPECT_EQ(one.question.find("{modality}") != std::string_view::npos, one.kind == PromptKind::modality)
            << one.question;
        EXPECT_THAT(std::string(one.answer), HasSubstr("{position}"));
        if (one.kind != PromptKind::modality) {
            EXPECT_EQ(one.answer.find("{modality}"), std::string_view::npos);
        }
        // Apart from what is filled in, words tell no place.
        EXPECT_FALSE(states_position(replace_all(std::string(one.question), "{position}", ""))) << one.question;
    }
    EXPECT_EQ(prompt_templates().size(), 55U);
    for (const auto& [kind, number] : count) EXPECT_EQ(number, 11);
    EXPECT_EQ(count.size(), 5U);
    EXPECT_GE(questions.size(), 50U);  // a side and a distance may be stated by the same words
}

TEST(PromptTemplates, APromptIsThereWhereOneComponentFitsAndNoOther) {
    size_t emitted = 0, refused = 0;
    for (uint32_t stream = 1710; stream < 1722; ++stream) {
        const auto space = stream % 2 == 0 ? PositionSpace::image : PositionSpace::patient;
        const auto scene = random_scene(stream, 2 + stream % 7, space);
        std::set<std::pair<size_t, size_t>> found;
        for (const auto& prompt : prompts_of(scene.components, scene.size, kOnes, space, "CT")) {
            EXPECT_TRUE(found.emplace(prompt.component, prompt.template_number).second);
            const auto& component = scene.components[prompt.component];
            const auto place = position_of(component.box, scene.size, kOnes, space);
            ASSERT_TRUE(place);
            EXPECT_EQ(prompt.question,
                      asked(prompt_templates()[prompt.template_number], component.structure, *place, space));
            EXPECT_EQ(prompt.position, position_class(*place));
            EXPECT_THAT(prompt.answer, HasSubstr(position_text(*place, space, PositionDetail::whole)));
        }
        for (size_t c = 0; c < scene.components.size(); ++c) {
            for (size_t t = 0; t < prompt_templates().size(); ++t) {
                const auto& one = prompt_templates()[t];
                bool alone = position_of(scene.components[c].box, scene.size, kOnes, space).has_value();
                const auto own = questions(one, scene.components[c], scene);
                for (size_t other = 0; alone && other < scene.components.size(); ++other) {
                    if (other == c) continue;
                    const auto theirs = questions(one, scene.components[other], scene);
                    alone = !theirs.contains(*own.begin());
                }
                EXPECT_EQ(found.contains({c, t}), alone) << c << " " << one.question;
                ++(alone ? emitted : refused);
            }
        }
    }
    EXPECT_GE(emitted, 500U);
    EXPECT_GE(refused, 500U);
}

TEST(PromptTemplates, TwoKidneysAreToldApartByTheirSideOnly) {
    const core::Index3 size{10, 10, 10};
    const std::vector<PromptComponent> kidneys{{.structure = "kidney", .box = {{1, 1, 1}, {2, 2, 2}}},
                                               {.structure = "kidney", .box = {{1, 1, 7}, {2, 2, 2}}}};
    size_t of_first = 0;
    for (const auto& prompt : prompts_of(kidneys, size, kOnes, PositionSpace::patient, "ct")) {
        const auto kind = prompt_templates()[prompt.template_number].kind;
        EXPECT_TRUE(kind == PromptKind::position || kind == PromptKind::side) << prompt.question;
        EXPECT_THAT(prompt.question, HasSubstr(prompt.component == 0 ? "left" : "right"));
        EXPECT_TRUE(prompt.states_position);
        of_first += prompt.component == 0;
    }
    EXPECT_EQ(of_first, 22U);
}

TEST(PromptTemplates, WithoutAModalityNoQuestionTellsIt) {
    const std::vector<PromptComponent> one{{.structure = "liver", .box = {{1, 1, 1}, {2, 2, 2}}}};
    const core::Index3 size{10, 10, 10};
    EXPECT_EQ(prompts_of(one, size, kOnes, PositionSpace::patient, "CT").size(), 55U);
    const auto prompts = prompts_of(one, size, kOnes, PositionSpace::patient, "");
    EXPECT_EQ(prompts.size(), 44U);
    for (const auto& prompt : prompts) {
        EXPECT_EQ(prompt.states_position, prompt_templates()[prompt.template_number].states_position());
    }
    EXPECT_TRUE(prompts_of({}, size, kOnes, PositionSpace::patient, "CT").empty());
}

TEST(PromptTemplates, ANameThatTellsASideStatesThePosition) {
    EXPECT_TRUE(states_position("Segment the kidney_LEFT."));
    EXPECT_TRUE(states_position("Segment the central zone."));
    EXPECT_TRUE(states_position("Segment the lower lobe."));
    EXPECT_FALSE(states_position("Segment the leftover liver."));
}

TEST(PromptTemplates, TheirVocabularyKnowsEveryPromptAndAnswer) {
    const std::vector<std::string> modalities{"X-ray"};
    for (const auto space : {PositionSpace::image, PositionSpace::patient}) {
        const auto vocabulary = Vocabulary::of_texts(prompt_texts(kNames, modalities, space), space);
        const auto scene = random_scene(1710, 3, space);
        for (const auto& prompt : prompts_of(scene.components, scene.size, kOnes, space, "X-ray")) {
            for (const auto& text : {prompt.question, prompt.answer}) {
                EXPECT_EQ(words_of(vocabulary.decode(vocabulary.encode(text, 40))), words_of(text));
            }
        }
        EXPECT_LT(vocabulary.size(), 150);
    }
}

}  // namespace
}  // namespace vox::data
