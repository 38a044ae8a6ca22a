// Words and tokens against scikit-learn's CountVectorizer (tools/golden/prompt_words.py), and what is refused.

#include "data/prompt_words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "core/error.hpp"
#include "data/prompt_templates.hpp"
#include "support/golden.hpp"

namespace vox::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr size_t kSpecial = 3;

std::string refusal(const std::function<void()>& work) {
    try {
        work();
    } catch (const core::DataError& error) {
        return error.what();
    }
    return "no complaint";
}

Vocabulary of_organs() {
    const std::vector<std::string> structures{"kidney_left", "kidney_right", "liver"}, modalities{"CT"};
    return Vocabulary::of_texts(prompt_texts(structures, modalities, PositionSpace::patient), PositionSpace::patient);
}

TEST(PromptWords, WordsAndTheirOrderAreThoseOfScikitLearn) {
    const auto golden = test::golden_json("prompt_words");
    std::vector<std::string> texts;
    for (const auto& entry : golden.at("texts")) texts.push_back(entry.at("text"));
    const auto expected = golden.at("words").get<std::vector<std::string>>();
    const auto vocabulary = Vocabulary::of_texts(texts, PositionSpace::image);  // each side has its counterpart there
    const auto& words = vocabulary.words();
    EXPECT_THAT(std::vector(words.begin(), words.begin() + kSpecial), ElementsAre("<pad>", "<bos>", "<eos>"));
    EXPECT_EQ(std::vector(words.begin() + kSpecial, words.end()), expected);
    for (const auto& entry : golden.at("texts")) {
        const std::string text = entry.at("text");
        EXPECT_EQ(words_of(text), entry.at("words").get<std::vector<std::string>>()) << text;
        std::vector<int64_t> tokens{Vocabulary::kBegin};
        for (const auto& token : entry.at("tokens")) tokens.push_back(token.get<int64_t>() + int64_t{kSpecial});
        tokens.push_back(Vocabulary::kEnd);
        EXPECT_EQ(vocabulary.encode(text, 64), tokens) << text;
    }
}

TEST(PromptWords, NeitherOrderNorNumberOfTextsMatters) {
    const std::vector<std::string> one{"the liver", "a lung, the left"}, other{"LUNG left", "liver the a", "the the"};
    const auto words = Vocabulary::of_texts(one, PositionSpace::image).words();
    EXPECT_EQ(words, Vocabulary::of_texts(other, PositionSpace::image).words());
    EXPECT_THAT(words, ElementsAre("<pad>", "<bos>", "<eos>", "a", "left", "liver", "lung", "right", "the"));
    EXPECT_EQ(Vocabulary(words).words(), words);
}

TEST(PromptWords, EveryPromptAndAnswerReadsBack) {
    const auto vocabulary = of_organs();
    for (const auto& one : prompt_templates()) {
        for (const auto text : {one.question, one.answer}) {
            // Placeholders are words of braces, filled here by words of the vocabulary.
            std::string plain(text);
            for (const std::string gap : {"{structure}", "{position}", "{modality}"}) {
                for (size_t at = plain.find(gap); at != std::string::npos; at = plain.find(gap)) {
                    plain.replace(at, gap.size(), "liver");
                }
            }
            const auto tokens = vocabulary.encode(plain, 64);
            EXPECT_EQ(vocabulary.encode(vocabulary.decode(tokens), 64), tokens) << text;
            EXPECT_EQ(words_of(vocabulary.decode(tokens)), words_of(plain)) << text;
        }
    }
    EXPECT_EQ(vocabulary.decode(std::vector<int64_t>{1, 0, vocabulary.encode("liver", 3)[1], 2, 4, 5}), "liver");
    EXPECT_EQ(vocabulary.decode({}), "");
}

TEST(PromptWords, AnUnknownWordIsNamedWithTheNearestOne) {
    const auto vocabulary = of_organs();
    const auto message = refusal([&] { vocabulary.encode("Segment the kidny.", 16); });
    EXPECT_THAT(message, HasSubstr("'kidny'"));
    EXPECT_THAT(message, HasSubstr("did you mean 'kidney'?"));
    EXPECT_THAT(message, HasSubstr("Segment the kidny."));
    const auto far_off = refusal([&] { vocabulary.encode("segment the xyzzyqqq", 16); });
    EXPECT_THAT(far_off, HasSubstr("'xyzzyqqq'"));
    EXPECT_THAT(far_off, Not(HasSubstr("did you mean")));
    // Special words cannot be typed, and are not proposed.
    EXPECT_THAT(refusal([&] { vocabulary.encode("bos", 16); }), Not(HasSubstr("'<bos>'")));
}

