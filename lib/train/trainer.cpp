#include "train/trainer.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "core/log.hpp"
#include "core/text.hpp"
#include "ops/random_scope.hpp"
#include "train/memory.hpp"
#include "train/replicas.hpp"

namespace vox::train {

Trainer::Trainer(const Options& options, Task& task, comm::World& world, comm::Communicator& comm, RunRecord run)
    : options_(options),
      task_(task),
      world_(world),
      comm_(comm),
      run_(std::move(run)),
      precision_(resolve_precision(options.precision, comm.device())),
      scaler_(precision_) {
    total_steps_ = options_.total_steps(task_.train_data().steps_per_epoch(options_.accumulation));
    broadcast_replicas(task_.model(), comm_);
    begin_phase(task_.phase({0, 0}));
}

Trainer::~Trainer() = default;

/// What trains, and everything that remembers something about it.
void Trainer::begin_phase(const Phase& phase) {
    phase_ = phase;
    std::vector<NamedParameter> trained;
    checkpoint::NamedTensors tensors;
    for (auto& item : task_.model().named_parameters()) {
        const bool frozen =
            std::ranges::any_of(phase.frozen, [&](const auto& prefix) { return item.key().starts_with(prefix); });
        item.value().set_requires_grad(!frozen);
        if (frozen) continue;
        trained.push_back({item.key(), item.value()});
        tensors.push_back({item.key(), item.value()});
    }
    const int64_t effective_batch = run_.global_micro_batch * options_.accumulation;
    reducer_.reset();  // before the next one takes over the gradients
    reducer_ = std::make_unique<GradReducer>(std::move(trained), comm_.duplicate(),
                                             GradReducer::Options{options_.bucket_mb << 20});
    optimizer_ = make_optimizer(options_.optimizer, tensors);
    schedule_ = std::make_unique<Schedule>(
        options_.schedule, scaled_lr(options_.optimizer.lr, effective_batch, options_.schedule), total_steps_);
    ema_ =
        options_.ema.enabled ? std::make_unique<Ema>(options_.ema, checkpoint::module_state(task_.model())) : nullptr;
    best_.reset();
    train_mode();
}

void Trainer::train_mode() {
    task_.model().train();
    for (const auto& item : task_.model().named_modules()) {
        const auto frozen = [&](const auto& prefix) { return !item.key().empty() && item.key().starts_with(prefix); };
        if (std::ranges::any_of(phase_.frozen, frozen)) item.value()->eval();
    }
}

core::ExitCode Trainer::run() {
    core::ExitCode code = core::ExitCode::done;
    while (steps_done_ < total_steps_) {                        // all ranks, in step
        const StepResult result = step();
        write_down(result);
        if (options_.replica_check_every > 0 && steps_done_ % options_.replica_check_every == 0)
            check_replicas(task_.model(), world_, steps_done_);
        if (validation_due()) run_validation();
        const bool last = steps_done_ == total_steps_;
        if (result.stop && !last) {
            save(/*wait=*/true);
            code = core::ExitCode::stopped;
            break;
        }
        if (save_due() || last) save(/*wait=*/last);
    }
    finish();
    return code;
}

StepResult Trainer::step() {                                    // all ranks
    const core::Timer timer;
    const double waited_before = task_.train_data().wait_seconds();
    StepResult result;
    std::vector<data::Batch> batches;
    world_.together("reading training data", [&] { batches = task_.train_data().next(options_.accumulation); });
    task_.prepare(batches);
    const auto totals = global_weights(batches);                // per term, over micro-batches and ranks
    std::vector<at::Tensor> sums(totals.size());                // this rank's, of all micro-batches
    reducer_->zero();
    for (size_t i = 0; i < batches.size(); ++i) {
        reducer_->arm(i + 1 == batches.size());                 // reduce during the last micro-batch only
        const ops::RandomScope random(batches[i].keys);         // dropout and noise draw from these, not from a rank
        at::Tensor loss;
        {
            const Autocast autocast(precision_, comm_.device());
            loss = weighted_loss(batches[i], totals, sums);
        }
        scaler_.scale(loss).backward();
    }
    reducer_->wait();                                           // gradients are now sums over ranks
    const auto own_sums = agree_on_sums(result, sums, totals);
    if (!result.empty) update_weights(result);
    if (result.bad) count_bad_step(batches, own_sums);
    if (result.empty || result.bad) ++skipped_steps_;
    ++steps_done_;
    own_items_ = 0;
    for (const auto& batch : batches) own_items_ += batch.size();
    result.seconds = timer.seconds();
    result.data_seconds = task_.train_data().wait_seconds() - waited_before;
    train_seconds_ += result.seconds;
    data_seconds_ += result.data_seconds;
    return result;
}

std::vector<double> Trainer::global_weights(const std::vector<data::Batch>& batches) {
    std::vector<double> totals(task_.terms().size(), 0.0);
    for (const auto& batch : batches) {
        const auto weights = task_.weights(batch);
        for (size_t t = 0; t < totals.size(); ++t) totals[t] += weights[t];
    }
    return world_.sum(totals);
}

/// This rank's share of the loss: sum over terms of coefficient * sum / total.  `sums` gains the unweighted sums, which
/// stay on the device: asking for a number here would hold the GPU up in every micro-batch.
at::Tensor Trainer::weighted_loss(const data::Batch& batch, const std::vector<double>& totals,
                                  std::vector<at::Tensor>& sums) {
    const auto terms = task_.terms();
    const auto losses = task_.loss_sums(batch);
    core::check(losses.size() == terms.size(), "a task must return one loss a term");
    at::Tensor loss;
    for (size_t t = 0; t < terms.size(); ++t) {
        const double factor = totals[t] > 0 ? terms[t].coefficient / totals[t] : 0.0;
        const at::Tensor part = losses[t] * factor;
        loss = loss.defined() ? loss + part : part;
        const at::Tensor sum = losses[t].detach().to(at::kDouble);
        sums[t] = sums[t].defined() ? sums[t] + sum : sum;
    }
    return loss;
}

/// One reduction for everything that ranks must agree on after backward.  Returns this rank's own sums.
std::vector<double> Trainer::agree_on_sums(StepResult& result, const std::vector<at::Tensor>& sums,
                                           const std::vector<double>& totals) {
    std::vector<double> own;
    for (const auto& sum : sums) own.push_back(sum.item<double>());
    auto values = own;
    values.push_back(stop_signal_.requested() ? 1.0 : 0.0);
    values = world_.sum(values);
    const auto terms = task_.terms();
    for (size_t t = 0; t < terms.size(); ++t) {
        const double mean = totals[t] > 0 ? values[t] / totals[t] : 0.0;
        result.term_means.push_back(mean);
        result.loss += terms[t].coefficient * mean;
    }
    result.stop = values.back() > 0;
    result.items = static_cast<int64_t>(*std::ranges::max_element(totals));
    result.empty = result.items == 0;
    return own;
}

/// Every rank holds the same gradients, so that every decision here is the same without asking.
void Trainer::update_weights(StepResult& result) {
    const at::NoGradGuard no_grad;
    scaler_.unscale(reducer_->buckets());
    double squares = 0;
    for (const auto& bucket : reducer_->buckets())
        squares += std::pow(at::linalg_vector_norm(bucket, 2, std::nullopt, false, at::kDouble).item<double>(), 2);
    result.grad_norm = std::sqrt(squares);
    result.loss_scale = scaler_.value();
    result.lr = schedule_->lr(steps_done_);
    result.bad = !std::isfinite(result.grad_norm) || !std::isfinite(result.loss);
    scaler_.update(result.bad);
    if (result.bad) return;
    bad_steps_in_row_ = 0;
    if (options_.clip_norm > 0 && result.grad_norm > options_.clip_norm) {
        for (const auto& bucket : reducer_->buckets()) bucket.mul_(options_.clip_norm / (result.grad_norm + 1e-6));
    }
    optimizer_->step(result.lr);
    if (ema_) ema_->update();
}

void Trainer::count_bad_step(const std::vector<data::Batch>& batches, const std::vector<double>& sums) {
    ++bad_steps_in_row_;
    // All ranks reach this together: that the step is bad follows from figures that all share.
    std::string suspects;
    if (std::ranges::any_of(sums, [](double sum) { return !std::isfinite(sum); })) {
        for (const auto& batch : batches)
            for (const auto& id : batch.case_ids) suspects += suspects.empty() ? id : ", " + id;
    }
    std::vector<std::string> named;
    for (const auto& text : world_.gather(suspects))
        if (!text.empty()) named.push_back(text);
    const std::string cases =
        named.empty() ? "" : core::concat(" (cases with a loss that is not finite: ", core::join(named), ")");
    if (world_.is_root())
        core::log::warning("step ", steps_done_ + 1, " was skipped: gradients or loss are not finite", cases);
    if (bad_steps_in_row_ >= options_.max_bad_steps)
        throw core::DataError(
            core::concat(bad_steps_in_row_, " steps in a row had gradients that are not finite", cases,
                         ".  Lower train.optimizer.lr, set train.clip_norm, or use train.precision fp32 or bf16."));
}

RankFigures Trainer::gather_rank_figures(const StepResult& result, int64_t own_items) {
    const double memory =
        static_cast<double>(comm_.device().is_cuda() ? peak_device_bytes(comm_.device()) : peak_host_bytes());
    const size_t size = static_cast<size_t>(world_.size()), rank = static_cast<size_t>(world_.rank());
    std::vector<double> all(3 * size, 0.0);  // each rank fills its own places, the others add 0
    all[rank] = static_cast<double>(own_items) / result.seconds;
    all[size + rank] = result.data_seconds / result.seconds;
    all[2 * size + rank] = memory;
    all = world_.sum(all);
    const auto part = [&](size_t i) {
        return std::vector<double>(all.begin() + static_cast<long>(i * size),
                                   all.begin() + static_cast<long>((i + 1) * size));
    };
    return {part(0), part(1), part(2)};
}

void Trainer::write_down(const StepResult& result) {
    const auto epoch = task_.train_data().position().epoch;
    if (steps_done_ % options_.log_every == 0 || steps_done_ == total_steps_ || steps_done_ == 1) {
        const auto ranks = gather_rank_figures(result, own_items_);  // all ranks
        std::vector<std::string> names;
        for (const auto& term : task_.terms()) names.push_back(term.name);
        if (journal_) journal_->step(steps_done_, epoch, result, names, ranks);
    }
    if (journal_) journal_->progress(steps_done_, result, core::concat("epoch ", epoch));
}

}  // namespace vox::train
