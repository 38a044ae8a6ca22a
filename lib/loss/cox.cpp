#include "loss/cox.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <limits>
#include <numbers>

namespace vox::loss {
namespace {

/// This rank's people as rows [own,1], all as columns [1,N].
struct Table {
    explicit Table(const SurvivalBatch& batch)
        : risk(rows(batch, batch.risks)),
          time(rows(batch, batch.times)),
          event(rows(batch, batch.events)),
          all_risks(batch.risks.unsqueeze(0)),
          all_times(batch.times.unsqueeze(0)),
          all_events(batch.events.unsqueeze(0)) {}
    static at::Tensor rows(const SurvivalBatch& batch, const at::Tensor& all) {
        return all.narrow(0, batch.first, batch.own).unsqueeze(1);
    }
    at::Tensor risk, time, event;
    at::Tensor all_risks, all_times, all_events;
};

/// log w of the events at a row's time, [own,N]; 0 elsewhere.
at::Tensor efron_log_weights(const SurvivalBatch& batch, const Table& table) {
    const auto tied = table.all_times.eq(table.time).logical_and(table.all_events);
    const auto number = at::arange(batch.risks.size(0), batch.times.options().dtype(at::kLong));
    const auto before = tied.logical_and(number.unsqueeze(0).lt(Table::rows(batch, number)));
    const auto count = [](const at::Tensor& mask) { return mask.sum(1, /*keepdim=*/true).to(at::kDouble); };
    const auto log_weight = at::log1p(-count(before) / count(tied).clamp_min(1));
    return at::where(tied, log_weight, at::zeros_like(log_weight));
}

}  // namespace

at::Tensor cox_loss_sum(const SurvivalBatch& batch, CoxTies ties) {
    const Table table(batch);
    const auto at_risk = table.all_times.ge(table.time);
    auto risks = table.all_risks;
    if (ties == CoxTies::efron) risks = risks + efron_log_weights(batch, table);
    // Each row has its own person at least; rows without an event are computed too, rather than that the device waits for their number.
    const auto log_sum = at::where(at_risk, risks, -std::numeric_limits<double>::infinity()).logsumexp(1);
    const auto each = log_sum - table.risk.squeeze(1);
    return at::where(table.event.squeeze(1), each, at::zeros_like(each)).sum().to(batch.dtype);
}

PairwiseLoss concordance_loss_sum(const SurvivalBatch& batch) {
    const Table table(batch);
    const auto later = table.all_times.gt(table.time);
    const auto censored_then = table.all_times.eq(table.time).logical_and(table.all_events.logical_not());
    const auto comparable = later.logical_or(censored_then).logical_and(table.event);
    const auto lack = -at::log_sigmoid(table.risk - table.all_risks) / std::numbers::ln2;
    return {.sum = at::where(comparable, lack, at::zeros_like(lack)).sum().to(batch.dtype), .pairs = comparable.sum()};
}

}  // namespace vox::loss
