// Scores segmentations, a table a region:
//   build/bin/evaluate --predictions DIR --references DIR --label-scheme brats2020
//   mpirun -np 2 build/bin/evaluate --run runs/first --data SHARDS --split test
#include <iostream>

#include "app/evaluation.hpp"
#include "app/program.hpp"
#include "app/threads.hpp"
#include "comm/make_communicator.hpp"
#include "core/log.hpp"
#include "data/durable_file.hpp"

namespace {

using namespace vox;

app::ProgramTable table() {
    namespace po = boost::program_options;
    po::options_description options("Options");
    auto add = options.add_options();
    add("predictions", po::value<std::string>(), "folder of <case>.nii.gz label maps");
    add("references", po::value<std::string>(), "folder with the true label maps, searched in all its folders");
    add("label-scheme", po::value<std::string>(),
        "what the label values mean: brats2020, brats2023, msd_brats, brats2013, generic (a region a value)");
    add("run", po::value<std::string>(), "instead of predictions: a run, its checkpoints/ or one checkpoint");
    add("data", po::value<std::string>(), "with --run: folder of shards");
    add("split", po::value<std::string>()->default_value("test"), "with --run: train, val or test");
    add("best", po::bool_switch(), "with --run: the checkpoint with the best validation, not the newest");
    add("empty-rule", po::value<std::string>()->default_value("both_empty_is_one"),
        "with --predictions: Dice where the truth is empty, both_empty_is_one or skip");
    add("output", po::value<std::string>(),
        "folder for metrics.json and cases.csv (default: beside the predictions or in the run)");
    return {"evaluate", "Scores label maps against the truth: Dice a region and case.", options};
}

std::string text(const app::Arguments& arguments, const char* name) {
    if (!arguments.count(name))
        throw core::UsageError(std::string("--") + name + " is missing; evaluate --help lists the options");
    return arguments[name].as<std::string>();
}

/// A name of the command line: what `check` refuses is a mistake of usage.
template <class Check>
auto named(const std::string& name, Check check) {
    try {
        return check(name);
    } catch (const core::Error& error) {
        throw core::UsageError(error.what());
    }
}

void check_usage(const app::Arguments& arguments) {
    if (arguments.count("run") == arguments.count("predictions"))
        throw core::UsageError("give either --predictions or --run; evaluate --help lists the options");
    const auto split = arguments["split"].as<std::string>();
    if (split != "train" && split != "val" && split != "test")
        throw core::UsageError("--split " + split + ": there are train, val and test");
    named(arguments["empty-rule"].as<std::string>(), metrics::empty_rule);
    if (arguments.count("predictions")) {
        const auto scheme = text(arguments, "label-scheme");
        if (scheme != "generic") named(scheme, data::label_scheme);
    }
}

std::filesystem::path output_folder(const app::Arguments& arguments) {
    if (arguments.count("output")) return text(arguments, "output");
    if (arguments.count("run")) return std::filesystem::path(text(arguments, "run")) / "evaluation";
    return text(arguments, "predictions");
}

report::FiguresTable score(comm::World& world, const app::Arguments& arguments) {
    if (arguments.count("run")) {
        app::settle_threads(world);
        const auto comm = comm::make_communicator(world, {});
        return app::evaluate_run(world, text(arguments, "run"), arguments["best"].as<bool>(), text(arguments, "data"),
                                 text(arguments, "split"), comm->device());
    }
    report::FiguresTable result;
    world.on_root("scoring", [&] {
        result =
            app::evaluate_files(text(arguments, "predictions"), text(arguments, "references"),
                                text(arguments, "label-scheme"), metrics::empty_rule(text(arguments, "empty-rule")));
    });
    return result;
}

}  // namespace

int main(int argc, char** argv) {
    return app::run_program(argc, argv, table(), [](comm::World& world, const app::Arguments& arguments) {
        check_usage(arguments);
        const auto folder = output_folder(arguments);
        const auto result = score(world, arguments);
        world.on_root("writing the figures", [&] {
            std::cout << report::to_text(result);
            data::make_output_folder(folder);
            report::write_json(folder / "metrics.json", result);
            report::write_csv(folder / "cases.csv", result);
            core::log::info("written: ", (folder / "metrics.json").string(), " and cases.csv");
        });
        return core::ExitCode::done;
    });
}
