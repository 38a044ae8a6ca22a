#include "loss/compound.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "loss/cross_entropy.hpp"
#include "loss/dice.hpp"
#include "loss/focal.hpp"

namespace vox::loss {

std::vector<Part> compound_parts(const Options& options) {
    const Part dice{"dice", options.lambda_dice};
    if (options.name == "dice_focal") return {dice, {"focal", options.lambda_focal}};
    if (options.name == "dice_ce") return {dice, {"ce", options.lambda_ce}};
    throw core::InternalError(core::concat("loss '", options.name, "' is not made of parts over classes"));
}

std::vector<at::Tensor> compound_losses_per_item(const at::Tensor& logits, const at::Tensor& labels,
                                                 const Options& options) {
    std::vector<at::Tensor> losses;
    for (const auto& part : compound_parts(options)) {
        if (part.name == "dice")
            losses.push_back(softmax_dice_loss_per_item(logits, labels, options.include_background, options.dice));
        else if (part.name == "focal")
            losses.push_back(focal_loss_per_item(logits, labels, options.include_background, options.focal_gamma));
        else
            losses.push_back(cross_entropy_per_item(logits, labels));
    }
    return losses;
}

}  // namespace vox::loss
