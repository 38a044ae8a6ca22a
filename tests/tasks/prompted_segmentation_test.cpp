#include "tasks/prompted_segmentation.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "comm/local_communicator.hpp"
#include "core/error.hpp"
#include "ops/random_scope.hpp"
#include "support/temporary_folder.hpp"
#include "tasks/make_task.hpp"
#include "tasks/open_shards.hpp"
#include "tasks/prompted_dataset.hpp"
#include "tasks/refusal.hpp"

namespace vox::tasks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TaskConfig config_of(const std::vector<std::string>& prompts = {"words", "points", "boxes"}) {
    TaskConfig config;
    config.task = "prompted_segmentation";
    config.model = nn::ModelOptions::of("prompted_segmentor");
    auto& network = config.prompted_segmentor;
    network.channels = {4, 8};
    network.norm_groups = 4;
    network.token_channels = 16;
    network.heads = 2;
    network.text_blocks = network.answer_blocks = network.fusion_blocks = 1;
    network.dropout_prob = 0;
    config.prompted.prompts = prompts;
    config.data.resize = {8, 8, 8};
    config.data.crop_size.clear();
    config.data.foreground_ratio = 0;
    config.data.intensity_scale = config.data.intensity_shift = 0;
    config.data.normalisation = "zscore";
    config.data.flip_axes = {0, 1, 2};
    config.data.threads = 1;
    return config;
}

const std::filesystem::path& shards() {
    static const test::TemporaryFolder folder;
    static const bool made = [] {
        test::make_prompted(folder.path(), 4);
        return true;
    }();
    (void)made;
    return folder.path();
}

struct Made {
    explicit Made(const TaskConfig& config, int64_t items = 4)
        : reader(shards(), size_t{1} << 20),
          comm(at::kCPU),
          facts(prompted_facts(reader)),
          network(facts.complete(config.prompted_segmentor)),
          questioner(facts, network, config.prompted),
          task(make_task(config, {shards(), items, at::kDouble}, comm)) {}
    const data::CaseInfo& info(const std::string& id) const {
        return *std::ranges::find(reader.cases(), id, &data::CaseInfo::id);
    }
    data::ShardReader reader;
    comm::LocalCommunicator comm;
    PromptedFacts facts;
    nn::PromptedSegmentorOptions network;
    Questioner questioner;
    std::unique_ptr<train::Task> task;
};

/// Where the mean voxel of a mask [D,H,W] lies, in voxels.
core::Double3 middle_of(const at::Tensor& mask) {
    const auto voxels = mask.nonzero().to(at::kDouble).mean(0);
    return {voxels[0].item<double>(), voxels[1].item<double>(), voxels[2].item<double>()};
}

TEST(PromptedSegmentation, WhatIsAskedFlipsWithTheImage) {
    const auto config = config_of();
    Made made(config);
    auto& loader = made.task->train_data();
    std::set<PromptForm> forms;
    int flipped = 0;
    for (int step = 0; step < 40; ++step) {
        const auto batch = loader.next(1)[0];
        for (int64_t b = 0; b < batch.size(); ++b) {
            const auto& info = made.info(batch.case_ids[static_cast<size_t>(b)]);
            const auto& key = batch.keys[static_cast<size_t>(b)];
            const auto flips = data::draw_augmentation(config.data.augmentation(), key).flip;
            flipped += flips[2] ? 1 : 0;
            const auto asked = made.questioner.draw(info, key, flips);
            forms.insert(asked.form);
            const auto& target = info.prompts.targets[asked.target];
            const auto mask = batch.label[b].eq(target.value);
            // Everything that is said is true of the label as it lies after the flip.
            const auto middle = middle_of(mask);
            const auto position = data::position_of_class(asked.position, made.facts.space);
            for (size_t axis = 0; axis < 3 && !position.centre; ++axis)
                EXPECT_EQ(position.high[axis], middle[axis] > 3.5) << info.id;
            if (asked.form == PromptForm::points) {
                ASSERT_EQ(asked.points.size(), 1U);
                std::array<int64_t, 3> voxel{};
                for (size_t a = 0; a < 3; ++a) voxel[a] = static_cast<int64_t>(asked.points[0].place[a] * 8);
                EXPECT_TRUE(mask[voxel[0]][voxel[1]][voxel[2]].item<bool>()) << info.id;
            } else if (asked.form == PromptForm::boxes) {
                ASSERT_EQ(asked.points.size(), 2U);
                for (size_t a = 0; a < 3;
                     ++a) {  // a cube of 2 voxels around its middle, each side moved by up to a tenth
                    EXPECT_NEAR(asked.points[0].place[a] * 8, middle[a] + 0.5 - 1, 0.2 + 1e-9);
                    EXPECT_NEAR(asked.points[1].place[a] * 8, middle[a] + 0.5 + 1, 0.2 + 1e-9);
                }
            } else {
                const auto words = made.facts.vocabulary.decode(asked.words);
                if (words.find(" left ") != std::string::npos) {
                    EXPECT_LT(middle[2], 3.5) << words;
                }
                if (words.find(" superior ") != std::string::npos) {
                    EXPECT_GT(middle[0], 3.5) << words;
                }
                const auto answer = made.facts.vocabulary.decode(asked.answer);
                EXPECT_THAT(answer, HasSubstr(middle[1] > 3.5 ? "anterior" : "posterior"));
            }
        }
    }
    EXPECT_EQ(forms.size(), 3U);
    EXPECT_GT(flipped, 20);
}

