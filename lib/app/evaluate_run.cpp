#include <algorithm>
#include <memory>

#include "app/evaluation.hpp"
#include "app/opened_run.hpp"
#include "app/result_files.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/loader.hpp"
#include "tasks/make_predictor.hpp"
#include "tasks/prompted_figures.hpp"
#include "tasks/segmentation_figures.hpp"
#include "tasks/survival_figures.hpp"
#include "tasks/synthesis.hpp"
#include "tasks/xray_to_ct_figures.hpp"
#include "train/validation.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::DataError;

/// A model may be judged on data with other label values, as long as they name the same regions.
void check_regions(const data::LabelScheme& model, const data::LabelScheme& shards) {
    const auto names = [](const data::LabelScheme& scheme) {
        std::vector<std::string> all;
        for (const auto& region : scheme.regions) all.push_back(region.name);
        return all;
    };
    if (names(model) != names(shards))
        throw DataError(concat("the model segments ", core::join(names(model)), ", the shards' labels know ",
                               core::join(names(shards))));
}

report::FiguresTable evaluate_segmentation(comm::World& world, const RunToEvaluate& what,
                                           const tasks::TrainedRun& trained, const data::ShardReader& reader,
                                           at::Device device) {
    std::unique_ptr<tasks::SegmentationPredictor> predictor;
    std::unique_ptr<tasks::SegmentationFigures> figures;
    world.together("loading the model", [&] {
        predictor = tasks::make_segmentation_predictor(trained, device);
        check_channels(reader, what.shards, predictor->facts().channels);
        check_regions(predictor->facts().scheme, reader.scheme());
        auto options = trained.config.metrics;
        if (what.change_metrics) what.change_metrics(options);
        figures = std::make_unique<tasks::SegmentationFigures>(options, reader.scheme());
    });
    const auto cases = train::labelled_cases(reader, what.split);
    if (cases.empty()) throw DataError(concat("no case of the split '", what.split, "' has a label to compare with"));
    const auto results = train::figures_of_cases(cases, world, "predicting", [&](size_t i) {
        const auto sample = data::load_case(reader, cases[i].index, trained.config.data.intensities());
        const auto prediction = predictor->predict(sample);
        return train::CaseFigures{
            cases[i].id,
            figures->of_case(tasks::judged(prediction, predictor->facts().scheme, sample, reader.scheme())),
            std::nullopt};
    });
    report::FiguresTable table{.columns = figures->columns(), .rows = {}, .note = figures->note(), .all_cases = {}};
    if (std::ranges::any_of(cases, [&](const auto& one) { return !reader.cases()[one.index].reference.empty(); }))
        table.note +=
            "\non the grid of the shards, to which cases were resampled; infer, then evaluate --predictions, "
            "scores on the files' own grid";
    for (const auto& one : results) table.rows.push_back({one.case_id, figures->row(one.figures)});
    table.all_cases = figures->beyond_columns(results);
    return table;
}

report::FiguresTable evaluate_synthesis(comm::World& world, const RunToEvaluate& what, const tasks::TrainedRun& trained,
                                        const data::ShardReader& reader, at::Device device) {
    refuse_label_figures(what, trained);
    std::unique_ptr<tasks::SynthesisPredictor> predictor;
    world.together("loading the model", [&] {
        predictor = tasks::make_synthesis_predictor(trained, device);
        check_channels(reader, what.shards, predictor->facts().channels);
    });
    const auto& facts = predictor->facts();
    const auto chosen = tasks::synthesis_cases(reader, what.split, facts);
    if (chosen.cases.empty())
        throw DataError(concat("no case of the split '", what.split, "' has the channel to compare with"));
    const auto results = train::figures_of_cases(chosen.cases, world, "generating", [&](size_t i) {
        const auto& one = chosen.cases[i];
        const auto judged = tasks::judge_synthesis(reader, one.index, chosen.channels.at(one.index), *predictor);
        return train::CaseFigures{one.id, tasks::synthesis_figures(judged.generated, judged.truth, facts),
                                  std::nullopt};
    });
    return tasks::synthesis_table(results);
}

report::FiguresTable evaluate_xray_to_ct(comm::World& world, const RunToEvaluate& what,
                                         const tasks::TrainedRun& trained, const data::ShardReader& reader,
                                         at::Device device) {
    refuse_label_figures(what, trained);
    std::unique_ptr<tasks::XrayToCtPredictor> predictor;
    world.together("loading the model", [&] {
        predictor = tasks::make_xray_to_ct_predictor(trained, device);
        check_channels(reader, what.shards, {"ct"});
    });
    const auto cases = train::cases_of(reader, what.split);
    const auto results = train::figures_of_cases(cases, world, "making CT volumes", [&](size_t i) {
        const auto judged = tasks::judge_xray_to_ct(reader, cases[i].index, *predictor);
        return train::CaseFigures{cases[i].id, tasks::xray_to_ct_figures(judged, predictor->facts()), std::nullopt};
    });
    return tasks::xray_to_ct_table(results, predictor->facts());
}

report::FiguresTable evaluate_prompted(comm::World& world, const RunToEvaluate& what, const tasks::TrainedRun& trained,
                                       const data::ShardReader& reader, at::Device device) {
    refuse_label_figures(what, trained);
    std::unique_ptr<tasks::PromptedPredictor> predictor;
    std::unique_ptr<tasks::Questioner> questioner;
    const auto cases = train::cases_of(reader, what.split);
    world.together("loading the model", [&] {
        predictor = tasks::make_prompted_predictor(trained, device);
        check_channels(reader, what.shards, predictor->facts().channels);
        questioner =
            std::make_unique<tasks::Questioner>(predictor->facts(), predictor->network(), trained.config.prompted);
        for (const auto& one : cases) questioner->check(reader.cases()[one.index]);
    });
    const auto seed = static_cast<uint64_t>(trained.config.seed);
    const auto results = train::figures_of_cases(cases, world, "asking", [&](size_t i) {
        const auto judged = tasks::judge_prompts(reader, cases[i].index, *predictor, *questioner, seed, false);
        return train::CaseFigures{cases[i].id, tasks::prompted_figures(judged.questions), std::nullopt};
    });
    return tasks::prompted_table(results);
}

}  // namespace

report::FiguresTable evaluate_run(comm::World& world, const RunToEvaluate& what, at::Device device) {
    const auto opened = open_run(world, what);
    const auto& [trained, reader] = opened;
    const auto& config = trained.config;
    if (config.task == "xray_to_ct") return evaluate_xray_to_ct(world, what, trained, *reader, device);
    if (config.task == "prompted_segmentation") return evaluate_prompted(world, what, trained, *reader, device);
    if (config.task == "synthesis") return evaluate_synthesis(world, what, trained, *reader, device);
    if (config.task != "survival") return evaluate_segmentation(world, what, trained, *reader, device);
    const auto foretold = foretell_split(world, what, opened, device);
    return tasks::survival_table(foretold.people, foretold.training, foretold.log_hazard, config.survival,
                                 static_cast<uint64_t>(config.seed));
}

}  // namespace vox::app
