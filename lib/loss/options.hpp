#pragma once

#include <string>

namespace vox::config {
class Section;
}

namespace vox::loss {

/// The constants of the Dice loss.  The defaults are those of MONAI's BraTS recipe.
struct DiceLossOptions {
    double smooth_nr = 0.0;   // added to the numerator
    double smooth_dr = 1e-5;  // added to the denominator
    bool squared_pred = true;

    void read(config::Section& section);
};

/// Section `loss` of a task that segments: which loss, and its constants.
struct Options {
    std::string name =
        "dice_sigmoid";  // of nested or separate regions; dice_focal and dice_ce are of exclusive classes
    DiceLossOptions dice;
    bool include_background = false;
    double focal_gamma = 2.0;
    double lambda_dice = 1.0;
    double lambda_focal = 1.0;
    double lambda_ce = 1.0;

    /// The loss `name` with the constants of its reference: MONAI's BraTS recipe, or its DiceFocalLoss and DiceCELoss.
    static Options of(const std::string& name);

    /// dice_focal and dice_ce choose among classes that exclude each other, the background one of them.
    bool exclusive() const { return name != "dice_sigmoid"; }

    /// A key that is not given takes the constant of the loss that is named.  Throws ConfigError.
    void read(config::Section& section);
};

}  // namespace vox::loss