TEST(PromptedSegmentation, LossesAreThoseOfTorch) {
    const at::NoGradGuard no_grad;
    auto config = config_of();
    config.prompted.position_weight = 0.3;
    config.prompted.answer_weight = 0.7;
    Made made(config);
    auto& model = dynamic_cast<nn::PromptedSegmentor&>(made.task->model());
    ASSERT_EQ(made.task->terms().size(), 4U);
    EXPECT_EQ(made.task->terms()[2].coefficient, 0.3);
    EXPECT_EQ(made.task->terms()[3].coefficient, 0.7);
    const auto batch = made.task->train_data().next(1)[0];
    std::vector<Question> questions;
    std::vector<at::Tensor> masks;
    double words = 0;
    for (size_t b = 0; b < batch.case_ids.size(); ++b) {
        const auto& info = made.info(batch.case_ids[b]);
        const auto flips = data::draw_augmentation(config.data.augmentation(), batch.keys[b]).flip;
        questions.push_back(made.questioner.draw(info, batch.keys[b], flips));
        const auto& asked = questions.back();
        masks.push_back(batch.label[static_cast<int64_t>(b)].eq(info.prompts.targets[asked.target].value));
        if (!asked.answer.empty()) words += static_cast<double>(asked.answer.size()) - 1;
        if (asked.form == PromptForm::points) questions.back().points = {*random_point(masks.back(), batch.keys[b])};
    }
    EXPECT_THAT(made.task->weights(batch), ElementsAre(4, 4, 4, words));
    auto inputs = inputs_of(batch.image, questions, made.network);
    inputs.answers = answers_of(questions, made.network, at::kCPU);
    const auto said = model.forward(inputs);
    const auto sums = made.task->loss_sums(batch);
    double bce = 0, position = 0, answer = 0;
    for (int64_t b = 0; b < 4; ++b) {
        const auto& asked = questions[static_cast<size_t>(b)];
        bce += at::binary_cross_entropy_with_logits(said.mask[b][0], masks[static_cast<size_t>(b)].to(at::kDouble))
                   .item<double>();
        position -= said.position[b].log_softmax(0)[asked.position].item<double>();
        for (size_t t = 0; t + 1 < asked.answer.size(); ++t)
            answer -= said.answer[b][static_cast<int64_t>(t)].log_softmax(0)[asked.answer[t + 1]].item<double>();
    }
    EXPECT_NEAR(sums[0].item<double>(), bce, 1e-10);
    EXPECT_NEAR(sums[2].item<double>(), position, 1e-10);
    EXPECT_NEAR(sums[3].item<double>(), answer, 1e-9);
}

