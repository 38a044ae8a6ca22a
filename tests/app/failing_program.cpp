// A program as those in apps/ that goes wrong on one rank as --how says: by an error of each kind, or while it trains.

#include <ATen/ops/zeros.h>
#include <signal.h>

#include <new>

#include "app/program.hpp"
#include "comm/make_communicator.hpp"
#include "report/run_folder.hpp"
#include "train/tiny_task.hpp"
#include "train/trainer.hpp"

namespace {

using namespace vox;

void go_wrong(const std::string& how) {
    const std::string what = "case_007 is not what it should be";
    if (how == "usage") throw core::UsageError(what);
    if (how == "data") throw core::DataError(what);
    if (how == "write") throw core::WriteError(what);
    if (how == "config") throw core::ConfigError(what);
    if (how == "internal") throw core::InternalError(what);
    if (how == "peer") throw core::PeerError(what);
    if (how == "standard") throw std::runtime_error(what);
    if (how == "memory") throw std::bad_alloc();
    if (how == "torch") at::zeros({2}).matmul(at::zeros({3}));
    if (how == "stop") raise(SIGSTOP);
}

/// Goes wrong in step 3, inside the loss (--where loss) or just before the step's first sum over ranks (--where prepare).
core::ExitCode train_until_it_fails(comm::World& world, const std::filesystem::path& folder, const std::string& where,
                                    const std::function<void()>& fail) {
    std::unique_ptr<report::RunFolder> run;
    world.on_root("making shards", [&] {
        test::make_tiny_shards(folder / "shards");
        run = std::make_unique<report::RunFolder>(folder / "run");
    });
    constexpr double kTimeoutS = 2;
    const auto comm = comm::make_communicator(world, {.backend = "mpi", .device = "cpu", .timeout_s = kTimeoutS});
    test::TinyTask task(folder / "shards", 4, world.rank(), world.size());
    train::Options options;
    options.steps = 10;
    options.precision = "fp64";
    train::RunRecord record;
    record.paths.root = folder / "run";
    record.global_micro_batch = 4;
    record.timeout_s = kTimeoutS;
    train::Trainer trainer(options, task, world, *comm, record);
    (where == "loss" ? task.on_loss : task.on_prepare) = [&] {
        if (trainer.steps_done() == 2) fail();
    };
    trainer.resume(std::nullopt);
    return trainer.run();
}

app::ProgramTable table() {
    namespace po = boost::program_options;
    po::options_description options("Options");
    auto add = options.add_options();
    add("how", po::value<std::string>()->default_value("nothing"), "what goes wrong");
    add("rank", po::value<int>()->default_value(-1), "on which rank; -1: on all");
    add("where", po::value<std::string>()->default_value(""), "loss or prepare: while it trains");
    add("folder", po::value<std::string>(), "for what a training writes");
    return {"failing_program", "Goes wrong on purpose.", options};
}

}  // namespace

int main(int argc, char** argv) {
    return app::run_program(argc, argv, table(), [](comm::World& world, const app::Arguments& arguments) {
        const int rank = arguments["rank"].as<int>();
        const auto where = arguments["where"].as<std::string>();
        const auto fail = [&] {
            if (rank < 0 || rank == world.rank()) go_wrong(arguments["how"].as<std::string>());
        };
        if (!where.empty()) return train_until_it_fails(world, arguments["folder"].as<std::string>(), where, fail);
        fail();
        if (arguments["how"].as<std::string>() != "nothing")
            world.barrier();  // the others wait for the one that failed
        return core::ExitCode::done;
    });
}
