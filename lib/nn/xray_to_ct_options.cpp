#include "nn/xray_to_ct_options.hpp"

#include <algorithm>
#include <bit>

#include "config/section.hpp"
#include "core/text.hpp"
#include "nn/norm.hpp"
#include "nn/options.hpp"

namespace vox::nn {
namespace {

constexpr int64_t kGroups = 8;  // of the normalisations of volumes
constexpr int64_t kPixelsPerToken = 32;  // of the X-ray encoder

bool between(int64_t value, int64_t low, int64_t high) { return value >= low && value <= high; }

}  // namespace

std::string stage_name(size_t index) { return core::concat("stage", index + 1); }

void XrayOptions::read(config::Section& section) {
    section.value("img_size", img_size, "rows and columns of an X-ray view; a multiple of 32");
    section.value("num_views", num_views, "X-ray views of a case: 1 is ap, 2 are ap and lateral");
    const auto found = problem();
    section.require(found.empty(), found);
}

std::string XrayOptions::problem() const {
    if (!between(img_size, kPixelsPerToken, 4096) || img_size % kPixelsPerToken != 0) {
        return core::concat("img_size is ", img_size, ", it must be a multiple of ", kPixelsPerToken, " from ",
                            kPixelsPerToken, " to 4096");
    }
    if (!between(num_views, 1, 2)) return core::concat("num_views is ", num_views, ", it must be 1 or 2");
    if (std::ranges::find(norm_kinds(), norm) == norm_kinds().end()) {
        return core::concat("norm is '", norm, "', it must be one of ", core::join(norm_kinds()));
    }
    if (norm == "group" && (norm_groups < 1 || 64 % norm_groups != 0)) {
        return core::concat("norm_groups is ", norm_groups, ", it must divide 64, the channels of the first layer");
    }
    return "";
}

void XrayToCtStage::read(config::Section& section) {
    section.value("volume_size", volume_size, "D, H, W of the stage's volume, multiples of patch_size");
    section.value("patch_size", patch_size, "edge in voxels of what becomes one token; a power of two");
    section.value("voxel_dim", voxel_dim, "channels of a token; a multiple of num_heads and of 8");
    section.value("vit_depth", vit_depth, "transformer blocks");
    section.value("num_heads", num_heads, "heads of each attention");
    const auto found = problem();
    section.require(found.empty(), found);
}

std::string XrayToCtStage::problem() const {
    if (!between(patch_size, 2, 64) || !std::has_single_bit(static_cast<uint64_t>(patch_size))) {
        return core::concat("patch_size is ", patch_size, ", it must be 2, 4, 8, 16, 32 or 64");
    }
    const auto fits = [&](int64_t size) { return between(size, patch_size, 4096) && size % patch_size == 0; };
    if (volume_size.size() != 3 || !std::ranges::all_of(volume_size, fits)) {
        return core::concat("volume_size is [", core::join(volume_size),
                            "], it must be three multiples of patch_size, which is ", patch_size, ", up to 4096");
    }
    if (!between(num_heads, 1, 1024)) return core::concat("num_heads is ", num_heads, ", it must be 1 to 1024");
    if (!between(voxel_dim, 1, 65536) || voxel_dim % num_heads != 0 || voxel_dim % kGroups != 0) {
        return core::concat("voxel_dim is ", voxel_dim, ", it must be a multiple of num_heads, which is ", num_heads,
                            ", and of ", kGroups);
    }
    if (!between(vit_depth, 1, 1024)) return core::concat("vit_depth is ", vit_depth, ", it must be 1 to 1024");
    return "";
}

int64_t XrayToCtStage::levels() const { return std::countr_zero(static_cast<uint64_t>(patch_size)); }

std::array<int64_t, 3> XrayToCtStage::token_grid() const {
    return {volume_size[0] / patch_size, volume_size[1] / patch_size, volume_size[2] / patch_size};
}

std::vector<int64_t> XrayToCtStage::channels() const {
    std::vector<int64_t> all(static_cast<size_t>(levels()));
    int64_t width = 64;
    for (auto level = all.rbegin(); level != all.rend(); ++level) {
        *level = width;
        width = std::max(kGroups, width / 2);
    }
    return all;
}

std::array<XrayToCtStage, XrayToCtOptions::kMostStages> XrayToCtOptions::default_stages() {
    return {
        XrayToCtStage{.volume_size = {64, 64, 64}, .patch_size = 4, .voxel_dim = 256, .vit_depth = 4, .num_heads = 4},
        XrayToCtStage{
            .volume_size = {128, 128, 128}, .patch_size = 8, .voxel_dim = 384, .vit_depth = 6, .num_heads = 6},
        XrayToCtStage{
            .volume_size = {256, 256, 256}, .patch_size = 16, .voxel_dim = 512, .vit_depth = 8, .num_heads = 8}};
}

void XrayToCtOptions::read(config::Section& section, const ModelOptions& model) {
    xray.norm = model.norm;
    xray.norm_groups = model.norm_groups;
    dropout_prob = model.dropout_prob;
    activation_checkpointing = model.activation_checkpointing;
    section.value("num_stages", num_stages, "stages of the cascade, 1 to 3, from stage1 on");
    xray.read(section);
    for (size_t i = 0; i < stages.size(); ++i) {
        auto one = section.section(stage_name(i), "the network of one volume size of the cascade");
        stages[i].read(one);
    }
    const auto found = problem();
    section.require(found.empty(), found);
}

std::string XrayToCtOptions::problem() const {
    if (auto text = xray.problem(); !text.empty()) return text;
    if (!between(num_stages, 1, kMostStages)) {
        return core::concat("num_stages is ", num_stages, ", it must be 1, 2 or 3");
    }
    if (!(dropout_prob >= 0.0 && dropout_prob < 1.0)) {
        return core::concat("dropout_prob is ", dropout_prob, ", it must be at least 0 and below 1");
    }
    const auto usual = default_stages();
    for (size_t i = 0; i < stages.size(); ++i) {
        const auto& stage = stages[i];
        if (auto text = stage.problem(); !text.empty()) return core::concat(stage_name(i), ".", text);
        const bool used = i < static_cast<size_t>(num_stages);
        if (!used && stage != usual[i]) {
            return core::concat(stage_name(i), " is given, but num_stages is ", num_stages,
                                ": it would change nothing");
        }
        if (!used || i == 0) continue;
        const auto& before = stages[i - 1].volume_size;
        if (!std::ranges::equal(before, stage.volume_size, std::ranges::less_equal())) {
            return core::concat(stage_name(i), ".volume_size is [", core::join(stage.volume_size), "], smaller than [",
                                core::join(before), "] of the stage before it");
        }
    }
    return "";
}

}  // namespace vox::nn
