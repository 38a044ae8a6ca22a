#pragma once
// How near a generated channel is to the true one.

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

#include "metrics/figures.hpp"
#include "report/figures_table.hpp"
#include "tasks/synthesis_predictor.hpp"
#include "train/task.hpp"

namespace vox::tasks {

/// truth [D,H,W] in intensities.  Both volumes lie where the median training window is 0 .. 1 (SynthesisFacts::windows; what lies outside
/// is clipped), so that PSNR's data range is 1 and neither is scaled by the hidden truth.  Figures, named with the channel
/// ("psnr_brain/t1ce"): psnr, ssim, mae, mse over the whole volume, and the same with "_brain" where any condition shows something; of the
/// mean over the samples, and where there are several psnr_brain of one sample too ("psnr_brain_one/t1ce").  Any rank.
metrics::Figures synthesis_figures(const GeneratedChannel& generated, const at::Tensor& truth,
                                   const SynthesisFacts& facts);

/// Means over the cases: of each figure over all channels ("psnr_brain"), then, where several were generated, of each channel
/// ("psnr_brain/t1ce").
metrics::Figures summarise_synthesis(std::span<const train::CaseFigures> cases);

/// A row a case, named with its channel; a column a figure.
report::FiguresTable synthesis_table(std::span<const train::CaseFigures> cases);

}  // namespace vox::tasks
