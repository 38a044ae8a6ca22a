#include "tasks/survival.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "comm/local_communicator.hpp"
#include "core/error.hpp"
#include "metrics/survival_baseline.hpp"
#include "ops/random_scope.hpp"
#include "support/temporary_folder.hpp"
#include "tasks/make_task.hpp"
#include "tasks/refusal.hpp"
#include "tasks/survival_dataset.hpp"
#include "tasks/survival_figures.hpp"

namespace vox::tasks {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

TaskConfig config_of(const std::string& objective = "cox") {
    TaskConfig config;
    config.task = "survival";
    config.model = nn::ModelOptions::of("resnet_3d");
    config.resnet_3d.architecture = "resnet10";
    config.resnet_3d.block_inplanes = {2, 2, 4, 4};
    config.resnet_3d.conv1_t_size = 3;
    config.resnet_3d.tabular.fusion = "concatenation";
    config.resnet_3d.tabular.hidden_channels = 4;
    config.survival.objective = objective;
    config.survival.eval_times = {2, 4};
    config.data.resize = {8, 8, 8};
    config.data.crop_size.clear();
    config.data.foreground_ratio = config.data.flip_probability = 0;
    config.data.intensity_scale = config.data.intensity_shift = 0;
    config.data.normalisation = "zscore";
    config.data.threads = 1;
    return config;
}

/// Six to learn from, two of whom have an event at one time, and three to judge by.
const std::filesystem::path& shards() {
    static const test::TemporaryFolder folder;
    static const bool made = [] {
        const auto one = [](const char* id, const char* split, const char* time, const char* event, const char* age) {
            return test::Person{
                id, split, {{"time", time}, {"event", event}, {"age", age}, {"sex", age[1] < '5' ? "f" : "m"}}};
        };
        test::make_people(
            folder.path(),
            {one("a", "train", "1", "1", "61"), one("b", "train", "3", "1", "54"), one("c", "train", "3", "1", "48"),
             one("d", "train", "4", "0", "77"), one("e", "train", "2", "0", "39"), one("f", "train", "5", "0", "66"),
             one("v", "val", "1.5", "1", "70"), one("w", "val", "2.5", "0", "58"), one("x", "val", "4.5", "1", "44")});
        return true;
    }();
    (void)made;
    return folder.path();
}

struct Made {
    explicit Made(const TaskConfig& config, int64_t items = 6)
        : comm(at::kCPU),
          task(make_task(config, {shards(), items, at::kDouble}, comm)),
          model(dynamic_cast<nn::ResNet3d&>(task->model())) {}
    comm::LocalCommunicator comm;
    std::unique_ptr<train::Task> task;
    nn::ResNet3d& model;
};

/// What is known of the training cases, in the order of a batch.
struct Known {
    double time = 0;
    bool event = false;
    double age = 0;
};
const std::map<std::string, Known> kKnown{{"a", {1, true, 61}},  {"b", {3, true, 54}},  {"c", {3, true, 48}},
                                          {"d", {4, false, 77}}, {"e", {2, false, 39}}, {"f", {5, false, 66}}};

/// Risks of a batch: age scaled, then f and m.
std::vector<double> risks_of(Made& made, const data::Batch& batch) {
    double mean = 0, squares = 0;
    for (const auto& [id, one] : kKnown) mean += one.age / 6;
    for (const auto& [id, one] : kKnown) squares += (one.age - mean) * (one.age - mean) / 6;
    const at::Tensor rows = at::empty({batch.size(), 3}, at::kDouble);
    for (int64_t b = 0; b < batch.size(); ++b) {
        const auto& one = kKnown.at(batch.case_ids[static_cast<size_t>(b)]);
        rows[b][0] = (one.age - mean) / std::sqrt(squares);
        const bool f = std::fmod(one.age, 10) < 5;
        rows[b][1] = f ? 1.0 : 0.0;
        rows[b][2] = f ? 0.0 : 1.0;
    }
    const at::Tensor said = made.model.forward(batch.image, rows).contiguous();
    return {said.const_data_ptr<double>(), said.const_data_ptr<double>() + said.numel()};
}

TEST(Survival, LossIsThePartialLikelihoodOfTheBatch) {
    const at::NoGradGuard no_grad;
    for (const std::string ties : {"breslow", "efron"}) {
        auto config = config_of();
        config.survival.ties = ties;
        Made made(config);
        const auto batch = made.task->train_data().next(1)[0];
        ASSERT_EQ(made.task->terms().size(), 1U);
        EXPECT_EQ(made.task->terms()[0].name, "cox");
        EXPECT_EQ(made.task->weights(batch), std::vector<double>{3});
        const auto risks = risks_of(made, batch);
        std::map<std::string, double> hazard;
        for (size_t b = 0; b < 6; ++b) hazard[batch.case_ids[b]] = std::exp(risks[b]);
        // At 1 all six are at risk; at 3, where b and c have their event, d and f besides.
        double expected = std::log(hazard["a"] + hazard["b"] + hazard["c"] + hazard["d"] + hazard["e"] + hazard["f"]) -
                          std::log(hazard["a"]);
        const double both = hazard["b"] + hazard["c"], others = hazard["d"] + hazard["f"];
        expected += std::log(both + others) + std::log((ties == "efron" ? both / 2 : both) + others) -
                    std::log(hazard["b"]) - std::log(hazard["c"]);
        EXPECT_NEAR(made.task->loss_sums(batch)[0].item<double>(), expected, 1e-10) << ties;
    }
}

TEST(Survival, PairsAreCountedBeforeTheStep) {
    const at::NoGradGuard no_grad;
    Made made(config_of("concordance"));
    auto batches = made.task->train_data().next(1);
    made.task->prepare(batches);
    // a comes before five others; b and c each before d and f, e left earlier.
    EXPECT_EQ(made.task->weights(batches[0]), std::vector<double>{9});
    const auto risks = risks_of(made, batches[0]);
    double expected = 0;
    for (size_t i = 0; i < 6; ++i)
        for (size_t j = 0; j < 6; ++j) {
            const auto &one = kKnown.at(batches[0].case_ids[i]), &other = kKnown.at(batches[0].case_ids[j]);
            if (one.event && one.time < other.time) expected += std::log2(1 + std::exp(risks[j] - risks[i]));
        }
    EXPECT_NEAR(made.task->loss_sums(batches[0])[0].item<double>(), expected, 1e-10);
}

TEST(Survival, ARegressionForetellsTheTable) {
    const at::NoGradGuard no_grad;
    auto config = config_of("regression");
    config.resnet_3d.tabular = {};
    config.survival.features = {"age"};
    Made made(config);
    const auto batch = made.task->train_data().next(1)[0];
    EXPECT_EQ(made.task->weights(batch), std::vector<double>{6});
    const at::Tensor said = made.model.forward(batch.image);
    ASSERT_EQ(said.size(1), 1);
    double mean = 0, squares = 0, expected = 0;
    for (const auto& [id, one] : kKnown) mean += one.age / 6;
    for (const auto& [id, one] : kKnown) squares += (one.age - mean) * (one.age - mean) / 6;
    for (int64_t b = 0; b < 6; ++b) {
        const double wanted = (kKnown.at(batch.case_ids[static_cast<size_t>(b)]).age - mean) / std::sqrt(squares);
        expected += std::pow(said[b][0].item<double>() - wanted, 2);
    }
    EXPECT_NEAR(made.task->loss_sums(batch)[0].item<double>(), expected, 1e-10);
    EXPECT_TRUE(made.task->cases_behind_best().empty());
    EXPECT_EQ(made.task->key_metric().name, "mse");
    // What infer writes is in the column's own unit.
    data::ShardReader reader(shards(), size_t{1} << 20);
    const auto values = made.task->predictor()
                            .predict(data::load_case(reader, 0, config.data.intensities(), config.data.whole()))
                            .values;
    ASSERT_EQ(values.size(), 1U);
    EXPECT_EQ(values[0].first, "age");
    EXPECT_NEAR(values[0].second, mean, 60);
}

TEST(Survival, TheLastLayersLearnAloneForAWhile) {
    auto config = config_of();
    config.survival.freeze_epochs = 2;
    Made made(config, 3);  // two steps an epoch
    const auto head = made.task->phase({0, 0});
    EXPECT_EQ(head.name, "head");
    EXPECT_EQ(head.steps, 4);
    std::set<std::string> free;
    for (const auto& parameter : made.model.named_parameters()) {
        const bool frozen =
            std::ranges::any_of(head.frozen, [&](const auto& prefix) { return parameter.key().starts_with(prefix); });
        if (!frozen) free.insert(parameter.key().substr(0, parameter.key().find('.')));
    }
    EXPECT_THAT(free, UnorderedElementsAre("fc", "tabular"));
    EXPECT_EQ(made.task->phase({3, 1}).name, "head");
    EXPECT_EQ(made.task->phase({4, 2}).name, "train");
    EXPECT_TRUE(made.task->phase({4, 2}).frozen.empty());
}

TEST(Survival, EveryBatchHasItsEvents) {
    auto config = config_of();
    config.survival.events_per_batch = 1;
    Made made(config, 2);
    for (int step = 0; step < 30; ++step) {
        const auto batch = made.task->train_data().next(1)[0];
        EXPECT_EQ(made.task->weights(batch)[0], 1) << step;  // three batches, three events
    }
    config.survival.events_per_batch = 2;
    EXPECT_THROW(Made(config, 2), core::ConfigError);
}

TEST(Survival, TheBaselineIsThatOfTheTrainingCasesUnderTheValidatedWeights) {
    const at::NoGradGuard no_grad;
    Made made(config_of());
    std::vector<train::CaseFigures> behind, validated;
    for (const auto& one : made.task->cases_behind_best()) behind.push_back(made.task->validate_case(one, false));
    for (const auto& one : made.task->validation_cases()) validated.push_back(made.task->validate_case(one, false));
    ASSERT_EQ(behind.size(), 6U);
    ASSERT_EQ(validated.size(), 3U);
    std::map<std::string, double> hazard;
    for (const auto& one : behind) hazard[one.case_id] = std::exp(one.figures[0].second);
    const auto findings = made.task->behind_best(behind, validated);
    auto texts = made.task->facts();
    texts.insert(findings.facts.begin(), findings.facts.end());
    const auto facts = SurvivalFacts::from_texts(texts);
    ASSERT_TRUE(facts.log_hazard);
    const double at_1 = 1 / (hazard["a"] + hazard["b"] + hazard["c"] + hazard["d"] + hazard["e"] + hazard["f"]);
    const double at_3 = at_1 + 2 / (hazard["b"] + hazard["c"] + hazard["d"] + hazard["f"]);
    EXPECT_NEAR(std::exp(facts.log_hazard->at(2)), at_1, 1e-12);
    EXPECT_NEAR(std::exp(facts.log_hazard->at(3)), at_3, 1e-12);
    EXPECT_TRUE(std::ranges::any_of(findings.figures, [](const auto& one) { return one.first == "ibs"; }));
    // The figures of the validation come from the same cases.
    EXPECT_EQ(made.task->summarise(validated),
              risk_figures(judged_people(validated), facts.training, config_of().survival));
    // The network is left as it was: in training mode.
    EXPECT_TRUE(made.model.is_training());
}

TEST(Survival, WhatWouldChangeNothingOrCannotBeIsRefused) {
    EXPECT_EQ(test::refusal_of_configuration("task: survival"), "");
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"{task: survival, data: {resize: [], crop_size: [8, 8, 8]}}", "a risk belongs to the whole case"},
        {"{task: survival, model: {name: segresnet}}", "cannot train the network 'segresnet'"},
        {"{task: segmentation, model: {name: resnet_3d}}", "say task: survival"},
        {"{task: segmentation, resnet_3d: {architecture: resnet18}}", "has no effect with task 'segmentation'"},
        {"{task: synthesis, survival: {freeze_epochs: 2}}", "has no effect with task 'synthesis'"},
        {"{task: survival, infer: {overlap: 0.25}}", "has no effect with task 'survival'"},
        {"{task: survival, survival: {objective: concordance, ties: breslow}}", "ties is of objective: cox"},
        {"{task: survival, survival: {objective: regression, events_per_batch: 2}}",
         "events_per_batch changes nothing"},
        {"{task: survival, survival: {eval_times: [2, 1]}}", "must be positive numbers that rise"},
        {"{task: survival, survival: {eval_times: []}}", "must be positive numbers that rise"},
        {"{task: survival, survival: {risk_groups: 1}}", "risk_groups must be"}};
    for (const auto& [yaml, words] : wrong) EXPECT_THAT(test::refusal_of_configuration(yaml), HasSubstr(words)) << yaml;
    auto config = config_of();
    config.survival.features = {};
    EXPECT_THROW(Made{config}, core::ConfigError);  // a fusion of nothing
}

}  // namespace
}  // namespace vox::tasks
