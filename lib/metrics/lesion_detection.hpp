#pragma once
// Lesions that were found and missed, and false alarms, over all cases: the figures of the PI-CAI challenge (package
// picai_eval 1.4.13).

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace vox::metrics {

/// What the lesion candidates of one case are worth.  A candidate that overlaps enough with a lesion for which another one
/// counts is neither a hit nor a false alarm.
struct CaseDetections {
    std::vector<double> hits;  // confidences of candidates that found a lesion, one a lesion
    std::vector<double> false_alarms;  // confidences of candidates that overlap enough with no lesion
    int64_t missed = 0;  // lesions that no candidate found
    double confidence = 0;  // that the case has a lesion: the highest of all candidates; 0 without any
};

/// Lesions and candidates are matched one to one where their intersection is at least `min_overlap` of their union: as many
/// as possible, and of all ways to do so the one with most overlap (the sum of 1 + overlap is as large as it can be; which of
/// equal ones is up to the order of the candidates, as it is up to scipy in picai_eval).
/// candidates and lesions [D,H,W] int32 on the host: a number from 1, 0 outside; `confidences` of candidate n + 1.
/// Any rank, no communication.  Throws InternalError where shapes or numbers do not fit.
CaseDetections match_lesions(const at::Tensor& candidates, std::span<const double> confidences,
                             const at::Tensor& lesions, double min_overlap = 0.1);

/// Over all lesions and candidates of all cases: the sum over confidences c, highest first, of precision at c times what c
/// adds to recall; a missed lesion counts in the recall only.  NaN where there is no lesion at all.
double average_precision(std::span<const CaseDetections> cases);

/// Area under the receiver operating characteristic of cases with a lesion against those without, by their confidence:
/// the share of pairs in which the case with a lesion has the higher one, equal ones count half.  NaN where there are not both.
double case_auroc(std::span<const CaseDetections> cases);

}  // namespace vox::metrics
