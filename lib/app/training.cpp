#include "app/training.hpp"

#include <fstream>

#include "app/batch_arithmetic.hpp"
#include "app/threads.hpp"
#include "app/version.hpp"
#include "comm/make_communicator.hpp"
#include "comm/watchdog.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/node_cache.hpp"
#include "tasks/make_task.hpp"
#include "tasks/open_shards.hpp"
#include "train/precision.hpp"

namespace vox::app {
namespace {

void write_config(const std::filesystem::path& file, const std::string& yaml) {
    std::ofstream out(file);
    out << yaml;
    if (!out.flush()) throw core::WriteError(core::concat("cannot write ", file.string(), ": is the disk full?"));
}

/// Rank 0.  The folder that this run takes.
std::filesystem::path take_run_folder(OpenRun& open, const RunConfig& config) {
    const auto job = report::Job::from_environment();
    const auto root = report::choose_run_folder(config.run, config.run_options, job);
    open.folder = std::make_unique<report::RunFolder>(root, job.name);
    core::log::open_file(open.folder->paths().log());
    if (config.run_options.if_exists != "use")
        core::log::info("this run's folder is ", root.string(), "; '--run ", root.string(),
                        " --set run.if_exists=use' goes on in it");
    return root;
}

std::string wandb_advice(const RunConfig& config, const std::string& run) {
    const std::string project =
        config.wandb_project->empty() ? "" : core::concat(" --project '", *config.wandb_project, '\'');
    return core::concat("W&B: nothing is sent from here; 'tools/export_wandb.py --run ", run.empty() ? "RUN" : run,
                        " --output DIR", project, "' writes this run for 'wandb sync', at any time");
}

/// All ranks.  The data set with a cache that the ranks of a node share; null where each rank has its own.
std::shared_ptr<const data::ShardReader> open_shared(comm::World& world, const RunConfig& config) {
    if (!config.task.data.shares_cache()) return nullptr;
    std::shared_ptr<data::ShardReader> reader;
    world.together("opening the data set", [&] { reader = tasks::open_shards(config.shards, config.task); });
    const auto kept = data::share_on_node(*reader, world, config.task.data);
    if (world.is_root()) core::log::info(kept);
    return reader;
}

}  // namespace

OpenRun open_run(comm::World& world, const RunConfig& config) {
    if (config.shards.empty())
        throw core::UsageError("--data is missing: the folder of shards that convert_dataset wrote");
    if (config.run.empty() && !config.dry_run)
        throw core::UsageError("--run is missing: the folder that the run writes into");
    check_distributed(world, config);
    OpenRun open;
    open.record.resolved_config = config.resolved_yaml;
    open.record.program = program_version();
    open.record.seed = static_cast<uint64_t>(config.task.seed);
    open.record.checkpoint = config.checkpoint;
    open.record.timeout_s = config.comm.timeout_s;
    open.record.threads_per_rank = settle_threads(world, config.train.threads_per_rank);
    std::string root, start;
    world.on_root("opening the run", [&] {
        if (config.dry_run) return;
        root = take_run_folder(open, config).string();
        open.record.paths.root = root;
        const auto choice = checkpoint::choose(config.checkpoint, open.record.paths.checkpoints());
        if (choice) start = checkpoint::to_text(*choice);
        write_config(open.record.paths.config(), config.resolved_yaml);
    });
    // Rank 0 chose: folders may look different from other nodes for a moment.
    open.record.paths.root = world.broadcast(root);
    start = world.broadcast(start);
    if (!start.empty()) open.start = checkpoint::choice_from_text(start);
    // A run keeps the global micro-batch that it began with, so that its order of samples goes on at any world size.
    world.together("reading the checkpoint", [&] {
        open.record.global_micro_batch =
            open.start ? checkpoint::peek(*open.start).global_micro_batch
                       : data::resolve_global_micro_batch(config.task.data, world.size(), config.train.accumulation);
    });
    return open;
}

core::ExitCode run_training(comm::World& world, const RunConfig& config) {
    const auto run = open_run(world, config);
    comm::Watchdog watchdog(world, {config.comm.timeout_s, config.dry_run ? "" : run.record.paths.flight()});
    const auto comm = comm::make_communicator(world, config.comm);
    const auto dtype = train::weight_dtype(train::resolve_precision(config.train.precision, comm->device()));
    const auto task_comm = comm->duplicate();  // SyncBN posts in an order of its own
    const auto reader = open_shared(world, config);
    std::unique_ptr<train::Task> task;
    world.together("opening the data set", [&] {
        task = tasks::make_task(
            config.task, {config.shards, run.record.global_micro_batch, dtype, config.train.accumulation, reader},
            *task_comm);
    });
    for (const auto& line :
         batch_arithmetic(config, *comm, *task, run.record.global_micro_batch, run.record.threads_per_rank))
        core::log::info(line);
    if (config.wandb_project) core::log::info(wandb_advice(config, run.record.paths.root));
    if (config.dry_run) return core::ExitCode::done;
    train::Trainer trainer(config.train, *task, world, *comm, run.record);
    const comm::RescueScope rescue(watchdog, [&] { return trainer.rescue(); });
    trainer.resume(run.start);
    return trainer.run();
}

}  // namespace vox::app
