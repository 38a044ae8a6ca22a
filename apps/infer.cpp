// Segments cases with a trained model, or what a prompt means in them, generates the channel that they lack, makes CT volumes of X-rays,
// or foretells risks:
//   mpirun -np 2 build/bin/infer --run runs/first --input NIFTI_DIR --output DIR
#include <algorithm>

#include "app/foretell_files.hpp"
#include "app/generate_files.hpp"
#include "app/program.hpp"
#include "app/prompted_files.hpp"
#include "app/reconstruct_files.hpp"
#include "app/segment_files.hpp"
#include "app/threads.hpp"
#include "comm/make_communicator.hpp"
#include "comm/watchdog.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "tasks/make_predictor.hpp"

namespace {

using namespace vox;

app::ProgramTable table() {
    namespace po = boost::program_options;
    po::options_description options("Options");
    auto add = options.add_options();
    add("run", po::value<std::string>(), "a run's folder: its newest checkpoint");
    add("checkpoint", po::value<std::string>(), "instead: one checkpoint's folder");
    add("best", po::bool_switch(), "with --run: the checkpoint with the best validation, not the newest");
    add("input", po::value<std::string>()->required(),
        "folder of shards, or of NIfTI cases: BraTS names, MSD, nnU-Net, or a folder a case; xray_to_ct: a folder P a "
        "case with P_pa_drr.png and P_lat_drr.png, or .npy");
    add("output", po::value<std::string>()->required(),
        "folder for <case>.nii.gz label maps, <case>_<channel>_generated.nii.gz, <case>_ct_generated.nii.gz, or "
        "survival.csv");
    add("target", po::value<std::string>(),
        "synthesis: the channel to generate; needed where the model generates any and a case does not lack just one");
    add("samples", po::value<int64_t>(),
        "synthesis, xray_to_ct: volumes to generate of a case, instead of the configuration's samples: their mean, and "
        "<case>_<channel>_sd.nii.gz with their standard deviation");
    add("flip-views", po::value<std::string>(), "xray_to_ct: vertical: row 0 of pictures is towards the feet");
    add("prompt", po::value<std::string>(),
        "prompted_segmentation: what is to be segmented in every case, in words, such as \"Segment the left lung.\"");
    add("prompts", po::value<std::string>(),
        "prompted_segmentation, instead: a file with a prompt a line; or a table, .csv or .tsv, with the columns "
        "image_name and "
        "question, point (x y z in RAS mm) or box (two corners)");
    return {"infer",
            "Writes the result of each case: on the grid of its input a label map, the channel that is generated, or a "
            "CT; or "
            "a line of survival.csv with its risk and S(t).",
            options};
}

void check_usage(const app::Arguments& arguments) {
    if (arguments.count("run") == arguments.count("checkpoint"))
        throw core::UsageError("give either --run or --checkpoint; infer --help lists the options");
    if (arguments.count("checkpoint") && arguments["best"].as<bool>())
        throw core::UsageError("--best chooses among a run's checkpoints: it goes with --run, not with --checkpoint");
    if (arguments.count("samples") && arguments["samples"].as<int64_t>() < 1)
        throw core::UsageError("--samples must be at least 1");
    if (arguments.count("flip-views") && arguments["flip-views"].as<std::string>() != "vertical")
        throw core::UsageError("--flip-views: known is vertical");
}

/// Options of one task say nothing to another.
void check_options(const app::Arguments& arguments, const std::string& task) {
    const std::vector<std::pair<const char*, std::vector<std::string>>> owners{{"target", {"synthesis"}},
                                                                               {"samples", {"synthesis", "xray_to_ct"}},
                                                                               {"flip-views", {"xray_to_ct"}},
                                                                               {"prompt", {"prompted_segmentation"}},
                                                                               {"prompts", {"prompted_segmentation"}}};
    for (const auto& [option, tasks] : owners) {
        if (!arguments.count(option) || std::ranges::find(tasks, task) != tasks.end()) continue;
        throw core::UsageError(
            core::concat("--", option, " is of ", core::join(tasks), "; this model was trained for ", task));
    }
}

void segment(comm::World& world, const tasks::TrainedRun& trained, const app::ResultFolders& folders,
             at::Device device) {
    std::unique_ptr<tasks::SegmentationPredictor> predictor;
    world.together("loading the model", [&] { predictor = tasks::make_segmentation_predictor(trained, device); });
    const size_t cases = app::segment_cases(world, folders, *predictor, trained.config.data.intensities());
    core::log::info(cases, " label maps in ", folders.output.string());
}

void generate(comm::World& world, const tasks::TrainedRun& trained, const app::ResultFolders& folders,
              at::Device device, const app::Arguments& arguments) {
    std::unique_ptr<tasks::SynthesisPredictor> predictor;
    world.together("loading the model", [&] {
        predictor = tasks::make_synthesis_predictor(trained, device);
        if (arguments.count("target")) predictor->ask(arguments["target"].as<std::string>());
        if (arguments.count("samples")) predictor->set_samples(arguments["samples"].as<int64_t>());
    });
    const size_t cases = app::generate_cases(world, folders, *predictor);
    core::log::info("volumes of ", cases, " cases in ", folders.output.string());
}

void reconstruct(comm::World& world, const tasks::TrainedRun& trained, const app::ResultFolders& folders,
                 at::Device device, const app::Arguments& arguments) {
    std::unique_ptr<tasks::XrayToCtPredictor> predictor;
    world.together("loading the model", [&] {
        predictor = tasks::make_xray_to_ct_predictor(trained, device);
        if (arguments.count("samples")) predictor->set_samples(arguments["samples"].as<int64_t>());
    });
    const size_t cases = app::reconstruct_cases(world, folders, *predictor, arguments.count("flip-views") > 0);
    core::log::info("volumes of ", cases, " cases in ", folders.output.string());
}

void foretell(comm::World& world, const tasks::TrainedRun& trained, const app::ResultFolders& folders,
              at::Device device) {
    std::unique_ptr<tasks::SurvivalPredictor> predictor;
    world.together("loading the model", [&] { predictor = tasks::make_survival_predictor(trained, device); });
    const auto& data = trained.config.data;
    const size_t cases = app::foretell_cases(world, folders, *predictor, data.intensities(), data.whole());
    core::log::info("risks of ", cases, " cases in ", folders.output.string());
}

void answer(comm::World& world, const tasks::TrainedRun& trained, const app::ResultFolders& folders, at::Device device,
            const app::Arguments& arguments) {
    if (arguments.count("prompt") == arguments.count("prompts"))
        throw core::UsageError(
            "the model segments what a prompt means: give either --prompt \"...\" or --prompts FILE");
    std::unique_ptr<tasks::PromptedPredictor> predictor;
    std::unique_ptr<app::PromptList> prompts;
    world.together("loading the model", [&] {
        predictor = tasks::make_prompted_predictor(trained, device);
        prompts = std::make_unique<app::PromptList>(
            arguments.count("prompt") ? app::PromptList(arguments["prompt"].as<std::string>())
                                      : app::PromptList::from_file(arguments["prompts"].as<std::string>()));
    });
    const size_t cases = app::answer_prompts(world, folders, *predictor, *prompts);
    core::log::info("masks of ", cases, " cases and answers.csv in ", folders.output.string());
}

}  // namespace

int main(int argc, char** argv) {
    return app::run_program(argc, argv, table(), [](comm::World& world, const app::Arguments& arguments) {
        check_usage(arguments);
        const std::filesystem::path from = arguments[arguments.count("run") ? "run" : "checkpoint"].as<std::string>();
        const app::ResultFolders folders{arguments["input"].as<std::string>(), arguments["output"].as<std::string>()};
        const comm::Watchdog watchdog(world);
        app::settle_threads(world);
        const auto comm = comm::make_communicator(world, {});
        tasks::TrainedRun trained;
        world.together("reading the checkpoint",
                       [&] { trained = tasks::load_trained(from, arguments["best"].as<bool>()); });
        core::log::info("weights of ", trained.checkpoint.string());
        const auto& task = trained.config.task;
        check_options(arguments, task);
        if (task == "synthesis") generate(world, trained, folders, comm->device(), arguments);
        if (task == "xray_to_ct") reconstruct(world, trained, folders, comm->device(), arguments);
        if (task == "survival") foretell(world, trained, folders, comm->device());
        if (task == "prompted_segmentation") answer(world, trained, folders, comm->device(), arguments);
        if (task == "segmentation") segment(world, trained, folders, comm->device());
        return core::ExitCode::done;
    });
}
