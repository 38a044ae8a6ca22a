#pragma once

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

}  // namespace vox::loss
