#pragma once
// From a probability map to places that may be lesions, each with a confidence: as the PI-CAI challenge takes them
// (package report_guided_annotation 0.3.4, extract_lesion_candidates).

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace vox::infer {

/// How a probability map falls apart into candidates.  The constants are the challenge's.
struct LesionCandidateOptions {
    /// Above 0: voxels with at least this probability, in components of 26 neighbours (the package's threshold=number).
    /// 0: one candidate after the other, from the highest probability that is left down to 1/2.5 of it, at most five,
    /// never beside an earlier one (threshold="dynamic-v2"; PI-CAI's "dynamic" stops where a component of at most ten
    /// voxels has the highest probability, v2 passes over it).
    double threshold = 0;
    int64_t min_voxels = 10;  // components of that many voxels or fewer are none
    double factor = 2.5;  // dynamic: a candidate reaches down to its maximum divided by this
    size_t most = 5;  // dynamic: candidates of a case
    double least_peak = 0.01;  // dynamic: ends where no voxel is left with this probability
};

/// Candidates are counted from 1; none shares a voxel with another one.
struct LesionCandidates {
    at::Tensor number;  // [D,H,W] int32 on the host: the candidate, or 0
    std::vector<double> confidence;  // of candidate n + 1: the highest probability within
};

/// probabilities [D,H,W] floating on any device; computes in float32.  Any rank, no communication.  Throws InternalError for
/// another shape.
LesionCandidates lesion_candidates(const at::Tensor& probabilities, const LesionCandidateOptions& options);

}  // namespace vox::infer
