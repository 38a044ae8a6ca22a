#pragma once
// How good a volume made of X-rays is.

#include <ATen/core/Tensor.h>

#include <span>

#include "data/batch.hpp"
#include "metrics/figures.hpp"
#include "report/figures_table.hpp"
#include "report/png.hpp"
#include "tasks/xray_to_ct_facts.hpp"
#include "tasks/xray_to_ct_predictor.hpp"
#include "train/task.hpp"

namespace vox::tasks {

/// A case of shards at the size of a stage, and what was made of its views.
struct JudgedCt {
    data::Sample sample;  // image [1,D,H,W], -1 .. 1: the truth
    core::Double3 spacing_mm{};  // D,H,W of the stage's voxels
    GeneratedCt generated;
    GeneratedCt of_truth;  // from the true volume in place of that of the stage before; undefined in the first stage
};

/// Any rank, no communication: makes the volume of a case's views, with the run's own options.
JudgedCt judge_xray_to_ct(const data::ShardReader& reader, size_t case_index, XrayToCtPredictor& predictor);

/// psnr, ssim, mae_hu of the mean, and drr: the mean over views and pixels of (radiograph of the volume - X-ray)^2, in units of
/// loss::projection_errors_per_item.  psnr_one of the first of several samples.  Stage 2 and 3: psnr_true_previous, where the stage
/// before was perfect.  PSNR and SSIM where the window is 0 .. 1.
metrics::Figures xray_to_ct_figures(const JudgedCt& judged, const XrayToCtFacts& facts);

/// The mean of each figure over the cases.
metrics::Figures summarise_xray_to_ct(std::span<const train::CaseFigures> cases);

/// A row a case.
report::FiguresTable xray_to_ct_table(std::span<const train::CaseFigures> cases, const XrayToCtFacts& facts);

/// Truth, mean, and with several samples their standard deviation.
report::Image draw_xray_to_ct(const JudgedCt& judged);

}  // namespace vox::tasks
