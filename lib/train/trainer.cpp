#include "train/trainer.hpp"

#include <algorithm>

#include "checkpoint/named_tensors.hpp"
#include "comm/make_communicator.hpp"
#include "core/activity.hpp"
#include "core/fault_points.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "train/anomaly.hpp"
#include "train/memory.hpp"
#include "train/replicas.hpp"

namespace vox::train {
namespace {

/// What a test may spoil of a tensor: nothing, where it is not in host memory.
std::span<std::byte> memory_of(const at::Tensor& tensor) {
    if (!tensor.is_cpu() || tensor.numel() == 0) return {};
    return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

}  // namespace

Trainer::Trainer(const Options& options, Task& task, comm::World& world, comm::Communicator& comm, RunRecord run)
    : options_(options),
      task_(task),
      world_(world),
      step_world_(comm::make_world_with_time_limit(world, run.timeout_s)),
      comm_(comm),
      run_(std::move(run)),
      early_stopping_(options.early_stopping),
      precision_(resolve_precision(options.precision, comm.device())),
      scaler_(precision_),
      stop_signal_(options.stop_margin_s) {
    hosts_ = step_world_->gather(step_world_->host());
    total_steps_ = options_.total_steps(task_.train_data().steps_per_epoch(options_.accumulation));
    broadcast_replicas(task_.model(), comm_);
    begin_phase(task_.phase({0, 0}), 0);
}

Trainer::~Trainer() = default;

core::ExitCode Trainer::run() {
    core::check(store_ != nullptr || !world_.is_root(), "run() before resume()");
    core::ExitCode code = core::ExitCode::done;
    while (steps_done_ < total_steps_ && !early_stopping_.over()) {  // all ranks, in step
        const Phase phase = task_.phase({steps_done_, task_.train_data().position().epoch});
        if (phase.name != phase_.name) begin_phase(phase, steps_done_);
        last_metric_.reset();
        improved_ = false;
        best_facts_.clear();
        const StepResult result = step();
        write_down(result);
        if (options_.replica_check_every > 0 && steps_done_ % options_.replica_check_every == 0)
            check_replicas(task_.model(), *step_world_, steps_done_);
        if (validation_due()) run_validation();
        const bool last = steps_done_ == total_steps_ || early_stopping_.over();
        if (result.stop && !last) {
            if (world_.is_root())
                core::log::info("stopping after step ", steps_done_, ": ", stop_signal_.reason(),
                                "; start the same command again to go on");
            save(/*wait=*/true);
            code = core::ExitCode::stopped;
            break;
        }
        if (last || save_due()) save(/*wait=*/last);
    }
    finish();
    return code;
}

StepResult Trainer::step() {  // all ranks
    const core::Timer timer;
    const double waited_before = task_.train_data().wait_seconds(), for_peers_before = core::seconds_waited_for_peers();
    core::set_activity_step(steps_done_);
    const core::Activity activity("step");
    core::fault_point("step:begin");
    StepResult result;
    std::vector<data::Batch> batches;
    step_world_->together("reading training data", [&] { batches = task_.train_data().next(options_.accumulation); });
    core::fault_point("step:batch", memory_of(batches.front().image));
    if (options_.detect_anomaly) step_world_->together("looking at training data", [&] { check_finite(batches); });
    task_.prepare(batches);
    const auto totals = global_weights(batches, result);  // per term, over micro-batches and ranks
    std::vector<at::Tensor> sums(totals.size());          // this rank's, of all micro-batches
    reducer_->zero();
    for (size_t i = 0; i < batches.size(); ++i) {
        reducer_->arm(i + 1 == batches.size());           // reduce during the last micro-batch only
        forward_and_backward(batches[i], totals, sums);
    }
    reducer_->wait();                                     // gradients are now sums over ranks
    const auto own_sums = agree_on_sums(result, sums, totals);
    core::fault_point("step:before_update");
    {
        const core::Activity activity("changing the weights");
        const std::scoped_lock lock(changing_);
        update_weights(result);
        if (result.empty || result.bad) undo_step(result);
        ++steps_done_;
        remember_step();
    }
    core::fault_point("step:weights", memory_of(task_.model().parameters().front()));
    if (result.empty || result.bad) report_skipped(result, batches, own_sums);
    own_items_ = 0;
    for (const auto& batch : batches) own_items_ += batch.size();
    result.seconds = timer.seconds();
    result.data_seconds = task_.train_data().wait_seconds() - waited_before;
    result.own_seconds = result.seconds - (core::seconds_waited_for_peers() - for_peers_before);
    own_time_.add(result.own_seconds);
    train_seconds_ += result.seconds;
    data_seconds_ += result.data_seconds;
    return result;
}

void Trainer::begin_phase(const Phase& phase, int64_t first_step) {
    const std::scoped_lock lock(changing_);
    phase_ = phase;
    phase_start_ = first_step;
    auto trained = choose_trained(phase);
    checkpoint::NamedTensors tensors;
    for (const auto& [name, tensor] : trained) tensors.push_back({name, tensor});
    const int64_t effective_batch = run_.global_micro_batch * options_.accumulation;
    reducer_.reset();  // before the next one takes over the gradients
    optimizer_.reset();  // its memory, before that of the next
    ema_.reset();
    reducer_ = std::make_unique<GradReducer>(std::move(trained), comm_.duplicate(),
                                             GradReducer::Options{options_.bucket_mb << 20});
    optimizer_ = make_optimizer(options_.optimizer, tensors);
    schedule_ = std::make_unique<Schedule>(options_.schedule,
                                           scaled_lr(options_.optimizer.lr, effective_batch, options_.schedule),
                                           phase.steps > 0 ? phase.steps : total_steps_ - first_step);
    ema_ =
        options_.ema.enabled ? std::make_unique<Ema>(options_.ema, checkpoint::module_state(task_.model())) : nullptr;
    best_.reset();
    early_stopping_ = EarlyStopping(options_.early_stopping);
    train_mode();
    remember_step();
    if (first_step > 0) core::log::info("phase '", phase.name, "' begins at step ", first_step);
}

/// Sets requires_grad of every parameter.  Throws ConfigError where the phase freezes what is not there, or everything.
std::vector<NamedParameter> Trainer::choose_trained(const Phase& phase) {
    std::vector<NamedParameter> trained;
    std::vector<bool> matched(phase.frozen.size(), false);
    for (auto& item : task_.model().named_parameters()) {
        bool frozen = false;
        for (size_t i = 0; i < phase.frozen.size(); ++i) {
            if (!item.key().starts_with(phase.frozen[i])) continue;
            frozen = true;
            matched[i] = true;
        }
        item.value().set_requires_grad(!frozen);
        if (!frozen) trained.push_back({item.key(), item.value()});
    }
    for (size_t i = 0; i < matched.size(); ++i) {
        if (!matched[i])
            throw core::ConfigError(core::concat("phase '", phase.name, "' freezes '", phase.frozen[i],
                                                 "', but no parameter of the model begins so"));
    }
    if (trained.empty()) throw core::ConfigError(core::concat("phase '", phase.name, "' freezes every parameter"));
    return trained;
}

void Trainer::train_mode() {
    task_.model().train();
    for (const auto& item : task_.model().named_modules()) {
        // "encoder." and "encoder" both mean the module "encoder", and with it everything below.
        const auto frozen = [&](const auto& prefix) { return (item.key() + ".").starts_with(prefix); };
        if (!item.key().empty() && std::ranges::any_of(phase_.frozen, frozen)) item.value()->eval();
    }
}

RankFigures Trainer::gather_rank_figures(const StepResult& result, int64_t own_items) {
    const double memory =
        static_cast<double>(comm_.device().is_cuda() ? peak_device_bytes(comm_.device()) : peak_host_bytes());
    const size_t size = static_cast<size_t>(world_.size()), rank = static_cast<size_t>(world_.rank());
    std::vector<double> all(6 * size, 0.0);  // each rank fills its own places, the others add 0
    all[rank] = static_cast<double>(own_items) / result.seconds;
    all[size + rank] = result.data_seconds / result.seconds;
    all[2 * size + rank] = memory;
    all[3 * size + rank] = own_time_.median();
    const auto chunks = task_.train_data().reader().counters();
    all[4 * size + rank] = static_cast<double>(chunks.chunks_decoded);
    all[5 * size + rank] = static_cast<double>(chunks.cache_hits);
    all = step_world_->sum(all);
    const auto part = [&](size_t i) {
        return std::vector<double>(all.begin() + static_cast<long>(i * size),
                                   all.begin() + static_cast<long>((i + 1) * size));
    };
    return {part(0), part(1), part(2), part(3), part(4), part(5)};
}

void Trainer::write_down(const StepResult& result) {
    const auto epoch = task_.train_data().position().epoch;
    if (steps_done_ % options_.log_every == 0 || steps_done_ == total_steps_ || steps_done_ == 1) {
        const auto ranks = gather_rank_figures(result, own_items_);  // all ranks
        std::vector<std::string> names;
        for (const auto& term : task_.terms()) names.push_back(term.name);
        if (journal_) journal_->step(steps_done_, epoch, result, names, ranks);
        if (journal_) journal_->stragglers(steps_done_, ranks.own_seconds, hosts_);
    }
    if (journal_) journal_->progress(steps_done_, result, core::concat("epoch ", epoch));
}

}  // namespace vox::train
