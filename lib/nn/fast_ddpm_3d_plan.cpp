#include "nn/fast_ddpm_3d_plan.hpp"

#include <algorithm>
#include <cstddef>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::nn {

std::vector<LevelPlan> fast_ddpm_3d_levels(const ModelOptions& options) {
    std::vector<LevelPlan> levels;
    const auto blocks = static_cast<size_t>(options.num_res_blocks);
    int64_t above = options.base_channels;
    for (size_t i = 0; i < options.channel_multipliers.size(); ++i) {
        const int64_t channels = options.base_channels * options.channel_multipliers[i];
        const bool is_deepest = i + 1 == options.channel_multipliers.size();
        const int64_t below = is_deepest ? channels : options.base_channels * options.channel_multipliers[i + 1];
        LevelPlan level{channels, std::ranges::count(options.attention_levels, static_cast<int64_t>(i)) > 0, {}, {}};
        level.down_inputs.assign(blocks, channels);
        level.down_inputs.front() = above;
        level.up_inputs.assign(blocks + 1, 2 * channels);
        level.up_inputs.front() = below + channels;
        level.up_inputs.back() = channels + above;  // joined with what entered the level
        levels.push_back(level);
        above = channels;
    }
    return levels;
}

std::vector<Stage> fast_ddpm_3d_stages(const ModelOptions& options, int64_t in_channels, int64_t out_channels,
                                       const std::vector<int64_t>& crop, int64_t batch) {
    using Kind = Stage::Kind;
    const int64_t divisor = options.size_divisor();
    core::check(crop.size() == 3 && std::ranges::all_of(crop, [&](int64_t n) { return n > 0 && n % divisor == 0; }),
                core::concat("a crop of ", core::join(crop), ", expected three multiples of ", divisor));
    const auto levels = fast_ddpm_3d_levels(options);
    const auto voxels = [&](size_t level) {
        return batch * (crop[0] >> level) * (crop[1] >> level) * (crop[2] >> level);
    };
    const size_t last = levels.size() - 1;
    const int64_t deepest = levels[last].channels;
    std::vector<Stage> all{{Kind::first, "conv_in", voxels(0), in_channels, options.base_channels}};
    for (size_t i = 0; i <= last; ++i) {
        const auto& [channels, attention, down_inputs, up_inputs] = levels[i];
        for (size_t j = 0; j < down_inputs.size(); ++j) {
            const auto name = core::concat("down.", i, ".block.", j);
            all.push_back({Kind::block, name, voxels(i), down_inputs[j], channels, attention});
        }
        if (i == last) continue;
        all.push_back({Kind::halve, core::concat("down.", i, ".downsample"), voxels(i + 1), channels, channels});
    }
    for (auto& stage : all) stage.is_skip = true;
    all.push_back({Kind::block, "mid.block_1", voxels(last), deepest, deepest, levels[last].has_attention});
    all.push_back({Kind::block, "mid.block_2", voxels(last), deepest, deepest});
    for (size_t i = levels.size(); i-- > 0;) {
        const auto& [channels, attention, down_inputs, up_inputs] = levels[i];
        for (size_t j = 0; j < up_inputs.size(); ++j) {
            const auto name = core::concat("up.", i, ".block.", j);
            all.push_back({Kind::block, name, voxels(i), up_inputs[j], channels, attention, /*is_joined=*/true});
        }
        if (i == 0) continue;
        all.push_back({Kind::enlarge, core::concat("up.", i, ".upsample"), voxels(i - 1), channels, channels});
    }
    all.push_back({Kind::last, "norm_out", voxels(0), levels[0].channels, out_channels});
    return all;
}

}  // namespace vox::nn
