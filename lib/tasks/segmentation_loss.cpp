#include "tasks/segmentation_loss.hpp"

#include "infer/compose_labels.hpp"
#include "loss/compound.hpp"
#include "loss/dice.hpp"

namespace vox::tasks {

SegmentationLoss::SegmentationLoss(loss::Options options, const SegmentationFacts& facts)
    : options_(std::move(options)), scheme_(facts.scheme) {
    for (size_t k = 0; k < facts.active.size(); ++k)
        if (facts.active[k]) active_.push_back(static_cast<int64_t>(k));
    if (options_.exclusive()) {
        for (const auto& part : loss::compound_parts(options_)) terms_.push_back({part.name, part.coefficient});
        return;
    }
    for (const int64_t k : active_)
        terms_.push_back(
            {"dice_" + scheme_.regions[static_cast<size_t>(k)].name, 1.0 / static_cast<double>(active_.size())});
}

std::vector<at::Tensor> SegmentationLoss::sums(const at::Tensor& logits, const at::Tensor& label) const {
    std::vector<at::Tensor> sums;
    if (options_.exclusive()) {
        const at::Tensor classes = infer::classes_of_labels(label, scheme_);  // [B,D,H,W]
        for (const auto& losses : loss::compound_losses_per_item(logits, classes, options_))
            sums.push_back(losses.sum());
        return sums;
    }
    const at::Tensor target = infer::region_masks(label, scheme_);                      // [B,K,D,H,W] bool
    const at::Tensor losses = loss::dice_loss_per_item(logits, target, options_.dice);  // [B,K]
    for (const int64_t k : active_) sums.push_back(losses.select(1, k).sum());
    return sums;
}

}  // namespace vox::tasks
