// Scores segmentations, a table a region, or the channels that a run generates:
//   build/bin/evaluate --predictions DIR --references DIR --label-scheme brats2020
//   build/bin/evaluate --predictions DATA --prediction-name t2_anatomy_reader2 --references DATA
//     --reference-name t2_anatomy_reader1 --label-scheme prostate158_anatomy --surface-distances
//   mpirun -np 2 build/bin/evaluate --run runs/first --data SHARDS --split test
//   mpirun -np 2 build/bin/evaluate --run runs/fold_0 runs/fold_1 --best --data SHARDS --output DIR
#include <iostream>
#include <optional>

#include "app/evaluation.hpp"
#include "app/program.hpp"
#include "app/threads.hpp"
#include "comm/make_communicator.hpp"
#include "comm/watchdog.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/durable_file.hpp"
#include "data/label_scheme.hpp"
#include "metrics/dice.hpp"
#include "metrics/surface_distance.hpp"

namespace {

using namespace vox;

/// An option that gives a key of the section `metrics` another value.
struct MetricsName {
    const char* option;
    std::string metrics::Options::* field;
    void (*check)(const std::string&);
    const char* meaning;
};

const std::vector<MetricsName>& names() {
    static const std::vector<MetricsName> all{
        {"empty-rule", &metrics::Options::empty_rule, [](const std::string& name) { metrics::empty_rule(name); },
         "Dice where the truth is empty: both_empty_is_one or skip"},
        {"hausdorff-definition", &metrics::Options::hausdorff_definition,
         [](const std::string& name) { metrics::hausdorff_definition(name); }, "max_directed or pooled"},
        {"average-definition", &metrics::Options::average_definition,
         [](const std::string& name) { metrics::average_definition(name); }, "pooled, mean_of_directed or to_truth"},
        {"empty-surface-rule", &metrics::Options::empty_surface_rule,
         [](const std::string& name) { metrics::empty_surface_rule(name); },
         "distance where one mask is empty: skip, infinite, diagonal or brats"},
    };
    return all;
}

using Texts = std::vector<std::string>;

app::ProgramTable table() {
    namespace po = boost::program_options;
    static const std::string schemes = core::concat(
        "what the label values mean: ", core::join(data::label_scheme_names()), ", generic (a region a value)");
    po::options_description options("Options");
    auto add = options.add_options();
    add("predictions", po::value<std::string>(), "folder of <case>.nii.gz label maps");
    add("references", po::value<std::string>(), "folder with the true label maps, searched in all its folders");
    add("prediction-name", po::value<std::string>(),
        "predictions are DIR/.../<case>/NAME.nii.gz: one label of a data set, such as t2_anatomy_reader2; cases "
        "without it are left "
        "out");
    add("reference-name", po::value<std::string>(),
        "references are DIR/.../<case>/NAME.nii.gz, such as t2_anatomy_reader1");
    add("label-scheme", po::value<std::string>(), schemes.c_str());
    add("run", po::value<Texts>()->multitoken(),
        "instead of predictions: a run, its checkpoints/ or one checkpoint; several: those of a cross-validation, each "
        "judged on the cases that validate it, all cases in one table");
    add("data", po::value<std::string>(), "with --run: folder of shards");
    add("split", po::value<std::string>()->default_value("test"), "with --run: train, val or test");
    add("best", po::bool_switch(), "with --run: the checkpoint with the best validation, not the newest");
    add("surface-distances", po::bool_switch(),
        "also Hausdorff distances (95th percentile and whole) and average surface distance, in mm");
    for (const auto& name : names()) add(name.option, po::value<std::string>(), name.meaning);
    add("lesions", po::bool_switch(),
        "with --run: also average precision of lesions and AUROC of cases, for a label scheme of one region");
    add("output", po::value<std::string>(),
        "folder for metrics.json and cases.csv (default: beside the predictions or in the run; none with "
        "--prediction-name)");
    return {
        "evaluate",
        "Scores label maps against the truth: figures a region and case; with --run of a synthesis the channels "
        "that it generates.\n"
        "Definitions are those of the section metrics of a configuration: with --run the run's own, unless given here.",
        options};
}

std::string text(const app::Arguments& arguments, const char* name) {
    if (!arguments.count(name))
        throw core::UsageError(std::string("--") + name + " is missing; evaluate --help lists the options");
    return arguments[name].as<std::string>();
}

Texts runs_of(const app::Arguments& arguments) {
    return arguments.count("run") ? arguments["run"].as<Texts>() : Texts();
}
bool is_out_of_fold(const app::Arguments& arguments) { return runs_of(arguments).size() > 1; }

/// A name of the command line: what `check` refuses is a mistake of usage.
template <class Check>
auto named(const std::string& name, Check check) {
    try {
        return check(name);
    } catch (const core::Error& error) {
        throw core::UsageError(error.what());
    }
}

void check_out_of_fold(const app::Arguments& arguments) {
    if (!arguments["split"].defaulted() && arguments["split"].as<std::string>() != "val")
        throw core::UsageError("several --run are judged on the cases that validate them: leave --split out");
    if (arguments["lesions"].as<bool>())
        throw core::UsageError(
            "--lesions ranks candidates by the probabilities of one network: give it with a single --run");
    if (!arguments.count("output"))
        throw core::UsageError("the table of several --run is of none of them: say with --output where it goes");
}

void check_usage(const app::Arguments& arguments) {
    if (arguments.count("run") == arguments.count("predictions"))
        throw core::UsageError("give either --predictions or --run; evaluate --help lists the options");
    const auto split = arguments["split"].as<std::string>();
    if (split != "train" && split != "val" && split != "test")
        throw core::UsageError("--split " + split + ": there are train, val and test");
    if (is_out_of_fold(arguments)) check_out_of_fold(arguments);
    for (const auto& name : names())
        if (arguments.count(name.option))
            named(text(arguments, name.option), [&](const std::string& value) { name.check(value); });
    if (arguments.count("predictions") && arguments["lesions"].as<bool>())
        throw core::UsageError("--lesions needs the probabilities of --run: label maps have none");
    if (arguments.count("run") && (arguments.count("prediction-name") || arguments.count("reference-name")))
        throw core::UsageError("--prediction-name and --reference-name belong to --predictions, not to --run");
    if (arguments.count("predictions")) {
        const auto scheme = text(arguments, "label-scheme");
        if (scheme != "generic") named(scheme, data::label_scheme);
    }
}

/// Nothing is written into a data set unasked.
std::optional<std::filesystem::path> output_folder(const app::Arguments& arguments) {
    if (arguments.count("output")) return text(arguments, "output");
    if (arguments.count("run")) return std::filesystem::path(runs_of(arguments).front()) / "evaluation";
    if (arguments.count("prediction-name")) return std::nullopt;
    return text(arguments, "predictions");
}

/// What the command line says about the figures; the rest stays as it is.
void change_metrics(const app::Arguments& arguments, metrics::Options& options) {
    for (const auto& name : names())
        if (arguments.count(name.option)) options.*name.field = text(arguments, name.option);
    if (arguments["surface-distances"].as<bool>()) options.surface_distances = true;
    if (arguments["lesions"].as<bool>()) options.lesions = true;
}

app::LabelPlace place(const app::Arguments& arguments, const char* folder, const char* name) {
    return {text(arguments, folder), arguments.count(name) ? text(arguments, name) : ""};
}

report::FiguresTable score(comm::World& world, const app::Arguments& arguments) {
    if (arguments.count("run")) {
        app::settle_threads(world);
        const auto comm = comm::make_communicator(world, {});
        const auto runs = runs_of(arguments);
        app::RunToEvaluate what{.run = runs.front(),
                                .best = arguments["best"].as<bool>(),
                                .shards = text(arguments, "data"),
                                .split = text(arguments, "split"),
                                .change_metrics = [&](metrics::Options& own) { change_metrics(arguments, own); }};
        if (!is_out_of_fold(arguments)) return app::evaluate_run(world, what, comm->device());
        return app::evaluate_out_of_fold(world, {runs.begin(), runs.end()}, what, comm->device());
    }
    report::FiguresTable result;
    world.on_root("scoring", [&] {
        metrics::Options options;
        change_metrics(arguments, options);
        result = app::evaluate_files(place(arguments, "predictions", "prediction-name"),
                                     place(arguments, "references", "reference-name"), text(arguments, "label-scheme"),
                                     options);
    });
    return result;
}

}  // namespace

int main(int argc, char** argv) {
    return app::run_program(argc, argv, table(), [](comm::World& world, const app::Arguments& arguments) {
        check_usage(arguments);
        const auto folder = output_folder(arguments);
        const comm::Watchdog watchdog(world);
        const auto result = score(world, arguments);
        world.on_root("writing the figures", [&] {
            std::cout << report::to_text(result);
            if (!folder) return;
            data::make_output_folder(*folder);
            report::write_json(*folder / "metrics.json", result);
            report::write_csv(*folder / "cases.csv", result);
            core::log::info("written: ", (*folder / "metrics.json").string(), " and cases.csv");
        });
        return core::ExitCode::done;
    });
}