TEST(PromptWords, EmptyAndOverLongPromptsAreRefused) {
    const auto vocabulary = of_organs();
    for (const std::string text : {"", "  ", "?!,"}) {
        EXPECT_THAT(refusal([&] { vocabulary.encode(text, 16); }), HasSubstr("has no word")) << text;
    }
    EXPECT_EQ(vocabulary.encode("segment the liver", 5).size(), 5U);
    const auto message = refusal([&] { vocabulary.encode("segment the liver", 4); });
    EXPECT_THAT(message, HasSubstr("has 3 words; 2 is the most"));
}

TEST(PromptWords, AListThatIsNoVocabularyIsRefused) {
    const auto complaint = [](std::vector<std::string> words) {
        return refusal([&] { Vocabulary{std::move(words)}; });
    };
    EXPECT_EQ(complaint({"<pad>", "<bos>", "<eos>", "a"}), "no complaint");
    EXPECT_THAT(complaint({"<pad>", "<bos>"}), HasSubstr("2 words"));
    EXPECT_THAT(complaint({"<pad>", "<eos>", "<bos>", "a"}), HasSubstr("'<eos>' cannot be word 1"));
    EXPECT_THAT(complaint({"<pad>", "<bos>", "<eos>", "a", "a"}), HasSubstr("'a' cannot be word 4"));
    EXPECT_THAT(complaint({"<pad>", "<bos>", "<eos>", "A"}), HasSubstr("'A'"));
    EXPECT_THAT(complaint({"<pad>", "<bos>", "<eos>", "two words"}), HasSubstr("'two words'"));
    EXPECT_THROW(of_organs().decode(std::vector<int64_t>{-1}), core::InternalError);
    EXPECT_THROW(of_organs().decode(std::vector{of_organs().size()}), core::InternalError);
}

TEST(PromptWords, BytesBeyondAsciiArePartsOfWords) { EXPECT_THAT(words_of("ﾉΑ-Ärzte"), ElementsAre("ﾉΑ", "Ärzte")); }

TEST(PromptWords, FlipsExchangeSides) {
    const auto patient = PositionSpace::patient, image = PositionSpace::image;
    const std::string text = "The kidney_left, in the left superior anterior octant.";
    EXPECT_EQ(exchange_sides(text, patient, {false, false, false}),
              "the kidney left in the left superior anterior octant");
    EXPECT_EQ(exchange_sides(text, patient, {false, false, true}),
              "the kidney right in the right superior anterior octant");
    EXPECT_EQ(exchange_sides(text, patient, {false, true, false}),
              "the kidney left in the left superior posterior octant");
    EXPECT_EQ(exchange_sides(text, patient, {true, false, false}),
              "the kidney left in the left inferior anterior octant");
    EXPECT_EQ(exchange_sides("top left bottom", image, {true, true, true}), "bottom right top");
    EXPECT_EQ(exchange_sides("top superior", patient, {true, true, true}), "top inferior");
}

TEST(PromptWords, TokensAreExchangedAsTextsAre) {
    const auto vocabulary = of_organs();
    const std::string text = "Segment the left kidney in the left superior anterior octant near the centre";
    for (int flips = 0; flips < 8; ++flips) {
        const std::array<bool, 3> axes{(flips & 1) != 0, (flips & 2) != 0, (flips & 4) != 0};
        const auto table = vocabulary.exchanged(PositionSpace::patient, axes);
        auto tokens = vocabulary.encode(text, 64);
        for (auto& token : tokens) token = table[static_cast<size_t>(token)];
        EXPECT_EQ(tokens, vocabulary.encode(exchange_sides(text, PositionSpace::patient, axes), 64));
        EXPECT_EQ(tokens == vocabulary.encode(text, 64), flips == 0);
    }
    EXPECT_THROW(Vocabulary({"<pad>", "<bos>", "<eos>", "left"}).exchanged(PositionSpace::image, {true, true, true}),
                 core::InternalError);
}

TEST(PromptWords, FlipsThatWouldRenameAStructureAreTold) {
    const std::vector<std::string> chest{"lung_left", "lung_right", "superior vena cava"};
    EXPECT_EQ(flips_that_rename(chest, PositionSpace::patient), (std::array{true, false, false}));
    EXPECT_EQ(flips_that_rename(chest, PositionSpace::image), (std::array{false, false, false}));
    EXPECT_EQ(flips_that_rename(std::vector<std::string>{"Anterior-Horn"}, PositionSpace::patient),
              (std::array{false, true, false}));
}

}  // namespace
}  // namespace vox::data
