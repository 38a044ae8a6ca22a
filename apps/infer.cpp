// Segments cases with a trained model:
//   mpirun -np 2 build/bin/infer --run runs/first --input NIFTI_DIR --output DIR
#include "app/program.hpp"
#include "app/segment_files.hpp"
#include "app/threads.hpp"
#include "comm/make_communicator.hpp"
#include "comm/watchdog.hpp"
#include "core/log.hpp"
#include "data/dataset_index.hpp"

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
    add("output", po::value<std::string>()->required(), "folder for <case>.nii.gz label maps");
    return {"infer", "Writes a label map for each case, on the grid of its input.", options};
}

}  // namespace

int main(int argc, char** argv) {
    return app::run_program(argc, argv, table(), [](comm::World& world, const app::Arguments& arguments) {
        if (arguments.count("run") == arguments.count("checkpoint"))
            throw core::UsageError("give either --run or --checkpoint; infer --help lists the options");
        if (arguments.count("checkpoint") && arguments["best"].as<bool>())
            throw core::UsageError(
                "--best chooses among a run's checkpoints: it goes with --run, not with --checkpoint");
        const std::filesystem::path from = arguments[arguments.count("run") ? "run" : "checkpoint"].as<std::string>();
        const std::filesystem::path input = arguments["input"].as<std::string>(),
                                    output = arguments["output"].as<std::string>();
        const comm::Watchdog watchdog(world);
        app::settle_threads(world);
        const auto comm = comm::make_communicator(world, {});
        tasks::TrainedSegmentation trained;
        world.together("loading the model",
                       [&] { trained = tasks::make_predictor(from, arguments["best"].as<bool>(), comm->device()); });
        core::log::info("weights of ", trained.checkpoint.string());
        const bool shards = data::is_shard_folder(input);
        const size_t cases = shards ? app::segment_shards(world, input, output, trained)
                                    : app::segment_folder(world, input, output, trained);
        core::log::info(cases, " label maps in ", output.string());
        return core::ExitCode::done;
    });
}
