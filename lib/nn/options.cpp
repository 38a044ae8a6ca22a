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

/// The keys that not every network has.
struct OwnKey {
    const char* name;
    std::vector<std::string> networks;
    bool is_changed;  // from the default of the network that is named
};

std::vector<OwnKey> own_keys(const ModelOptions& o) {
    const auto usual = ModelOptions::of(o.name);
    return {{"init_filters", {"segresnet"}, o.init_filters != usual.init_filters},
            {"blocks_down", {"segresnet"}, o.blocks_down != usual.blocks_down},
            {"blocks_up", {"segresnet"}, o.blocks_up != usual.blocks_up},
            {"channels", {"unet"}, o.channels != usual.channels},
            {"strides", {"unet"}, o.strides != usual.strides},
            {"num_res_units", {"unet"}, o.num_res_units != usual.num_res_units},
            {"base_channels", {"fast_ddpm_3d"}, o.base_channels != usual.base_channels},
            {"channel_multipliers", {"fast_ddpm_3d"}, o.channel_multipliers != usual.channel_multipliers},
            {"num_res_blocks", {"fast_ddpm_3d"}, o.num_res_blocks != usual.num_res_blocks},
            {"attention_levels", {"fast_ddpm_3d"}, o.attention_levels != usual.attention_levels},
            {"norm_groups",
             {"segresnet", "fast_ddpm_3d", "resnet_3d", "xray_to_ct", "prompted_segmentor"},
             o.norm_groups != usual.norm_groups},
            {"activation_checkpointing",
             {"segresnet", "unet", "fast_ddpm_3d", "resnet_3d", "xray_to_ct"},
             o.activation_checkpointing != usual.activation_checkpointing},
            {"channels_last_3d",
             {"segresnet", "unet", "fast_ddpm_3d", "resnet_3d"},
             o.channels_last_3d != usual.channels_last_3d}};
}

/// A key of another network would change nothing.
std::string foreign_key_problem(const ModelOptions& o) {
    std::vector<std::string> own;
    const auto keys = own_keys(o);
    for (const auto& key : keys) {
        if (std::ranges::count(key.networks, o.name) > 0) own.emplace_back(key.name);
    }
    for (const auto& key : keys) {
        if (!key.is_changed || std::ranges::count(key.networks, o.name) > 0) continue;
        return core::concat(key.name, " is of ", core::join(key.networks), "; ", o.name, " has ", core::join(own));
    }
    return "";
}

