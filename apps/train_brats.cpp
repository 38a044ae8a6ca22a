// BraTS segmentation with the shipped recipe:
//   mpirun -np 8 ./train_brats --data SHARDS --run runs/brats
// Without any argument it trains on phantoms that it makes.
#include "app/foreign_options.hpp"
#include "app/phantom_data.hpp"
#include "app/training.hpp"
#include "brats_configs.hpp"
#include "core/log.hpp"
#include "train/stop_signal.hpp"

int main(int argc, char** argv) {
    using namespace vox;
    train::StopSignal::listen();  // a cluster may ask while MPI and the data set are still being opened
    const app::ProgramTable table{
        "train_brats",
        "Trains BraTS segmentation (configs/brats/segmentation.yaml unless --config names another).  "
        "With no argument at all it makes phantoms and trains on them (configs/brats/smoke.yaml).",
        app::training_options(), app::foreign_options()};
    return app::run_program(argc, argv, table, [&](comm::World& world, const app::Arguments& arguments) {
        if (argc > 1)
            return app::run_training(
                world, app::read_run_config(arguments, kSegmentationYaml, "configs/brats/segmentation.yaml"));
        auto config = app::read_run_config(arguments, kSmokeYaml, "configs/brats/smoke.yaml");
        config.run = "runs/phantoms";
        if (world.is_root())
            core::log::info("no arguments: training on made-up brains, into ", config.run.string(),
                            "; train_brats --help says how to "
                            "train on your own");
        config.shards = app::make_phantom_shards(world, config.run / "data");
        return app::run_training(world, config);
    });
}
