#include "nn/tabular_fusion_options.hpp"

#include <algorithm>
#include <vector>

#include "config/section.hpp"
#include "core/text.hpp"

namespace vox::nn {

void TabularFusionOptions::read(config::Section& section) {
    section.choice("fusion", fusion, {"none", "concatenation", "film"},
                   "how the table's features join those of the volume: beside them before the last layer, or as their "
                   "scale and shift");
    section.value("hidden_channels", hidden_channels,
                  "channels of the two layers that the table's features go through");
    section.value("dropout_prob", dropout_prob, "share of values that training drops between these two layers");
    const auto found = problem();
    section.require(found.empty(), found);
}

std::string TabularFusionOptions::problem() const {
    static const std::vector<std::string> kinds{"none", "concatenation", "film"};
    if (std::ranges::find(kinds, fusion) == kinds.end()) {
        return core::concat("fusion is '", fusion, "', it must be one of ", core::join(kinds));
    }
    if (hidden_channels < 1 || hidden_channels > 65536) {
        return core::concat("hidden_channels is ", hidden_channels, ", it must be 1 to 65536");
    }
    if (!(dropout_prob >= 0.0 && dropout_prob < 1.0)) {
        return core::concat("dropout_prob is ", dropout_prob, ", it must be at least 0 and below 1");
    }
    const TabularFusionOptions usual;
    if (!is_used() && (hidden_channels != usual.hidden_channels || dropout_prob != usual.dropout_prob)) {
        return "fusion is none, so that hidden_channels and dropout_prob would change nothing: leave them out, or "
               "choose "
               "concatenation or film";
    }
    return "";
}

}  // namespace vox::nn
