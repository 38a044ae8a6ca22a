#include "loss/options.hpp"

#include "config/section.hpp"

namespace vox::loss {

void DiceLossOptions::read(config::Section& section) {
    section.value("smooth_nr", smooth_nr, "added to the numerator of the Dice loss");
    section.value("smooth_dr", smooth_dr,
                  "added to the denominator of the Dice loss; keeps an empty region from 0 / 0");
    section.value("squared_pred", squared_pred, "square predictions and truth in the denominator of the Dice loss");
    section.require(smooth_nr >= 0.0, "smooth_nr must not be negative");
    section.require(smooth_dr > 0.0, "smooth_dr must be above 0: an empty region would be 0 / 0");
}

}  // namespace vox::loss
