#pragma once

#include <ATen/core/Tensor.h>

#include "metrics/figures.hpp"
#include "metrics/lesion_detection.hpp"

namespace vox::tasks {

/// Any rank, no communication: candidates of the probability map (infer::lesion_candidates, `threshold` as there) against the
/// lesions of the truth: its components of 26 neighbours.  probabilities [D,H,W] floating, truth [D,H,W] bool.
metrics::CaseDetections detect_lesions(const at::Tensor& probabilities, const at::Tensor& truth, double threshold);

/// As named numbers, every bit of them, and back: other names are passed over.
void append_detections(metrics::Figures& figures, const metrics::CaseDetections& detections);
metrics::CaseDetections detections_among(const metrics::Figures& figures);

}  // namespace vox::tasks
