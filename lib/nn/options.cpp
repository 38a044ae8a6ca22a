#include "nn/options.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "config/section.hpp"
#include "core/text.hpp"

namespace vox::nn {
namespace {

bool all_between(const std::vector<int64_t>& numbers, int64_t low, int64_t high) {
    return std::ranges::all_of(numbers, [&](int64_t n) { return n >= low && n <= high; });
}

std::string one_less(const char* key, size_t count, const char* of_key, size_t of_count) {
    if (count + 1 == of_count) return "";
    return core::concat(key, " has ", count, " levels for the ", of_count, " of ", of_key, ", it must have one less");
}

std::string segresnet_problem(const ModelOptions& o) {
    const ModelOptions usual;
    if (o.channels != usual.channels || o.strides != usual.strides || o.num_res_units != usual.num_res_units) {
        return "channels, strides and num_res_units are of unet; segresnet has init_filters, blocks_down and blocks_up";
    }
    if (o.init_filters < 1) return core::concat("init_filters is ", o.init_filters, ", it must be at least 1");
    if (o.blocks_down.empty() || o.blocks_down.size() > 16) return "blocks_down must have 1 to 16 levels";
    if (auto text = one_less("blocks_up", o.blocks_up.size(), "blocks_down", o.blocks_down.size()); !text.empty()) {
        return text;
    }
    if (!all_between(o.blocks_down, 1, INT64_MAX)) return "blocks_down must hold numbers of at least 1";
    if (!all_between(o.blocks_up, 1, INT64_MAX)) return "blocks_up must hold numbers of at least 1";
    if (o.norm == "group" && (o.norm_groups < 1 || o.init_filters % o.norm_groups != 0)) {
        return core::concat("norm_groups is ", o.norm_groups, ", it must divide init_filters, which is ",
                            o.init_filters);
    }
    return "";
}

std::string unet_problem(const ModelOptions& o) {
    const ModelOptions usual;
    if (o.init_filters != usual.init_filters || o.blocks_down != usual.blocks_down || o.blocks_up != usual.blocks_up ||
        o.norm_groups != usual.norm_groups) {
        return "init_filters, blocks_down, blocks_up and norm_groups are of segresnet; unet has channels, strides and "
               "num_res_units";
    }
    if (o.channels.size() < 2 || o.channels.size() > 16) return "channels must have 2 to 16 levels";
    if (auto text = one_less("strides", o.strides.size(), "channels", o.channels.size()); !text.empty()) return text;
    if (!all_between(o.channels, 1, INT64_MAX)) return "channels must hold numbers of at least 1";
    if (!all_between(o.strides, 1, 8)) return "strides must hold numbers from 1 to 8";
    if (o.num_res_units < 1) return core::concat("num_res_units is ", o.num_res_units, ", it must be at least 1");
    if (o.norm == "group") {
        return "norm is group, but the last layers of unet have as many channels as there are classes, which no groups "
               "divide: choose batch, sync_batch or instance";
    }
    return "";
}

}  // namespace

ModelOptions ModelOptions::of(const std::string& name) {
    ModelOptions options;
    options.name = name;
    if (name == "unet") {
        options.norm = "batch";
        options.dropout_prob = 0.15;
    }
    return options;
}

void ModelOptions::read(config::Section& section) {
    const std::string before = name;
    section.choice("name", name, {"segresnet", "unet"}, "the network");
    if (name != before) *this = of(name);
    section.value("init_filters", init_filters, "segresnet: channels at full size; they double at every level below");
    section.value("blocks_down", blocks_down,
                  "segresnet: residual blocks of each level of the encoder, from full size down");
    section.value("blocks_up", blocks_up, "segresnet: residual blocks of each level of the decoder, one level less");
    section.value("channels", channels, "unet: channels of each level of the encoder, the bottom last");
    section.value("strides", strides, "unet: by what each level divides the size, one level less");
    section.value("num_res_units", num_res_units, "unet: convolutions of a residual unit of the encoder");
    section.choice(
        "norm", norm, {"group", "batch", "sync_batch", "instance"},
        "normalisation (default of unet: batch); sync_batch takes its statistics over the items of all ranks");
    section.value("norm_groups", norm_groups, "groups of norm: group; must divide init_filters");
    section.value("dropout_prob", dropout_prob,
                  "share that training drops: channels after the first convolution of segresnet, values after every "
                  "normalisation of unet (its default: 0.15)");
    section.value("activation_checkpointing", activation_checkpointing,
                  "keep no activations of residual blocks and compute them again in backward: less memory, more time");
    section.value("channels_last_3d", channels_last_3d, "let activations lie with the channel as the fastest axis");
    const auto found = problem();
    section.require(found.empty(), found);
}

int64_t ModelOptions::size_divisor() const {
    if (name == "unet") return std::accumulate(strides.begin(), strides.end(), int64_t{1}, std::multiplies<>());
    return int64_t{1} << (blocks_down.size() - 1);
}

std::string ModelOptions::problem() const {
    if (!(dropout_prob >= 0.0 && dropout_prob < 1.0)) {
        return core::concat("dropout_prob is ", dropout_prob, ", it must be at least 0 and below 1");
    }
    return name == "unet" ? unet_problem(*this) : segresnet_problem(*this);
}

}  // namespace vox::nn