std::string segresnet_problem(const ModelOptions& o) {
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

std::string fast_ddpm_3d_problem(const ModelOptions& o) {
    const int64_t base = o.base_channels;
    const auto levels = static_cast<int64_t>(o.channel_multipliers.size());
    if (base < 4 || base > 4096 || base % 2 != 0) {
        return core::concat("base_channels is ", base, ", it must be an even number from 4 to 4096");
    }
    if (levels < 1 || levels > 16) return "channel_multipliers must have 1 to 16 levels";
    if (!all_between(o.channel_multipliers, 1, 64)) return "channel_multipliers must hold numbers from 1 to 64";
    if (o.num_res_blocks < 1 || o.num_res_blocks > 64) {
        return core::concat("num_res_blocks is ", o.num_res_blocks, ", it must be from 1 to 64");
    }
    if (!all_between(o.attention_levels, 0, levels - 1)) {
        return core::concat("attention_levels must hold levels from 0, the full size, to ", levels - 1);
    }
    if (std::ranges::adjacent_find(o.attention_levels, std::greater_equal<>()) != o.attention_levels.end()) {
        return "attention_levels must rise: each level once, the full size first";
    }
    // Then it divides those of every level and of what is joined of two levels.
    if (o.norm == "group" && (o.norm_groups < 1 || base % o.norm_groups != 0)) {
        return core::concat("norm_groups is ", o.norm_groups, ", it must divide base_channels, which is ", base);
    }
    return "";
}

std::string resnet_3d_problem(const ModelOptions& o) {
    return o.dropout_prob == 0
               ? ""
               : "dropout_prob: resnet_3d drops nothing; resnet_3d.tabular.dropout_prob is of its table";
}

std::string xray_to_ct_problem(const ModelOptions& o) {
    if (o.norm == "group" && (o.norm_groups < 1 || 64 % o.norm_groups != 0)) {
        return core::concat("norm_groups is ", o.norm_groups,
                            ", it must divide 64, the channels of the X-ray encoder's first layer");
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
    if (name == "fast_ddpm_3d") {
        options.norm_groups = 32;
        options.dropout_prob = 0.1;
    }
    if (name == "resnet_3d") {
        options.norm = "batch";
        options.dropout_prob = 0;
    }
    if (name == "xray_to_ct" || name == "prompted_segmentor") options.dropout_prob = 0.1;
    return options;
}

void ModelOptions::read(config::Section& section) {
    const std::string before = name;
    section.choice(
        "name", name, {"segresnet", "unet", "fast_ddpm_3d", "resnet_3d", "xray_to_ct", "prompted_segmentor"},
        "the network; the sizes of resnet_3d, xray_to_ct and prompted_segmentor are in the sections of these names");
    if (name != before) *this = of(name);
    section.value("init_filters", init_filters, "segresnet: channels at full size; they double at every level below");
    section.value("blocks_down", blocks_down,
                  "segresnet: residual blocks of each level of the encoder, from full size down");
    section.value("blocks_up", blocks_up, "segresnet: residual blocks of each level of the decoder, one level less");
    section.value("channels", channels, "unet: channels of each level of the encoder, the bottom last");
    section.value("strides", strides, "unet: by what each level divides the size, one level less");
    section.value("num_res_units", num_res_units, "unet: convolutions of a residual unit of the encoder");
    section.value("base_channels", base_channels,
                  "fast_ddpm_3d: channels of the first convolution and of the timestep's embedding");
    section.value("channel_multipliers", channel_multipliers,
                  "fast_ddpm_3d: channels of each level in units of base_channels, from full size down");
    section.value("num_res_blocks", num_res_blocks,
                  "fast_ddpm_3d: residual blocks of each level of the encoder; the decoder has one more");
    section.value("attention_levels", attention_levels,
                  "fast_ddpm_3d: levels whose blocks end in self-attention, 0 is the full size; the middle has it with "
                  "the deepest level");
    section.choice("norm", norm, {"group", "batch", "sync_batch", "instance"},
                   "normalisation (default of unet and resnet_3d: batch); sync_batch takes its statistics over the "
                   "items of all ranks");
    section.value(
        "norm_groups", norm_groups,
        "groups of norm: group; must divide init_filters, base_channels (default of fast_ddpm_3d: 32), each of "
        "resnet_3d.block_inplanes, 64 of xray_to_ct, or each of prompted_segmentor.channels");
    section.value(
        "dropout_prob", dropout_prob,
        "share that training drops: channels after the first convolution of segresnet, values after every "
        "normalisation of unet (its default: 0.15), values within every block of fast_ddpm_3d (0.1), values after "
        "attentions and in MLPs of xray_to_ct and prompted_segmentor (0.1); resnet_3d has none but "
        "resnet_3d.tabular.dropout_prob");
    section.value(
        "activation_checkpointing", activation_checkpointing,
        "keep no activations of residual, transformer and decoder blocks and compute them again in backward: less "
        "memory, more time");
    section.value("channels_last_3d", channels_last_3d, "let activations lie with the channel as the fastest axis");
    const auto found = problem();
    section.require(found.empty(), found);
}

int64_t ModelOptions::size_divisor() const {
    if (name == "xray_to_ct") return 1;  // its stages say the sizes of their volumes
    if (name == "resnet_3d") return 1;   // takes volumes of any size
    if (name == "prompted_segmentor") return 1;  // the depth of its encoder is not known here
    if (name == "unet") return std::accumulate(strides.begin(), strides.end(), int64_t{1}, std::multiplies<>());
    const auto& levels = name == "fast_ddpm_3d" ? channel_multipliers : blocks_down;
    return int64_t{1} << (levels.size() - 1);
}

std::string ModelOptions::problem() const {
    if (!(dropout_prob >= 0.0 && dropout_prob < 1.0)) {
        return core::concat("dropout_prob is ", dropout_prob, ", it must be at least 0 and below 1");
    }
    if (auto text = foreign_key_problem(*this); !text.empty()) return text;
    if (name == "unet") return unet_problem(*this);
    if (name == "xray_to_ct") return xray_to_ct_problem(*this);
    if (name == "resnet_3d") return resnet_3d_problem(*this);
    if (name == "prompted_segmentor") return "";  // PromptedSegmentorOptions looks
    return name == "fast_ddpm_3d" ? fast_ddpm_3d_problem(*this) : segresnet_problem(*this);
}

}  // namespace vox::nn