TEST(PromptedSegmentation, ValidationAsksForEachThingInEveryForm) {
    const at::NoGradGuard no_grad;
    auto config = config_of();
    Made made(config);
    const auto cases = made.task->validation_cases();
    ASSERT_EQ(cases.size(), 2U);
    std::vector<train::CaseFigures> results;
    for (const auto& one : cases) results.push_back(made.task->validate_case(one, true));
    const auto& info = made.info(cases[0].id);
    const auto asked = made.questioner.of_case(info, 0);
    ASSERT_EQ(asked.size(), 8U);  // two things; two questions, a point and a box each
    EXPECT_EQ(std::ranges::count(asked, PromptForm::words, &Question::form), 4);
    EXPECT_EQ(std::ranges::count(asked, size_t{1}, &Question::target), 4);
    EXPECT_EQ(std::ranges::count(results[0].figures, "dice", [](const auto& one) { return one.first; }), 8);
    ASSERT_TRUE(results[0].preview);
    const auto summary = made.task->summarise(results);
    std::map<std::string, double> figures(summary.begin(), summary.end());
    double dice = 0, worst = 0;
    for (const auto& one : results) {
        double least = 2;
        for (const auto& [name, value] : one.figures) {
            if (name != "dice") continue;
            dice += value / 16;
            least = std::min(least, value);
        }
        worst += least / 2;
    }
    EXPECT_NEAR(figures.at("dice"), dice, 1e-12);
    EXPECT_NEAR(figures.at("dice_worst"), worst, 1e-12);
    // Of questions that name the thing only; a point or a box tells where it is.
    int64_t open = 0;
    for (const auto& one : asked) open += one.states_position ? 0 : 1;
    EXPECT_GT(open, 0);
    EXPECT_LE(open, 4);
    EXPECT_EQ(std::ranges::count(results[0].figures, "position_accuracy", [](const auto& one) { return one.first; }),
              open);
    config.prompted.validation_questions = 0;
    EXPECT_EQ(Made(config).questioner.of_case(info, 0).size(), info.prompts.questions.size() + 4);
    EXPECT_TRUE(made.task->model().is_training());
}

/// A question, and what was answered to it.
JudgedQuestion judged(double dice, double other, std::optional<bool> position) {
    return {.form = PromptForm::words,
            .dice = dice,
            .iou = dice / (2 - dice),
            .dice_other = other,
            .position_right = position,
            .answer_right = {}};
}

TEST(PromptedFigures, AreMeansOverQuestionsNotOverCases) {
    const std::vector<JudgedQuestion> one{judged(1, 0, true), judged(0.5, 0.2, std::nullopt), judged(0.3, 0.4, false)};
    const std::vector<JudgedQuestion> two{judged(0.8, std::nan(""), true)};
    const std::vector<train::CaseFigures> cases{{"a", prompted_figures(one), {}}, {"b", prompted_figures(two), {}}};
    const auto summary = summarise_prompted(cases);
    const std::map<std::string, double> figures(summary.begin(), summary.end());
    EXPECT_NEAR(figures.at("dice"), 2.6 / 4, 1e-12);
    EXPECT_NEAR(figures.at("iou"), (1 + 0.5 / 1.5 + 0.3 / 1.7 + 0.8 / 1.2) / 4, 1e-12);
    EXPECT_NEAR(figures.at("dice_worst"), (0.3 + 0.8) / 2, 1e-12);
    EXPECT_NEAR(figures.at("dice_other"), 0.6 / 3, 1e-12);
    EXPECT_NEAR(figures.at("position_accuracy"), 2.0 / 3, 1e-12);  // the second question stated it
    EXPECT_FALSE(figures.contains("answer_match"));
    const auto table = prompted_table(cases);
    ASSERT_EQ(table.rows.size(), 2U);
    EXPECT_NEAR(table.rows[0].values[0], 0.6, 1e-12);
}

