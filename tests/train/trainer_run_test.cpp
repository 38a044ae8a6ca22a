// Whole runs of the trainer: validation, averages, schedules, phases, stop, checkpoints and what goes on from them.

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.hpp"
#include "train/trainer_rig.hpp"

namespace vox::train {
namespace {

using test::difference;
using test::plain_options;
using test::Rig;
using test::SharedFolder;
using test::world;
using testing::HasSubstr;

/// All lines of one kind, on every rank.
std::vector<nlohmann::json> lines(const std::filesystem::path& run, const std::string& kind) {
    std::vector<nlohmann::json> found;
    std::ifstream in(run / "metrics.jsonl");
    for (std::string line; std::getline(in, line);) {
        auto parsed = nlohmann::json::parse(line);
        if (parsed["kind"] == kind) found.push_back(std::move(parsed));
    }
    return found;
}

checkpoint::Manifest manifest_of(const std::filesystem::path& run, int64_t step) {
    char name[32];
    std::snprintf(name, sizeof name, "step_%08lld", static_cast<long long>(step));
    for (const auto& entry : std::filesystem::directory_iterator(run / "checkpoints"))
        if (entry.path().filename().string().starts_with(name)) return checkpoint::peek(checkpoint::find(entry.path()));
    throw std::runtime_error(std::string(name) + " is not there");
}

// ---- Validation, schedules, averages

TEST(TrainerRun, ValidationSeesTheAveragesAndTrainingGoesOnWithTheWeights) {
    const SharedFolder run;
    auto options = plain_options(5);
    options.ema.enabled = true;
    options.ema.decay = 0.5;
    options.ema.warmup = false;
    options.validate_every_steps = 1;
    Rig rig(options, run.path);
    std::vector<at::Tensor> weights, seen;  // before each step; in each validation
    rig.task.on_prepare = [&] { weights.push_back(rig.encoder()); };
    rig.task.figure_of = [&] {
        if (seen.size() < weights.size()) seen.push_back(rig.encoder());
        return 1.0;
    };
    rig.start();
    EXPECT_EQ(rig.trainer->run(), core::ExitCode::done);
    weights.push_back(rig.encoder());
    ASSERT_EQ(seen.size(), 5u) << "three cases: one for each rank";
    at::Tensor average = weights[0];
    for (size_t step = 1; step <= 5; ++step) {
        average = average * 0.5 + weights[step] * 0.5;
        EXPECT_GT(difference(average, weights[step]), 1e-4);
        EXPECT_LE(difference(seen[step - 1], average), 1e-13);
    }
    auto plain = options;  // the weights are those of a run without averages and validation
    plain.ema.enabled = false;
    plain.validate_every_steps = 0;
    Rig other(plain, run.path / "plain");
    other.start();
    other.trainer->run();
    EXPECT_TRUE(at::equal(other.encoder(), rig.encoder()));
}

TEST(TrainerRun, PlateauFollowsTheKeyMetric) {
    const SharedFolder run;
    auto options = plain_options(6);
    options.validate_every_steps = 1;
    options.schedule.name = "plateau";
    options.schedule.plateau_patience = 1;
    options.schedule.plateau_factor = 0.5;
    Rig rig(options, run.path);
    const std::vector<double> figures{0.1, 0.5, 0.4, 0.4, 0.6, 0.7};  // no progress at 3 and 4
    rig.task.figure_of = [&] { return figures[static_cast<size_t>(rig.trainer->steps_done() - 1)]; };
    rig.start();
    rig.trainer->run();
    std::vector<double> rates;
    for (const auto& line : lines(run.path, "step")) rates.push_back(line["lr"]);
    EXPECT_THAT(rates, testing::ElementsAre(0.05, 0.05, 0.05, 0.05, 0.025, 0.025));
}

std::vector<int64_t> steps_of(const std::vector<nlohmann::json>& found) {
    std::vector<int64_t> steps;
    for (const auto& line : found) steps.push_back(line["step"]);
    return steps;
}

TEST(TrainerRun, LogsAndValidatesWhenItIsTold) {
    const SharedFolder run;
    auto options = plain_options(10);
    options.log_every = 4;
    options.validate_every_epochs = 2;  // an epoch has 3 steps
    Rig rig(options, run.path / "epochs");
    rig.task.figure_of = [] { return 0.5; };
    rig.start();
    rig.trainer->run();
    EXPECT_THAT(steps_of(lines(run.path / "epochs", "step")), testing::ElementsAre(1, 4, 8, 10));
    EXPECT_THAT(steps_of(lines(run.path / "epochs", "validation")), testing::ElementsAre(6, 10));
    options.validate_every_epochs = 0;
    options.validate_every_steps = 4;
    Rig other(options, run.path / "steps");
    other.task.figure_of = [] { return 0.5; };
    other.start();
    other.trainer->run();
    EXPECT_THAT(steps_of(lines(run.path / "steps", "validation")), testing::ElementsAre(4, 8, 10));
}

TEST(TrainerRun, EpochsSayHowManySteps) {
    const SharedFolder run;
    auto options = plain_options(0);
    options.epochs = 2;
    Rig rig(options, run.path);
    EXPECT_EQ(rig.trainer->total_steps(), 6);
}

TEST(TrainerRun, BucketsHaveTheConfiguredSize) {
    const SharedFolder run;
    for (const auto& [bucket_mb, buckets] : {std::pair<int64_t, size_t>{1, 3}, {2, 2}, {8, 1}}) {
        auto options = plain_options(1);
        options.bucket_mb = bucket_mb;
        Rig rig(options, run.path / std::to_string(bucket_mb));
        for (const char* name : {"a", "b", "c"})  // 0.76 MiB each
            rig.task.net->register_parameter(name, at::zeros({100000}, at::kDouble));
        rig.start();
        EXPECT_EQ(rig.trainer->reducer().buckets().size(), buckets) << bucket_mb << " MiB";
    }
}

TEST(TrainerRun, ReplicasThatDriftApartStopTheRun) {
    if (world().size() == 1) GTEST_SKIP() << "one rank has no replicas";
    for (const int64_t every : {1, 4}) {
        const SharedFolder run;
        auto options = plain_options(8);
        options.replica_check_every = every;
        Rig rig(options, run.path);
        rig.task.on_prepare = [&] {
            const at::NoGradGuard no_grad;
            if (rig.trainer->steps_done() == 1 && world().rank() == world().size() - 1)
                rig.task.net->encoder->weight += 1e-9;
        };
        rig.start();
        EXPECT_THROW(rig.trainer->run(), core::InternalError);
        EXPECT_EQ(rig.trainer->steps_done(), every == 1 ? 2 : 4);
    }
}

// ---- Phases

/// Three steps of the head alone, then everything.
Phase head_first(const Progress& progress) {
    if (progress.step < 3) return {"head", {"encoder."}, 3};
    return {"all", {}, 0};
}

Options phased_options() {
    auto options = plain_options(8);
    options.optimizer.momentum = 0.9;
    options.schedule.name = "cosine";
    options.validate_every_steps = 1;
    options.ema.enabled = true;
    return options;
}

TEST(TrainerPhases, FrozenPartsStayInEvalAndEverythingStartsAnew) {
    const SharedFolder run;
    auto saving = Rig::never_saves();
    saving.keep_last = 100;
    Rig rig(phased_options(), run.path, 4, saving);
    rig.task.phase_of = head_first;
    rig.task.figure_of = [&] {
        return rig.trainer->steps_done() <= 3 ? 0.9 : 2.0 / static_cast<double>(rig.trainer->steps_done());
    };
    const auto start = rig.encoder();
    std::vector<at::Tensor> encoders;
    rig.task.on_loss = [&] {
        encoders.push_back(rig.encoder());
        EXPECT_EQ(rig.task.net->encoder->is_training(), rig.trainer->steps_done() >= 3);
        EXPECT_TRUE(rig.task.net->head->is_training());
        EXPECT_TRUE(rig.task.net->is_training());
    };
    rig.start();
    EXPECT_EQ(rig.trainer->run(), core::ExitCode::done);
    ASSERT_EQ(encoders.size(), 8u);
    for (size_t step = 0; step <= 3; ++step) EXPECT_TRUE(at::equal(encoders[step], start)) << step;
    EXPECT_GT(difference(encoders[4], start), 1e-4);
    std::vector<double> shares;
    for (const auto& line : lines(run.path, "step")) shares.push_back(line["lr"].get<double>() / 0.05);
    const auto cosine = [](double progress) { return (1 + std::cos(3.14159265358979323846 * progress)) / 2; };
    std::vector<testing::Matcher<double>> expected;
    for (const double progress : {0.0, 1. / 3, 2. / 3, 0.0, 0.2, 0.4, 0.6, 0.8})
        expected.push_back(testing::DoubleNear(cosine(progress), 1e-12));
    EXPECT_THAT(shares, testing::ElementsAreArray(expected));
    const auto last = manifest_of(run.path, 8);
    EXPECT_EQ(last.phase, "all");
    EXPECT_EQ(last.scalars.at("best/figure"), 0.5) << "the best of the phase before does not count";
    EXPECT_EQ(checkpoint::best_valid(run.path / "checkpoints")->step, 4);
}

TEST(TrainerPhases, WhatCannotBeFrozenIsRefused) {
    const SharedFolder run;
    for (const auto& [prefix, message] :
         {std::pair{"decoder.", "no parameter of the model begins so"}, {"", "freezes every parameter"}}) {
        Rig rig(plain_options(2), run.path / prefix);
        rig.task.phase_of = [&](const Progress&) { return Phase{"odd", {prefix}, 0}; };
        try {
            rig.start();
            ADD_FAILURE() << "'" << prefix << "' was accepted";
        } catch (const core::ConfigError& error) {
            EXPECT_THAT(error.what(), HasSubstr(message));
        }
    }
}

// ---- Stop, save, resume

/// The rest of a run from its newest checkpoint, a stop asked for on the last rank only during step `stop_at` (0: none).
core::ExitCode go_on(const std::filesystem::path& run, const Options& options, int64_t stop_at,
                     const std::function<void(Rig&)>& adjust) {
    Rig rig(options, run);
    adjust(rig);
    const auto before = rig.task.on_prepare;
    rig.task.on_prepare = [&, before] {
        if (before) before();
        if (rig.trainer->steps_done() + 1 == stop_at && world().rank() == world().size() - 1) std::raise(SIGUSR1);
    };
    rig.trainer->resume(checkpoint::newest_valid(run / "checkpoints"));
    const auto code = rig.trainer->run();
    EXPECT_EQ(rig.trainer->steps_done(), stop_at > 0 ? stop_at : options.steps);
    world().barrier();
    return code;
}

void expect_same_bits(const checkpoint::NamedTensors& actual, const checkpoint::NamedTensors& expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (const auto& [name, value] : expected) {
        const auto other = std::ranges::find(actual, name, &checkpoint::NamedTensor::name);
        ASSERT_NE(other, actual.end()) << name;
        EXPECT_TRUE(at::equal(other->value, value)) << name;
    }
}

/// A run that is stopped at each of `stops` and goes on ends as one that is not.
void expect_exact_resume(const Options& options, const std::vector<int64_t>& stops,
                         const std::function<void(Rig&)>& adjust) {
    const SharedFolder run;
    EXPECT_EQ(go_on(run.path / "whole", options, 0, adjust), core::ExitCode::done);
    for (const int64_t stop : stops) {
        const auto code = go_on(run.path / "parts", options, stop, adjust);
        EXPECT_THAT(world().gather(std::to_string(static_cast<int>(code))), testing::Each("75"));
        EXPECT_EQ(checkpoint::newest_valid(run.path / "parts" / "checkpoints")->step, stop);
    }
    EXPECT_EQ(go_on(run.path / "parts", options, 0, adjust), core::ExitCode::done);
    const auto whole = checkpoint::load(checkpoint::find(run.path / "whole"));
    const auto parts = checkpoint::load(checkpoint::find(run.path / "parts"));
    expect_same_bits(parts.model, whole.model);
    expect_same_bits(parts.ema, whole.ema);
    expect_same_bits(parts.optimizer, whole.optimizer);
    EXPECT_EQ(parts.manifest.scalars, whole.manifest.scalars);
    EXPECT_EQ(parts.manifest.metric, whole.manifest.metric);
    EXPECT_EQ(parts.manifest.phase, whole.manifest.phase);
    EXPECT_EQ(steps_of(lines(run.path / "parts", "step")), steps_of(lines(run.path / "whole", "step")));
}

TEST(TrainerResume, BringsBackScaleScheduleAveragesAndCounters) {
    auto options = plain_options(9);
    options.precision = "fp16";
    options.optimizer.name = "adamw";
    options.schedule.name = "plateau";
    options.schedule.plateau_patience = 1;
    options.schedule.plateau_factor = 0.5;
    options.ema.enabled = true;
    options.validate_every_steps = 1;
    expect_exact_resume(options, {2, 4, 7}, [](Rig& rig) {
        rig.task.tokens_count = false;
        // Steps 2 and 3 overflow; the figure stands still from step 3 on.
        rig.task.on_prepare = [&rig] {
            const int64_t step = rig.trainer->steps_done() + 1;
            rig.task.magnify = step == 2 || step == 3 ? 1e4 : 1e-2;
        };
        rig.task.figure_of = [&rig] {
            return 0.1 * static_cast<double>(std::min<int64_t>(rig.trainer->steps_done(), 3));
        };
    });
}

TEST(TrainerResume, GoesOnInTheMiddleAndAtTheBorderOfPhases) {
    expect_exact_resume(phased_options(), {2, 3, 5}, [](Rig& rig) {
        rig.task.phase_of = head_first;
        rig.task.figure_of = [&rig] { return rig.trainer->steps_done() <= 3 ? 0.9 : 0.5; };
    });
}

// Rate and momentum follow from the step of the phase: nothing of them is stored.
TEST(TrainerResume, GoesOnInTheMiddleOfACycle) {
    auto options = phased_options();
    options.optimizer.name = "novograd";
    options.optimizer.amsgrad = true;
    options.schedule.name = "onecycle";
    expect_exact_resume(options, {2, 3, 5}, [](Rig& rig) {
        rig.task.phase_of = head_first;
        rig.task.figure_of = [] { return 0.5; };
    });
}

TEST(TrainerResume, AFinishedRunStaysFinished) {
    const SharedFolder run;
    auto options = phased_options();
    options.schedule.warmup_steps = 2;
    const auto adjust = [](Rig& rig) { rig.task.phase_of = head_first; };
    for (int time = 0; time < 2; ++time) EXPECT_EQ(go_on(run.path, options, 0, adjust), core::ExitCode::done);
    EXPECT_EQ(checkpoint::newest_valid(run.path / "checkpoints")->step, 8);
}

std::vector<int64_t> saved_steps(const std::filesystem::path& run) {
    std::vector<int64_t> steps;
    for (const auto& entry : std::filesystem::directory_iterator(run / "checkpoints"))
        if (entry.path().filename().string().starts_with("step_"))
            steps.push_back(std::stoll(entry.path().filename().string().substr(5)));
    std::ranges::sort(steps);
    return steps;
}

TEST(TrainerSaves, TheBestAndTheNewest) {
    const SharedFolder run;
    const std::vector<double> figures{0.1, 0.9, std::nan(""), 0.3, 0.9, 0.2};
    for (const bool keep_best : {true, false}) {
        const auto folder = run.path / (keep_best ? "best" : "newest");
        auto options = plain_options(6);
        options.validate_every_steps = 1;
        auto saving = Rig::never_saves();
        saving.keep_last = 1;
        saving.keep_best = keep_best;
        Rig rig(options, folder, 4, saving);
        rig.task.figure_of = [&] { return figures[static_cast<size_t>(rig.trainer->steps_done() - 1)]; };
        rig.start();
        rig.trainer->run();
        world().barrier();
        EXPECT_EQ(saved_steps(folder), keep_best ? (std::vector<int64_t>{2, 6}) : std::vector<int64_t>{6});
        EXPECT_EQ(manifest_of(folder, 6).scalars.at("best/figure"), 0.9);
    }
    EXPECT_EQ(checkpoint::best_valid(run.path / "best" / "checkpoints")->step, 2);
}

// A run that goes on under another key metric: millimetres are not compared with the Dice before.
TEST(TrainerSaves, AnotherKeyMetricStartsWithoutABest) {
    const SharedFolder run;
    auto options = plain_options(2);
    options.schedule.name = "plateau";
    options.schedule.plateau_patience = 0;
    options.schedule.plateau_factor = 0.5;
    {
        Rig rig(options, run.path);
        rig.task.figure_of = [] { return 0.1; };
        rig.start();
        rig.trainer->run();  // validates at its end
    }
    world().barrier();
    options.steps = 6;
    options.validate_every_steps = 1;
    Rig rig(options, run.path);
    rig.task.figure_of = [] { return 0.1; };
    rig.task.key = {"other", false};  // always 0.5
    rig.trainer->resume(checkpoint::newest_valid(run.path / "checkpoints"));
    rig.trainer->run();
    world().barrier();
    std::vector<double> rates;
    for (const auto& line : lines(run.path, "step")) rates.push_back(line["lr"]);
    EXPECT_THAT(rates, testing::ElementsAre(0.05, 0.05, 0.05, 0.05, 0.025, 0.0125)) << "0.5 is progress once";
    const auto last = manifest_of(run.path, 6);
    EXPECT_EQ(last.scalars.at("best/other"), 0.5);
    EXPECT_FALSE(last.scalars.contains("best/figure"));
    EXPECT_NE(checkpoint::best_valid(run.path / "checkpoints")->step, 2);
}

TEST(TrainerSaves, AFigureBelongsToTheStepThatWasValidated) {
    const SharedFolder run;
    auto options = plain_options(5);
    options.validate_every_steps = 2;
    auto saving = Rig::never_saves();
    saving.every_steps = 1;
    saving.keep_last = 10;
    Rig rig(options, run.path, 4, saving);
    rig.task.figure_of = [&] { return -static_cast<double>(rig.trainer->steps_done()); };  // ever worse
    rig.start();
    rig.trainer->run();
    world().barrier();
    EXPECT_THAT(saved_steps(run.path), testing::ElementsAre(1, 2, 3, 4, 5));
    EXPECT_FALSE(manifest_of(run.path, 1).metric);
    EXPECT_EQ(manifest_of(run.path, 4).metric->value, -4);
    EXPECT_FALSE(manifest_of(run.path, 3).metric) << "step 3 was not validated";
}

/// A start from `weights`, and what rank 0 says of it; on other ranks an empty text.
std::string start_from(Rig& rig) {
    testing::internal::CaptureStderr();
    try {
        rig.start();
    } catch (...) {
        testing::internal::GetCapturedStderr();
        throw;
    }
    const auto said = testing::internal::GetCapturedStderr();
    return world().is_root() ? said : "";
}

TEST(TrainerStart, InitFromTakesWhatFitsOnAllRanksAndSaysWhatDoesNot) {
    const SharedFolder run;
    auto options = plain_options(2);
    options.init_from = run.path / "half.safetensors";
    const at::Tensor given = at::tensor({1.5, -2.0, 0.25, 8.0}, at::kDouble).to(at::kHalf);
    world().on_root("writing weights", [&] {
        checkpoint::write_safetensors(options.init_from, {{"encoder.weight", given},
                                                          {"head.weight", at::tensor({1.0, 2.0, 3.0}, at::kFloat)},
                                                          {"encoder.wieght", given}});
    });
    Rig rig(options, run.path / "run", 4, Rig::never_saves(), /*start=*/9.0);
    const auto said = start_from(rig);
    EXPECT_TRUE(at::equal(rig.encoder(), given.to(at::kDouble)));
    EXPECT_TRUE(at::equal(rig.head(), at::full({4}, -9.0, at::kDouble)));
    if (world().is_root()) {
        EXPECT_THAT(said, HasSubstr("warning: starting from the weights of " + options.init_from +
                                    ": 1 of 3 tensors (4 of 9 values) are loaded; 2 of the model keep their initial"));
        EXPECT_THAT(said, HasSubstr("1 that are not in the file: forwards"));
        EXPECT_THAT(said, HasSubstr("head.weight Float[3] where Double[4] is needed"));
        EXPECT_THAT(said, HasSubstr("1 of the file that nothing here takes: encoder.wieght"));
    }
    rig.trainer->run();  // compares replicas
    EXPECT_EQ(rig.trainer->steps_done(), 2);

    options.init_from = run.path / "stranger.safetensors";
    world().on_root("writing weights",
                    [&] { checkpoint::write_safetensors(options.init_from, {{"encoder.wieght", given}}); });
    Rig stranger(options, run.path / "stranger", 4, Rig::never_saves(), /*start=*/9.0);
    EXPECT_THROW(start_from(stranger), core::ConfigError);
}

TEST(TrainerStart, InitFromTakesWeightsOnlyAndAveragesStartFromThem) {
    const SharedFolder run;
    auto options = plain_options(4);
    options.ema.enabled = true;
    options.ema.decay = 0.5;
    options.ema.warmup = false;
    go_on(run.path / "first", options, 0, [](Rig&) {});
    const auto given = checkpoint::load_weights(run.path / "first");
    const auto encoder = std::ranges::find(given, "encoder.weight", &checkpoint::NamedTensor::name)->value;

    options.steps = 1;
    options.init_from = run.path / "first";
    Rig rig(options, run.path / "second", 4, Rig::never_saves(), /*start=*/9.0);
    at::Tensor averaged;
    rig.task.figure_of = [&] {
        averaged = rig.encoder();
        return 1.0;
    };
    rig.start();
    EXPECT_TRUE(at::equal(rig.encoder(), encoder));
    EXPECT_EQ(rig.trainer->steps_done(), 0);
    rig.trainer->run();
    EXPECT_LE(difference(averaged, (encoder + rig.encoder()) * 0.5), 1e-13);
}

}  // namespace
}  // namespace vox::train
