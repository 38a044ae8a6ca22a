#include "app/doctor.hpp"

#include <optional>

#include "app/batch_arithmetic.hpp"
#include "app/doctor_data.hpp"
#include "app/doctor_folder.hpp"
#include "app/doctor_machine.hpp"
#include "app/doctor_memory.hpp"
#include "app/findings.hpp"
#include "comm/make_communicator.hpp"
#include "core/text.hpp"
#include "data/shard_reader.hpp"
#include "tasks/make_task.hpp"
#include "train/precision.hpp"
#include "train/validation.hpp"

namespace vox::app {
namespace {

using core::concat;

/// What the command line asks for.
struct Request {
    bool has_config = false;
    std::optional<RunConfig> config;  // nothing where it is wrong
    std::filesystem::path shards, run;

    comm::Options comm() const { return config ? config->comm : comm::Options{}; }
    data::Options data() const { return config ? config->task.data : data::Options{}; }
};

Request read_request(comm::World& world, Findings& findings, const Arguments& arguments) {
    Request request;
    request.has_config = arguments.count("config") > 0;
    if (arguments.count("data")) request.shards = arguments["data"].as<std::string>();
    if (arguments.count("run")) request.run = arguments["run"].as<std::string>();
    if (!request.has_config) {
        if (arguments.count("set")) throw core::UsageError("--set changes a configuration: give --config too");
        findings.skip("configuration", "no --config: machine and ranks are examined, and what --data and --run name");
        return request;
    }
    std::optional<RunConfig> config;
    if (findings.check("configuration", [&] {
            config = read_run_config(arguments, "", "");
            check_distributed(world, *config);
            return Finding::ok(concat(arguments["config"].as<std::string>(), ": task ", config->task.task, ", model ",
                                      config->task.model.name, ", ", config->keys.size(), " keys"));
        })) {
        request.config = std::move(config);
        request.shards = request.config->shards;
    }
    return request;
}

/// Of the model and data of the configuration: what later checks need.
struct Plan {
    StateBytes state;
    int64_t global_micro_batch = 0, total_steps = 0, channels = 0;
};

int64_t largest_share(int64_t global_micro_batch, int ranks) { return (global_micro_batch + ranks - 1) / ranks; }

Finding plan_the_run(const comm::World& world, const RunConfig& given, comm::Communicator& comm, int64_t threads,
                     Plan& plan) {
    RunConfig config = given;
    config.task.data.prefetch_mb = 1;  // nothing is trained here
    plan.global_micro_batch =
        data::resolve_global_micro_batch(config.task.data, comm.size(), config.train.accumulation);
    plan.channels = data::ShardReader(config.shards).cases().front().channels();
    const auto too_large = batch_too_large(
        world, {config, largest_share(plan.global_micro_batch, comm.size()), plan.channels, comm.device()});
    if (!too_large.empty()) return Finding::fails(core::ExitCode::bad_config, too_large);
    const auto dtype = train::weight_dtype(train::resolve_precision(config.train.precision, comm.device()));
    const auto task =
        tasks::make_task(config.task, {config.shards, plan.global_micro_batch, dtype, config.train.accumulation}, comm);
    train::check_early_stopping(config.train.early_stopping, *task);
    plan.total_steps = config.train.total_steps(task->train_data().steps_per_epoch(config.train.accumulation));
    plan.state = state_bytes(*task, config.train);
    return Finding::ok(core::join(batch_arithmetic(config, comm, *task, plan.global_micro_batch, threads), "; "));
}

/// What needs configuration, data and ranks at once.
void examine_run(comm::World& world, Findings& findings, const Request& request, comm::Communicator* comm, bool data_ok,
                 int64_t threads) {
    const std::string missing = !request.config          ? "the configuration is wrong"
                                : request.shards.empty() ? "no --data"
                                : !data_ok               ? "the shards cannot be used"
                                : comm == nullptr        ? "communication does not start"
                                                         : "";
    Plan plan;
    const bool planned = missing.empty() && findings.check("batch", [&] {
        return plan_the_run(world, *request.config, *comm, threads, plan);
    });
    if (!planned) {
        const std::string why = missing.empty() ? "the task does not start" : missing;
        if (!missing.empty()) findings.skip("batch", why);
        findings.skip("free space", why);
        findings.skip("memory", why);
        return;
    }
    if (request.run.empty())
        findings.skip("free space", concat("no --run; a checkpoint takes ",
                                           core::human_bytes(static_cast<double>(plan.state.checkpoint()))));
    else
        examine_space(world, findings, request.run, request.config->checkpoint, plan.state.checkpoint(),
                      plan.total_steps);
    const int64_t own = largest_share(plan.global_micro_batch, world.size());
    examine_memory(world, findings, {*request.config, own, plan.channels, comm->device(), plan.state});
}

}  // namespace

boost::program_options::options_description doctor_options() {
    auto table = configuration_options();
    table.add_options()("run", boost::program_options::value<std::string>(), "folder that the run would write into");
    return table;
}

core::ExitCode examine(comm::World& ranks, const Arguments& arguments) {
    // A rank that died must not hold up the others for ever.
    const auto world = comm::make_world_with_time_limit(ranks, comm::Options{}.timeout_s);
    Findings findings(*world);
    examine_hosts(*world, findings);
    const Request request = read_request(*world, findings, arguments);
    const int64_t threads =
        examine_threads(*world, findings, request.config ? request.config->train.threads_per_rank : 0);
    const auto comm = examine_communication(*world, findings, request.comm());
    const bool data_ok = !request.shards.empty() && examine_shards(*world, findings, request.shards, request.data());
    if (!request.run.empty()) examine_folder(*world, findings, request.run);
    if (request.has_config) examine_run(*world, findings, request, comm.get(), data_ok, threads);
    return findings.finish();
}

}  // namespace vox::app
