#include "data/resize.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.hpp"

namespace vox::data {
namespace {

/// What one new voxel takes of the old ones along an axis: `weights` of those from `first` on.
struct Taps {
    int64_t first = 0;
    std::vector<double> weights;
};

Taps area_taps(int64_t at, int64_t from, int64_t to) {
    const int64_t first = at * from / to, end = ((at + 1) * from + to - 1) / to;
    return {first, std::vector<double>(static_cast<size_t>(end - first), 1.0 / static_cast<double>(end - first))};
}

/// The place in the old axis of a new voxel's centre.
double centre_of(int64_t at, int64_t from, int64_t to) {
    return (static_cast<double>(at) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
}

Taps linear_taps(int64_t at, int64_t from, int64_t to) {
    const double place = std::clamp(centre_of(at, from, to), 0.0, static_cast<double>(from - 1));
    const auto below = static_cast<int64_t>(place);
    const double share = place - static_cast<double>(below);
    if (share == 0) return {below, {1.0}};
    return {below, {1 - share, share}};
}

/// [outer, from, inner] to [outer, to, inner].
std::vector<float> along_axis(std::span<const float> in, int64_t outer, int64_t from, int64_t inner, int64_t to,
                              ResizeMode mode) {
    std::vector<float> out(static_cast<size_t>(outer * to * inner));
    std::vector<double> sum(static_cast<size_t>(inner));
    for (int64_t at = 0; at < to; ++at) {
        const Taps taps = mode == ResizeMode::area ? area_taps(at, from, to) : linear_taps(at, from, to);
        for (int64_t block = 0; block < outer; ++block) {
            std::fill(sum.begin(), sum.end(), 0.0);
            for (size_t tap = 0; tap < taps.weights.size(); ++tap) {
                const float* row = in.data() + (block * from + taps.first + static_cast<int64_t>(tap)) * inner;
                for (size_t i = 0; i < sum.size(); ++i) sum[i] += taps.weights[tap] * static_cast<double>(row[i]);
            }
            float* row = out.data() + (block * to + at) * inner;
            for (size_t i = 0; i < sum.size(); ++i) row[i] = static_cast<float>(sum[i]);
        }
    }
    return out;
}

int64_t voxels(const core::Index3& size) { return size[0] * size[1] * size[2]; }

void check_sizes(const core::Index3& from, const core::Index3& to, size_t in, size_t out, int64_t channels) {
    core::check(*std::min_element(from.begin(), from.end()) > 0 && *std::min_element(to.begin(), to.end()) > 0 &&
                    in == static_cast<size_t>(channels * voxels(from)) &&
                    out == static_cast<size_t>(channels * voxels(to)),
                "resize: the volumes do not have their sizes");
}

}  // namespace

void resize_image(std::span<const float> in, int64_t channels, const core::Index3& from, const Resize& to,
                  std::span<float> out) {
    check_sizes(from, to.size, in.size(), out.size(), channels);
    const auto [d, h, w] = to.size;
    const auto voxels_in = static_cast<size_t>(voxels(from)), voxels_out = static_cast<size_t>(voxels(to.size));
    for (size_t channel = 0; channel < static_cast<size_t>(channels); ++channel) {
        // One channel and axis at a time, so that little is in memory beside the volume.
        const auto rows =
            along_axis(in.subspan(channel * voxels_in, voxels_in), from[0] * from[1], from[2], 1, w, to.mode);
        const auto planes = along_axis(rows, from[0], from[1], w, h, to.mode);
        const auto volume = along_axis(planes, 1, from[0], h * w, d, to.mode);
        std::copy(volume.begin(), volume.end(), out.begin() + static_cast<std::ptrdiff_t>(channel * voxels_out));
    }
}

void resize_label(std::span<const uint8_t> in, const core::Index3& from, const core::Index3& to,
                  std::span<uint8_t> out) {
    check_sizes(from, to, in.size(), out.size(), 1);
    std::array<std::vector<int64_t>, 3> closest;
    for (size_t axis = 0; axis < 3; ++axis) {
        for (int64_t at = 0; at < to[axis]; ++at) {
            // Of two equally close ones the larger index: floor((at + 0.5) * from / to), in whole numbers.
            closest[axis].push_back((2 * at + 1) * from[axis] / (2 * to[axis]));
        }
    }
    auto next = out.begin();
    for (const int64_t k : closest[0]) {
        for (const int64_t j : closest[1]) {
            for (const int64_t i : closest[2]) *next++ = in[static_cast<size_t>((k * from[1] + j) * from[2] + i)];
        }
    }
}

core::Double3 resized_spacing(const core::Double3& spacing_mm, const core::Index3& from, const core::Index3& to) {
    core::Double3 spacing{};
    for (size_t axis = 0; axis < 3; ++axis) {
        spacing[axis] = spacing_mm[axis] * static_cast<double>(from[axis]) / static_cast<double>(to[axis]);
    }
    return spacing;
}

Sample resized(const Sample& sample, const Resize& to) {
    const auto image = sample.image.contiguous();
    const int64_t channels = image.size(0);
    const core::Index3 from{image.size(1), image.size(2), image.size(3)};
    Sample out = sample;
    out.image = at::empty({channels, to.size[0], to.size[1], to.size[2]}, at::kFloat);
    resize_image({image.const_data_ptr<float>(), static_cast<size_t>(image.numel())}, channels, from, to,
                 {out.image.mutable_data_ptr<float>(), static_cast<size_t>(out.image.numel())});
    if (!sample.label.defined()) return out;
    const auto label = sample.label.contiguous();
    out.label = at::empty({to.size[0], to.size[1], to.size[2]}, at::kByte);
    resize_label({label.const_data_ptr<uint8_t>(), static_cast<size_t>(label.numel())}, from, to.size,
                 {out.label.mutable_data_ptr<uint8_t>(), static_cast<size_t>(out.label.numel())});
    return out;
}

}  // namespace vox::data
