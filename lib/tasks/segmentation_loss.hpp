#pragma once
// What a segmentation network learns from: the loss that section `loss` names, on the channels that the facts describe.

#include <ATen/core/Tensor.h>

#include <vector>

#include "loss/options.hpp"
#include "tasks/regions.hpp"
#include "train/task.hpp"

namespace vox::tasks {

/// Its terms are "dice_<region>" of the learnt regions where each region has a sigmoid, else the parts of the compound loss.
/// Inactive regions have no term of their own; among classes they stay one, whose truth is empty.
class SegmentationLoss {
public:
    SegmentationLoss(loss::Options options, const SegmentationFacts& facts);

    const std::vector<train::Term>& terms() const { return terms_; }

    /// Per term the sum over the items, scalars with a graph; each item counts 1.  logits [B,out_channels,D,H,W] floating,
    /// label [B,D,H,W] uint8, values of the label scheme.  Any rank, no communication.  B may be 0.
    std::vector<at::Tensor> sums(const at::Tensor& logits, const at::Tensor& label) const;

private:
    loss::Options options_;
    data::LabelScheme scheme_;
    std::vector<int64_t> active_;  // indices of the regions that are learnt
    std::vector<train::Term> terms_;
};

}  // namespace vox::tasks
