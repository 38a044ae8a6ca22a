#pragma once

#include "data/batch.hpp"
#include "report/png.hpp"
#include "tasks/synthesis_predictor.hpp"

namespace vox::tasks {

/// The conditions, the true channel and the generated one beside each other, and the spread of the samples where there are several;
/// through the middle of the foreground.  truth [D,H,W] in intensities.
report::Image draw_synthesis(const data::Sample& sample, const GeneratedChannel& generated, const at::Tensor& truth,
                             const SynthesisFacts& facts);

}  // namespace vox::tasks
