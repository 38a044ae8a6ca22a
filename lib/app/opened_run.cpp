#include "app/opened_run.hpp"

#include "app/result_files.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/loader.hpp"
#include "tasks/make_predictor.hpp"
#include "tasks/open_shards.hpp"
#include "train/validation.hpp"

namespace vox::app {

using core::concat;
using core::DataError;

OpenedRun open_run(comm::World& world, const RunToEvaluate& what) {
    OpenedRun opened;
    world.together("opening run and shards", [&] {
        opened.trained = tasks::load_trained(what.run, what.best);
        opened.reader = tasks::open_shards(what.shards, opened.trained.config, 0, /*may_lack_column=*/true);
        const auto left_out = tasks::tell_left_out(*opened.reader);
        if (world.is_root() && !left_out.empty()) core::log::warning(left_out);
        if (opened.reader->split(what.split).empty())
            throw DataError(concat("the split '", what.split, "' of ", what.shards.string(), " is empty"));
    });
    return opened;
}

void refuse_label_figures(const RunToEvaluate& what, const tasks::TrainedRun& trained) {
    if (!what.change_metrics) return;
    auto options = trained.config.metrics;
    const auto before = options;
    what.change_metrics(options);
    if (options != before)
        throw core::UsageError(concat("the run is of the task ", trained.config.task,
                                      ": figures of label maps (--surface-distances, --lesions, --empty-rule, ...) are "
                                      "none of it"));
}

tasks::ForetoldFold foretell_split(comm::World& world, const RunToEvaluate& what, const OpenedRun& opened,
                                   at::Device device) {
    const auto& [trained, reader] = opened;
    refuse_label_figures(what, trained);
    if (trained.config.survival.is_regression())
        throw DataError(
            "the run foretells columns of a table (survival.objective: regression), which have no figures "
            "of survival: train another run from its weights (train.init_from)");
    std::unique_ptr<tasks::SurvivalPredictor> predictor;
    world.together("loading the model", [&] {
        predictor = tasks::make_survival_predictor(opened.trained, device);
        check_channels(*opened.reader, what.shards, predictor->facts().channels);
    });
    const auto& data = trained.config.data;
    const auto cases = train::cases_of(*reader, what.split);
    const auto results = train::figures_of_cases(cases, world, "foretelling", [&](size_t i) {
        const auto sample = data::load_case(*opened.reader, cases[i].index, data.intensities(), data.whole());
        const double risk = predictor->evaluate(sample).front();
        return train::CaseFigures{cases[i].id, tasks::person_figures(risk, tasks::outcome_of(*sample.info)),
                                  std::nullopt};
    });
    const auto& facts = predictor->facts();
    return {what.run.string(), tasks::judged_people(results), facts.training, facts.log_hazard};
}

}  // namespace vox::app
