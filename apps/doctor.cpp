// Tells whether a run can work on the ranks that are started, a line a check:
//   mpirun -np 2 build/bin/doctor --config configs/brats/segmentation.yaml --data SHARDS --run runs/first
#include "app/doctor.hpp"

int main(int argc, char** argv) {
    using namespace vox;
    const app::ProgramTable table{"doctor",
                                  "Tells whether a run can work here: examines ranks, network, configuration, shards, "
                                  "run folder and memory, and leaves\n"
                                  "nothing behind.  Start it as the training would be started; without --config it "
                                  "examines machine and ranks only.",
                                  app::doctor_options()};
    return app::run_program(argc, argv, table, app::examine);
}