TEST(PromptedSegmentation, WhatCannotBeAskedIsRefused) {
    EXPECT_EQ(test::refusal_of_configuration("task: prompted_segmentation"), "");
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"{task: prompted_segmentation, data: {resize: [], crop_size: [8, 8, 8]}}", "not of a crop of it"},
        {"{task: prompted_segmentation, data: {spatial: {rotate_probability: 0.5}}}",
         "no longer where its prompt says"},
        {"{task: prompted_segmentation, model: {name: segresnet}}", "cannot train the network 'segresnet'"},
        {"{task: segmentation, prompted_segmentor: {heads: 4}}", "has no effect with task 'segmentation'"},
        {"{task: survival, prompted_segmentation: {box_jitter: 0.2}}", "has no effect with task 'survival'"},
        {"{task: prompted_segmentation, prompted_segmentation: {prompts: [word]}}", "must be different ones of words"},
        {"{task: prompted_segmentation, prompted_segmentor: {heads: 3}}", "multiple of heads"},
        {"{task: prompted_segmentation, model: {activation_checkpointing: true}}", "activation_checkpointing is of"}};
    for (const auto& [yaml, words] : wrong) EXPECT_THAT(test::refusal_of_configuration(yaml), HasSubstr(words)) << yaml;
    auto config = config_of();
    config.data.resize = {9, 8, 8};
    EXPECT_THROW(Made{config}, core::ConfigError);
    config = config_of();
    config.prompted_segmentor.most_tokens = 5;
    EXPECT_THROW(Made{config}, core::DataError);  // longer questions
    Made made(config_of());
    auto& predictor = dynamic_cast<PromptedPredictor&>(made.task->predictor());
    EXPECT_THROW(predictor.set_prompt("Segment the lesoin."), core::DataError);
    const auto stored = data::load_case(made.reader, 0, data::Normalisation::none, {});
    EXPECT_THROW(predictor.predict(stored), core::UsageError);  // nobody said what
    predictor.set_prompt("Segment the lesion in the left posterior inferior octant.");
    EXPECT_EQ(predictor.predict(stored).label_map.sizes(), at::IntArrayRef({8, 8, 8}));
}

/// Of eight cases two have no thing at all, and one has things that no question means alone.
TEST(PromptedSegmentation, CasesWithoutAnythingToAskAreLeftOut) {
    const test::TemporaryFolder folder;
    std::vector<data::CaseData> cases;
    for (int i = 0; i < 8; ++i) {
        cases.push_back(test::make_case("case_" + std::to_string(i), data::VoxelType::int16,
                                        static_cast<unsigned>(i) + 1, {8, 8, 8}));
        cases.back().info.split = i < 5 ? "train" : "val";
        if (i == 2 || i == 6) {
            test::put_things(cases.back(), {});
        } else {
            test::put_things(cases.back(), {{1, {0, 1, 1}}, {2, {3, 3, 3}}});
        }
        if (i == 1) cases.back().info.prompts.questions.clear();
    }
    test::make_dataset(folder.path(), cases);

    comm::LocalCommunicator comm(at::kCPU);
    const auto trained = [&](const std::vector<std::string>& prompts) {
        const auto config = config_of(prompts);
        const auto task = make_task(config, {folder.path(), 4, at::kDouble}, comm);
        std::set<std::string> ids;
        for (int step = 0; step < 4; ++step) {
            const auto batch = task->train_data().next(1)[0];
            ids.insert(batch.case_ids.begin(), batch.case_ids.end());
            task->loss_sums(batch);
        }
        std::vector<std::string> validated;
        for (const auto& one : task->validation_cases()) {
            validated.push_back(one.id);
            EXPECT_FALSE(task->validate_case(one, false).figures.empty());
        }
        EXPECT_THAT(validated, ElementsAre("case_5", "case_7"));
        EXPECT_THAT(
            tell_left_out(*open_shards(folder.path(), config)),
            HasSubstr(prompts.size() == 1 ? "3 of 8 cases: case_1, case_2, case_6" : "2 of 8 cases: case_2, case_6"));
        return ids;
    };
    EXPECT_THAT(trained({"words"}), ElementsAre("case_0", "case_3", "case_4"));
    EXPECT_THAT(trained({"words", "boxes"}), ElementsAre("case_0", "case_1", "case_3", "case_4"));
    auto other = config_of();
    other.task = "segmentation";  // has a use for all of them
    EXPECT_EQ(tell_left_out(*open_shards(folder.path(), other)), "");
}

TEST(PromptedFacts, ComeBackFromTheCheckpoint) {
    Made made(config_of());
    const auto facts = PromptedFacts::from_texts(made.task->facts());
    EXPECT_EQ(facts.vocabulary.words(), made.facts.vocabulary.words());
    EXPECT_EQ(facts.channels, made.facts.channels);
    EXPECT_EQ(facts.space, data::PositionSpace::patient);
    auto texts = made.task->facts();
    texts["space"] = "elsewhere";
    EXPECT_THROW(PromptedFacts::from_texts(texts), core::DataError);
}

}  // namespace
}  // namespace vox::tasks
