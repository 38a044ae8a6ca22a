#include "nn/options.hpp"

#include <algorithm>

#include "config/section.hpp"
#include "core/text.hpp"

namespace vox::nn {

void ModelOptions::read(config::Section& section) {
    section.choice("name", name, {"segresnet"}, "the network");
    section.value("init_filters", init_filters, "channels at full size; they double at every level below");
    section.value("blocks_down", blocks_down, "residual blocks of each level of the encoder, from full size down");
    section.value("blocks_up", blocks_up, "residual blocks of each level of the decoder, one level less");
    section.choice("norm", norm, {"group", "batch", "sync_batch", "instance"},
                   "normalisation; sync_batch takes its statistics over the items of all ranks");
    section.value("norm_groups", norm_groups, "groups of norm: group; must divide init_filters");
    section.value("dropout_prob", dropout_prob, "share of channels that training drops after the first convolution");
    section.value("activation_checkpointing", activation_checkpointing,
                  "keep no activations of residual blocks and compute them again in backward: less memory, more time");
    section.value("channels_last_3d", channels_last_3d, "let activations lie with the channel as the fastest axis");
    const auto found = problem();
    section.require(found.empty(), found);
}

std::string ModelOptions::problem() const {
    const auto positive = [](int64_t n) { return n > 0; };
    if (init_filters < 1) return core::concat("init_filters is ", init_filters, ", it must be at least 1");
    if (blocks_down.empty() || blocks_down.size() > 16) return "blocks_down must have 1 to 16 levels";
    if (blocks_up.size() + 1 != blocks_down.size()) {
        return core::concat("blocks_up has ", blocks_up.size(), " levels for the ", blocks_down.size(),
                            " of blocks_down, it must have one less");
    }
    if (!std::ranges::all_of(blocks_down, positive)) return "blocks_down must hold numbers of at least 1";
    if (!std::ranges::all_of(blocks_up, positive)) return "blocks_up must hold numbers of at least 1";
    if (norm == "group" && (norm_groups < 1 || init_filters % norm_groups != 0)) {
        return core::concat("norm_groups is ", norm_groups, ", it must divide init_filters, which is ", init_filters);
    }
    if (!(dropout_prob >= 0.0 && dropout_prob < 1.0)) {
        return core::concat("dropout_prob is ", dropout_prob, ", it must be at least 0 and below 1");
    }
    return "";
}

}  // namespace vox::nn
