#include "config/section.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.hpp"

namespace vox::config {
namespace {

using core::ConfigError;
using testing::HasSubstr;

struct Options {
    int64_t steps = 10;
    double rate = 0.5;
    bool amp = false;
    std::string name = "net";
    std::string kind = "cosine";
    std::vector<int64_t> crop{64, 64, 64};
    void read(Section section) {
        section.alias("num_steps", "steps");
        section.value("steps", steps, "steps to train");
        section.value("rate", rate, "learning rate");
        section.value("amp", amp, "mixed precision");
        section.value("name", name, "name");
        section.choice("kind", kind, {"cosine", "poly"}, "schedule");
        section.value("crop", crop, "crop [D,H,W]");
    }
};

Options read(Document& document) {
    Options options;
    options.read(document.root().section("train", "training"));
    document.finish();
    return options;
}

Options read(const std::string& yaml) {
    auto document = Document::parse(yaml, "test.yaml");
    return read(document);
}

std::string message_of(const std::string& yaml) {
    try {
        read(yaml);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Section, DefaultsStayWhereTheFileIsSilent) {
    const auto options = read("");
    EXPECT_EQ(options.steps, 10);
    EXPECT_EQ(options.crop, (std::vector<int64_t>{64, 64, 64}));
}

TEST(Section, TakesEveryType) {
    const auto options = read("train: {steps: 7, rate: 1e-3, amp: true, name: '12', kind: poly, crop: [1, 2, 3]}");
    EXPECT_EQ(options.steps, 7);
    EXPECT_DOUBLE_EQ(options.rate, 1e-3);
    EXPECT_TRUE(options.amp);
    EXPECT_EQ(options.name, "12");
    EXPECT_EQ(options.kind, "poly");
    EXPECT_EQ(options.crop, (std::vector<int64_t>{1, 2, 3}));
}

TEST(Section, MisspeltKeyNamesItsPlaceAndTheNearestKey) {
    EXPECT_THAT(message_of("train:\n  stesp: 7\n"), HasSubstr("test.yaml:2: unknown key 'train.stesp'"));
    EXPECT_THAT(message_of("train:\n  stesp: 7\n"), HasSubstr("did you mean 'train.steps'?"));
    EXPECT_THAT(message_of("trian:\n  steps: 7\n"), HasSubstr("did you mean 'train'?"));
}

TEST(Section, WrongTypesAreErrorsThatNameTheKey) {
    EXPECT_THAT(message_of("train: {steps: 1.5}"), HasSubstr("'train.steps' must be a whole number, not '1.5'"));
    EXPECT_THAT(message_of("train: {steps: '5'}"), HasSubstr("must be a whole number"));
    EXPECT_THAT(message_of("train: {amp: 1}"), HasSubstr("must be true or false"));
    EXPECT_THAT(message_of("train: {rate: nan}"), HasSubstr("must be a number"));
    EXPECT_THAT(message_of("train: {crop: 5}"), HasSubstr("must be a list of whole numbers"));
    EXPECT_THAT(message_of("train: {crop: [1, x]}"), HasSubstr("must be a list of whole numbers"));
    EXPECT_THAT(message_of("train: 5"), HasSubstr("'train' must be a mapping"));
    EXPECT_THAT(message_of("train: {kind: cosin}"), HasSubstr("did you mean 'cosine'?"));
}

TEST(Section, DuplicateKeysSyntaxAndDepthAreErrors) {
    EXPECT_THAT(message_of("train: {steps: 1, steps: 2}"), HasSubstr("'steps' is given twice"));
    EXPECT_THAT(message_of("train: [1, 2"), HasSubstr("not valid YAML"));
    EXPECT_THAT(message_of("train: " + std::string(40, '[') + std::string(40, ']')), HasSubstr("nested deeper"));
    EXPECT_THROW(Document::parse(R"({"a": 1, "a": 2})", "x.json", true), ConfigError);
}

TEST(Section, JsonWithCommentsIsRead) {
    auto document = Document::parse("{ // the run\n \"train\": {\"steps\": 3, \"name\": \"7\"} }", "x.json", true);
    const auto options = read(document);
    EXPECT_EQ(options.steps, 3);
    EXPECT_EQ(options.name, "7");
}

TEST(Section, CommandLineBeatsEnvironmentBeatsFile) {
    auto document = Document::parse("train: {steps: 1, rate: 0.1, name: a}", "x.yaml");
    setenv("VOX_TRAIN__STEPS", "2", 1);
    setenv("VOX_TRAIN__RATE", "0.2", 1);
    setenv("VOX_UNRELATED", "1", 1);
    document.set_from_environment({"VOX_UNRELATED", "VOX_SOURCE_DIR", "VOX_BUILD_DIR", "VOX_PYTHON"});
    unsetenv("VOX_TRAIN__STEPS");
    unsetenv("VOX_TRAIN__RATE");
    unsetenv("VOX_UNRELATED");
    document.set("train.steps=3");
    document.set("train.crop=[4, 5, 6]");
    const auto options = read(document);
    EXPECT_EQ(options.steps, 3);
    EXPECT_DOUBLE_EQ(options.rate, 0.2);
    EXPECT_EQ(options.name, "a");
    EXPECT_EQ(options.crop, (std::vector<int64_t>{4, 5, 6}));
}

TEST(Section, SetWithoutValueIsAUsageErrorAndBelowAScalarAConfigError) {
    Document document;
    EXPECT_THROW(document.set("train.steps"), core::UsageError);
    document.set("train.steps=3");
    EXPECT_THROW(document.set("train.steps.more=3"), ConfigError);
}

TEST(Section, AliasStandsForItsKeyAndBothIsAnError) {
    EXPECT_EQ(read("train: {num_steps: 8}").steps, 8);
    EXPECT_THAT(message_of("train: {num_steps: 8, steps: 9}"), HasSubstr("give only one of them"));
}

/// What two mappings of a list say, and whether anything is left.
std::vector<int64_t> steps_of(const std::string& yaml) {
    auto document = Document::parse(yaml, "test.yaml");
    std::vector<int64_t> steps;
    for (auto& one : document.root().sections("parts")) one.value("steps", steps.emplace_back(), "steps");
    document.finish();
    return steps;
}

std::string refusal_of(const std::string& yaml) {
    try {
        steps_of(yaml);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(Sections, AreTheMappingsOfAListAndNameTheirPlace) {
    EXPECT_EQ(steps_of("parts: [{steps: 3}, {steps: 4}]"), (std::vector<int64_t>{3, 4}));
    EXPECT_EQ(steps_of("parts: []"), std::vector<int64_t>{});
    EXPECT_EQ(steps_of("{}"), std::vector<int64_t>{});
    EXPECT_THAT(refusal_of("parts: [{steps: 3}, {stepz: 4}]"),
                HasSubstr("'parts[1].stepz'; did you mean 'parts[1].steps'?"));
    EXPECT_THAT(refusal_of("parts: [{steps: few}]"), HasSubstr("'parts[0].steps' must be a whole number, not 'few'"));
    EXPECT_THAT(refusal_of("parts: [{steps: 3}, 4]"), HasSubstr("'parts[1]' must be a mapping"));
    EXPECT_THAT(refusal_of("parts: {steps: 3}"), HasSubstr("'parts' must be a list of mappings"));
    EXPECT_THAT(refusal_of("part: [{steps: 3}]"), HasSubstr("did you mean 'parts'?"));
}

TEST(Document, TextsAreSetAsTheyAreAndPathsAreFound) {
    auto document = Document::parse("train: {steps: 7}", "x.yaml");
    document.set_text("train.name", "it's [1, 2]: #c");
    EXPECT_EQ(read(document).name, "it's [1, 2]: #c");
    EXPECT_TRUE(document.has("train.steps"));
    EXPECT_TRUE(document.has("train"));
    EXPECT_FALSE(document.has("train.rate"));
    EXPECT_FALSE(document.has("steps"));
}

TEST(Document, ResolvedYamlReadsBackTheSame) {
    auto document = Document::parse("train: {steps: 7, rate: 1e-3, name: 'a \"b\": #c', crop: [1, 2, 3]}", "x.yaml");
    read(document);
    const std::string resolved = document.resolved_yaml();
    auto again = Document::parse(resolved, "resolved.yaml");
    const auto options = read(again);
    EXPECT_EQ(options.steps, 7);
    EXPECT_EQ(options.name, "a \"b\": #c");
    EXPECT_EQ(again.resolved_yaml(), resolved);
    EXPECT_THAT(resolved, HasSubstr("# steps to train"));
}

}  // namespace
}  // namespace vox::config
