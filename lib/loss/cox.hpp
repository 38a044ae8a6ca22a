#pragma once
// Losses of risks whose outcomes are censored: who is at higher risk should have the event earlier.  No communication: over ranks by
// gather_survival_batch.

#include "loss/survival_batch.hpp"

namespace vox::loss {

/// What several events at one time count.  Breslow 1974: the risk of all who are at risk, for each of them.  Efron 1977: the second one's
/// without a share of those who had one, as if they came one after the other in an unknown order.
enum class CoxTies { breslow, efron };

/// Minus the logarithm of Cox's partial likelihood: the sum over this rank's events i of  log sum_j w_ij exp(risk_j) - risk_i,  j over all
/// who are at risk, whose time is that of i or later, events and censored alike.  w is 1; by Efron, with d events at one time, that of the
/// k-th (from 0, in order of rows) has w = 1 - k / d for those d.  Scalar in the batch's dtype, computed in float64 by logsumexp, so that
/// risks of any size are fine; 0 with a graph where there are no events.  The sum over ranks does not depend on how people are shared out.
/// Its weight, by which the trainer divides: the number of events.  Memory is own people times all.
at::Tensor cox_loss_sum(const SurvivalBatch& batch, CoxTies ties);

/// A smooth form of the concordance index (Raykar et al., "On ranking in survival analysis", 2007): the sum over pairs of this rank's
/// events i with those j who are known to have theirs later (metrics/survival_concordance.hpp) of  log2(1 + exp(risk_j - risk_i)),  which
/// is no less than what the pair lacks of being concordant.  Scalar as above; 0 with a graph where no pair is comparable.
struct PairwiseLoss {
    at::Tensor sum;
    at::Tensor pairs;  // int64 scalar, on the same device: its weight
};
PairwiseLoss concordance_loss_sum(const SurvivalBatch& batch);

}  // namespace vox::loss
