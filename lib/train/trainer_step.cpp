// What one optimizer step does, from weights to weights.  All ranks come to every function here together.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>

#include "core/activity.hpp"
#include "core/fault_points.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "ops/random_scope.hpp"
#include "train/anomaly.hpp"
#include "train/memory.hpp"
#include "train/trainer.hpp"

namespace vox::train {
namespace {

std::string message_of(const std::exception& error) {
    const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
    return torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
}

}  // namespace

/// Also says in `result` how many items the step has, and whether there is anything to learn from.
std::vector<double> Trainer::global_weights(const std::vector<data::Batch>& batches, StepResult& result) {
    std::vector<double> totals(task_.terms().size() + 1, 0.0);  // the last one counts items
    for (const auto& batch : batches) {
        const auto weights = task_.weights(batch);
        core::check(weights.size() + 1 == totals.size(), "a task must return one weight a term");
        for (size_t t = 0; t < weights.size(); ++t) totals[t] += weights[t];
        totals.back() += static_cast<double>(batch.size());
    }
    totals = step_world_->sum(totals);
    result.items = static_cast<int64_t>(totals.back());
    totals.pop_back();
    result.empty = std::ranges::none_of(totals, [](double total) { return total > 0; });
    return totals;
}

/// Peers do not learn of an error here before this rank has left the job by it, so it says all there is to say.
void Trainer::forward_and_backward(const data::Batch& batch, const std::vector<double>& totals,
                                   std::vector<at::Tensor>& sums) {
    try {
        const core::Activity activity("micro-batch");
        core::fault_point("step:forward");
        const ops::RandomScope random(batch.keys);  // dropout and noise draw from these, not from a rank
        at::Tensor loss;
        {
            const Autocast autocast(precision_, comm_.device());
            loss = weighted_loss(batch, totals, sums);
        }
        core::fault_point("step:backward");
        if (options_.detect_anomaly)
            backward_with_checks(scaler_.scale(loss), batch);
        else
            scaler_.scale(loss).backward();
    } catch (const core::Error&) {
        throw;
    } catch (const std::exception& error) {
        const auto place = core::concat("step ", steps_done_ + 1, ", cases ", core::join(batch.case_ids));
        if (!is_out_of_memory(error)) throw core::InternalError(core::concat(place, ": ", message_of(error)));
        throw OutOfMemory(
            core::concat("out of memory in ", place,
                         ": use smaller crops (data.crop_size), fewer of them (data.batch_size, with "
                         "train.accumulation), model.activation_checkpointing, or train.precision bf16.  ",
                         message_of(error)));
    }
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
        // A term that counts for nothing stays in the graph, so that its parameters are not taken for unused.
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
    {
        // On a GPU this is where the host waits for it, and so for the collectives in its queue.
        const core::Activity activity("losses",
                                      comm_.backend() == "nccl" ? core::Waits::for_peers : core::Waits::for_nothing);
        for (const auto& sum : sums) own.push_back(sum.item<double>());
    }
    auto values = own;
    values.push_back(stop_signal_.requested() ? 1.0 : 0.0);
    values = step_world_->sum(values);
    const auto terms = task_.terms();
    for (size_t t = 0; t < terms.size(); ++t) {
        const double mean = totals[t] > 0 ? values[t] / totals[t] : 0.0;
        result.term_means.push_back(mean);
        result.loss += terms[t].coefficient * mean;
    }
    result.stop = values.back() > 0;
    return own;
}

/// Every rank holds the same gradients, so that every decision here is the same without asking.
void Trainer::update_weights(StepResult& result) {
    const at::NoGradGuard no_grad;
    result.loss_scale = scaler_.value();
    const int64_t step_of_phase = steps_done_ - phase_start_;
    result.lr = schedule_->lr(step_of_phase);
    if (result.empty) return;
    scaler_.unscale(reducer_->buckets());
    at::Tensor squares = at::zeros({}, at::TensorOptions(at::kDouble).device(comm_.device()));
    for (const auto& bucket : reducer_->buckets()) {
        const at::Tensor norm = at::linalg_vector_norm(bucket, 2, std::nullopt, false, at::kDouble);
        squares += norm * norm;
    }
    result.grad_norm = std::sqrt(squares.item<double>());
    result.bad = !std::isfinite(result.grad_norm) || !std::isfinite(result.loss);
    scaler_.update(result.bad);
    if (result.bad) return;
    bad_steps_in_row_ = 0;
    clip_gradients(result.grad_norm);
    optimizer_->step({result.lr, schedule_->momentum(step_of_phase)});
    if (ema_) ema_->update();
}

/// As torch.nn.utils.clip_grad_norm_: by clip_norm / (norm + 1e-6) where that is below 1.
void Trainer::clip_gradients(double norm) {
    const double factor = options_.clip_norm / (norm + 1e-6);
    if (options_.clip_norm <= 0 || factor >= 1) return;
    for (const auto& bucket : reducer_->buckets()) bucket.mul_(factor);
}

/// The weights stayed as they were; forward moved statistics, also by NaN.
void Trainer::undo_step(const StepResult& result) {
    checkpoint::copy_into(checkpoint::module_buffers(task_.model()), completed_.buffers,
                          "the model before a skipped step");
    ++skipped_steps_;
    if (result.bad) ++bad_steps_in_row_;
}

/// That all ranks come here together follows from figures that all share.
void Trainer::report_skipped(const StepResult& result, const std::vector<data::Batch>& batches,
                             const std::vector<double>& sums) {
    const int64_t step = steps_done_;
    if (result.empty) {
        if (world_.is_root())
            core::log::warning("step ", step, " was skipped: no rank had anything to learn from (all weights are 0)");
        return;
    }
    const std::string cases = suspects(batches, sums);
    const std::string scale =
        scaler_.active() ? core::concat("; the loss scale is now ", scaler_.value()) : std::string();
    if (world_.is_root())
        core::log::warning("step ", step, " was skipped: loss or gradients are not finite; ", cases, scale);
    if (bad_steps_in_row_ >= options_.max_bad_steps)
        throw core::DataError(core::concat(
            bad_steps_in_row_, " steps in a row had a loss or gradients that are not finite (the last: step ", step,
            "); ", cases,
            ".  Look at these cases, lower train.optimizer.lr, set train.clip_norm, or use "
            "train.precision fp32 or bf16."));
}

/// All ranks: the cases of those ranks whose loss is not finite; where every loss is, only gradients were not, and all cases
/// of the step may be the reason.
std::string Trainer::suspects(const std::vector<data::Batch>& batches, const std::vector<double>& sums) {
    const bool finite = std::ranges::all_of(sums, [](double sum) { return std::isfinite(sum); });
    std::vector<std::string> own;
    for (const auto& batch : batches) own.insert(own.end(), batch.case_ids.begin(), batch.case_ids.end());
    std::vector<std::string> guilty, all;
    for (const auto& text : step_world_->gather(core::concat(finite ? '+' : '!', core::join(own)))) {
        if (text.size() == 1) continue;
        all.push_back(text.substr(1));
        if (text.front() == '!') guilty.push_back(text.substr(1));
    }
    return guilty.empty() ? core::concat("its cases: ", core::join(all))
                          : core::concat("cases whose loss is not finite: ", core::join(guilty));
}

}  // namespace vox::train
