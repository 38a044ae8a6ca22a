#pragma once

#include "data/batch.hpp"
#include "report/png.hpp"
#include "tasks/regions.hpp"

namespace vox::tasks {

/// Input channels, truth and prediction beside each other, through the slices with most truth.
/// prediction [D,H,W] uint8, values of the label scheme.
report::Image draw_case(const data::Sample& sample, const at::Tensor& prediction, const SegmentationFacts& facts);

}  // namespace vox::tasks
