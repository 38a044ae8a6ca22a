// How a run ends before its last step: validations that no longer get better.

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "train/trainer_rig.hpp"

namespace vox::train {
namespace {

using test::plain_options;
using test::Rig;
using test::SharedFolder;
using test::world;
using testing::HasSubstr;

/// Twelve steps with a validation after each; three without progress end the run.
Options stopping_options() {
    auto options = plain_options(12);
    options.validate_every_steps = 1;
    options.early_stopping.patience = 3;
    return options;
}

/// The rest of a run from its newest checkpoint; step s (from 1) has the figure figures[s - 1], the last one for ever.
/// The last rank is asked to stop during step `stop_at` (0: none).
int64_t go_on(const std::filesystem::path& run, const Options& options, const std::vector<double>& figures,
              int64_t stop_at = 0, const std::function<Phase(const Progress&)>& phases = nullptr) {
    Rig rig(options, run);
    rig.task.phase_of = phases;
    rig.task.figure_of = [&] {
        const auto step = static_cast<size_t>(rig.trainer->steps_done());
        return figures[std::min(step, figures.size()) - 1];
    };
    rig.task.on_prepare = [&] {
        if (rig.trainer->steps_done() + 1 == stop_at && world().rank() == world().size() - 1) std::raise(SIGUSR1);
    };
    rig.trainer->resume(checkpoint::newest_valid(run / "checkpoints"));
    EXPECT_EQ(rig.trainer->run(), stop_at > 0 ? core::ExitCode::stopped : core::ExitCode::done);
    const auto steps = world().gather(std::to_string(rig.trainer->steps_done()));
    EXPECT_THAT(steps, testing::Each(steps.front())) << "all ranks end at the same step";
    return rig.trainer->steps_done();
}

std::string text_of(const std::filesystem::path& file) {
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

/// The last line of kind "final".
nlohmann::json final_line(const std::filesystem::path& run) {
    nlohmann::json last;
    std::istringstream in(text_of(run / "metrics.jsonl"));
    for (std::string line; std::getline(in, line);) {
        auto parsed = nlohmann::json::parse(line);
        if (parsed["kind"] == "final") last = std::move(parsed);
    }
    return last;
}

TEST(TrainerEnd, ValidationsWithoutProgressEndTheRunWhichIsSavedAndStaysEnded) {
    const SharedFolder run;
    const std::vector<double> figures{0.1, 0.4, 0.3, 0.5, 0.5, 0.4, 0.45};
    for (int time = 0; time < 2; ++time) {
        EXPECT_EQ(go_on(run.path, stopping_options(), figures), 7) << "the best is step 4; 5, 6 and 7 are no better";
        const auto newest = checkpoint::newest_valid(run.path / "checkpoints");
        ASSERT_TRUE(newest.has_value());
        EXPECT_EQ(newest->step, 7);
        EXPECT_EQ(checkpoint::best_valid(run.path / "checkpoints")->step, 4);
        const std::string why = "early stopping: figure is no better than 0.5 after 3 validations without progress";
        EXPECT_EQ(final_line(run.path)["ended"], why);
        EXPECT_EQ(final_line(run.path)["steps"], 7);
        EXPECT_THAT(text_of(run.path / "report.html"), HasSubstr(why));
        world().barrier();
    }
    auto patient = stopping_options();
    patient.early_stopping.patience = 5;
    EXPECT_EQ(go_on(run.path, patient, figures), 9) << "with more patience it trains on";
}

TEST(TrainerEnd, WithoutPatienceARunGoesToItsLastStep) {
    const SharedFolder run;
    auto options = stopping_options();
    options.early_stopping.patience = 0;
    EXPECT_EQ(go_on(run.path, options, {0.5}), 12);
    EXPECT_EQ(final_line(run.path)["ended"], "all 12 steps are done");
}

TEST(TrainerEnd, MinDeltaSaysWhatIsProgress) {
    const SharedFolder run;
    const std::vector<double> figures{0.50, 0.52, 0.54, 0.56, 0.58, 0.60, 0.61, 0.61, 0.61};
    auto options = stopping_options();
    EXPECT_EQ(go_on(run.path / "any", options, figures), 10);
    options.early_stopping.min_delta = 0.09;
    EXPECT_EQ(go_on(run.path / "absolute", options, figures), 4) << "0.56 is not 0.09 above 0.50";
    options.early_stopping.min_delta_mode = "relative";
    EXPECT_EQ(go_on(run.path / "relative", options, figures), 7)
        << "0.56 is 0.09 * 0.50 above 0.50, 0.61 is not of 0.56";
}

TEST(TrainerEnd, AResumeInTheMiddleOfTheCountGoesOnCounting) {
    const SharedFolder run;
    const std::vector<double> figures{0.5, 0.4, std::nan(""), 0.4};
    EXPECT_EQ(go_on(run.path / "whole", stopping_options(), figures), 4) << "not a number is no progress";
    for (const int64_t stop : {2, 3}) EXPECT_EQ(go_on(run.path / "parts", stopping_options(), figures, stop), stop);
    EXPECT_EQ(final_line(run.path / "parts")["ended"], "stopped by request, and saved; start again to go on");
    EXPECT_EQ(go_on(run.path / "parts", stopping_options(), figures), 4);
    const auto whole = checkpoint::load(checkpoint::find(run.path / "whole"));
    const auto parts = checkpoint::load(checkpoint::find(run.path / "parts"));
    EXPECT_EQ(parts.manifest.scalars.at("early_stopping.without_progress"), 3);
    EXPECT_EQ(parts.manifest.scalars.at("early_stopping.best"), 0.5);
    ASSERT_EQ(parts.model.size(), whole.model.size());
    for (size_t i = 0; i < whole.model.size(); ++i)
        EXPECT_TRUE(at::equal(parts.model[i].value, whole.model[i].value)) << whole.model[i].name;
}

TEST(TrainerEnd, EachPhaseCountsAnewAndARunThatEndedWithAPhaseStaysEnded) {
    const auto phases = [](const Progress& progress) {
        return progress.step < 4 ? Phase{"head", {"encoder."}, 4} : Phase{"all", {}, 0};
    };
    const SharedFolder run;
    EXPECT_EQ(go_on(run.path / "anew", stopping_options(), {0.9, 0.8, 0.9, 0.91, 0.5}, 0, phases), 8)
        << "0.5 is the first figure of its phase; three more are no better";
    for (int time = 0; time < 2; ++time)
        EXPECT_EQ(go_on(run.path / "border", stopping_options(), {0.9}, 0, phases), 4) << "the last step of its phase";
}

TEST(TrainerEnd, CountingNeedsSomethingToCount) {
    const SharedFolder run;
    Rig rig(stopping_options(), run.path);  // the task has no validation case
    try {
        rig.start();
        ADD_FAILURE() << "accepted";
    } catch (const core::ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("no case to validate with"));
    }
    auto document =
        config::Document::parse("{steps: 5, validate_every_epochs: 0, early_stopping: {patience: 3}}", "test");
    EXPECT_THROW(Options().read(document.root()), core::ConfigError);
}

TEST(TrainerEnd, PlateauTakesAFigureThatIsNotANumberAsNoProgress) {
    const SharedFolder run;
    auto options = plain_options(4);
    options.validate_every_steps = 1;
    options.schedule.name = "plateau";
    options.schedule.plateau_patience = 1;
    options.schedule.plateau_factor = 0.5;
    EXPECT_EQ(go_on(run.path, options, {0.5, std::nan(""), std::nan(""), 0.4}), 4);
    std::istringstream in(text_of(run.path / "metrics.jsonl"));
    std::vector<double> rates;
    for (std::string line; std::getline(in, line);) {
        const auto parsed = nlohmann::json::parse(line);
        if (parsed["kind"] == "step") rates.push_back(parsed["lr"]);
    }
    EXPECT_THAT(rates, testing::ElementsAre(0.05, 0.05, 0.05, 0.025));
}

}  // namespace
}  // namespace vox::train
