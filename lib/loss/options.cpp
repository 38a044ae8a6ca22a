#include "loss/options.hpp"

#include "config/section.hpp"
#include "core/text.hpp"

namespace vox::loss {

void DiceLossOptions::read(config::Section& section) {
    section.value("smooth_nr", smooth_nr, "added to the numerator of the Dice loss");
    section.value("smooth_dr", smooth_dr,
                  "added to the denominator of the Dice loss; keeps an empty region from 0 / 0");
    section.value("squared_pred", squared_pred, "square predictions and truth in the denominator of the Dice loss");
    section.require(smooth_nr >= 0.0, "smooth_nr must not be negative");
    section.require(smooth_dr > 0.0, "smooth_dr must be above 0: an empty region would be 0 / 0");
}

Options Options::of(const std::string& name) {
    Options options;
    options.name = name;
    if (name != "dice_sigmoid") options.dice = {.smooth_nr = 1e-5, .smooth_dr = 1e-5, .squared_pred = false};
    return options;
}

void Options::read(config::Section& section) {
    section.choice("name", name, {"dice_sigmoid", "dice_focal", "dice_ce"},
                   "dice_sigmoid: a sigmoid a region; dice_focal, dice_ce: a softmax over exclusive classes");
    *this = of(name);
    dice.read(section);
    section.value("include_background", include_background,
                  "dice_focal, dice_ce: the background is a class of the Dice and focal parts (ce always sees it)");
    section.value("focal_gamma", focal_gamma, "dice_focal: how much voxels that are right count less; 0: not at all");
    section.value("lambda_dice", lambda_dice, "dice_focal, dice_ce: factor of the Dice part");
    section.value("lambda_focal", lambda_focal, "dice_focal: factor of the focal part");
    section.value("lambda_ce", lambda_ce, "dice_ce: factor of the cross-entropy part");
    section.require(focal_gamma >= 0.0, "focal_gamma must not be negative");
    section.require(lambda_dice >= 0.0 && lambda_focal >= 0.0 && lambda_ce >= 0.0,
                    "lambda_dice, lambda_focal and lambda_ce must not be negative");
    const double other = name == "dice_focal" ? lambda_focal : lambda_ce;
    section.require(name == "dice_sigmoid" || lambda_dice + other > 0,
                    core::concat("lambda_dice and ", name == "dice_focal" ? "lambda_focal" : "lambda_ce",
                                 " are both 0: there is nothing to train by; give one of them a weight"));
}

}  // namespace vox::loss
