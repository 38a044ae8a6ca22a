// Trains what a configuration describes:
//   mpirun -np 2 build/bin/train --config configs/brats/segmentation.yaml --data SHARDS --run runs/first
#include <iostream>

#include "app/foreign_keys.hpp"
#include "app/foreign_options.hpp"
#include "app/training.hpp"
#include "train/stop_signal.hpp"

int main(int argc, char** argv) {
    using namespace vox;
    train::StopSignal::listen();  // a cluster may ask while MPI and the data set are still being opened
    const app::ProgramTable table{"train", "Trains the task of a configuration on a data set of shards.",
                                  app::training_options(), app::foreign_options()};
    return app::run_program(argc, argv, table, [](comm::World& world, const app::Arguments& arguments) {
        if (arguments["list-keys"].as<bool>()) {
            if (world.is_root()) std::cout << app::keys_as_markdown() << '\n' << app::foreign_keys_as_markdown();
            return core::ExitCode::done;
        }
        if (!arguments.count("config")) throw core::UsageError("--config is missing: see configs/");
        return app::run_training(world, app::read_run_config(arguments, "", ""));
    });
}
