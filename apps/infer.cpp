// Segments cases with a trained model, or generates the channel that they lack:
//   mpirun -np 2 build/bin/infer --run runs/first --input NIFTI_DIR --output DIR
#include "app/generate_files.hpp"
#include "app/program.hpp"
#include "app/segment_files.hpp"
#include "app/threads.hpp"
#include "comm/make_communicator.hpp"
#include "comm/watchdog.hpp"
#include "core/log.hpp"
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
        "folder of shards, or of NIfTI cases: BraTS names, MSD, nnU-Net, or a folder a case");
    add("output", po::value<std::string>()->required(),
        "folder for <case>.nii.gz label maps, or <case>_<channel>_generated.nii.gz");
    add("target", po::value<std::string>(),
        "synthesis: the channel to generate; needed where the model generates any and a case does not lack just one");
    add("samples", po::value<int64_t>(),
        "synthesis: volumes to generate of a case, instead of synthesis.samples: their mean, and "
        "<case>_<channel>_sd.nii.gz with their standard deviation");
    return {"infer",
            "Writes the result of each case on the grid of its input: a label map, or the channel that is generated.",
            options};
}

void check_usage(const app::Arguments& arguments) {
    if (arguments.count("run") == arguments.count("checkpoint"))
        throw core::UsageError("give either --run or --checkpoint; infer --help lists the options");
    if (arguments.count("checkpoint") && arguments["best"].as<bool>())
        throw core::UsageError("--best chooses among a run's checkpoints: it goes with --run, not with --checkpoint");
    if (arguments.count("samples") && arguments["samples"].as<int64_t>() < 1)
        throw core::UsageError("--samples must be at least 1");
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
        const bool synthesis = trained.config.task == "synthesis";
        if (!synthesis && (arguments.count("target") || arguments.count("samples")))
            throw core::UsageError("--target and --samples are of synthesis; this model was trained for " +
                                   trained.config.task);
        if (synthesis) {
            generate(world, trained, folders, comm->device(), arguments);
        } else {
            segment(world, trained, folders, comm->device());
        }
        return core::ExitCode::done;
    });
}
