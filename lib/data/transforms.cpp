#include "data/transforms.hpp"

#include <ATen/ops/flip.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {
namespace {

/// One number an item and channel as [B,C,1,1,1], of the image's type and on its device.
at::Tensor per_channel(std::vector<double>& values, int64_t items, const at::Tensor& image) {
    const int64_t channels = static_cast<int64_t>(values.size()) / items;
    return at::from_blob(values.data(), {items, channels, 1, 1, 1}, at::kDouble).to(image.options(), false, true);
}

/// What is subtracted and then divided by: `centre` and `spread` of each channel's statistics.
struct Affines {
    at::Tensor centre, spread;
};

/// `figures(channel, voxels)`, voxels those of the whole volume, gives one {centre, spread}.
template <class Figures>
Affines affines(const at::Tensor& image, std::span<const CaseInfo* const> cases, Figures figures) {
    std::vector<double> centres, spreads;
    for (const CaseInfo* info : cases) {
        const core::Index3 size = info->size();
        core::check(static_cast<int64_t>(info->statistics.size()) == image.size(1),
                    core::concat("case ", info->id, " has statistics of ", info->statistics.size(),
                                 " channels, its image ", image.size(1)));
        for (const ChannelStatistics& channel : info->statistics) {
            const auto [centre, spread] = figures(channel, size[0] * size[1] * size[2]);
            centres.push_back(centre);
            spreads.push_back(spread == 0 ? 1 : spread);
        }
    }
    return {per_channel(centres, image.size(0), image), per_channel(spreads, image.size(0), image)};
}

struct Figures {
    double centre = 0, spread = 0;
};

/// Mean and standard deviation of all `voxels`, where a share f of them is not 0 and has mean m and deviation s: f m and the root of
/// f s^2 + f (1 - f) m^2, exactly, as the others add nothing to the sums of x and x^2.
Figures mean_and_deviation(const ChannelStatistics& channel, int64_t voxels) {
    core::check(channel.voxels <= voxels, "a channel has more voxels that are not 0 than its volume has voxels");
    const double share = static_cast<double>(channel.voxels) / static_cast<double>(voxels);
    const double variance = share * channel.standard_deviation * channel.standard_deviation +
                            share * (1 - share) * channel.mean * channel.mean;
    return {share * channel.mean, std::sqrt(variance)};
}

/// Minimum of all `voxels` and how far the maximum is from it: 0 counts where there is a voxel of 0.
Figures minimum_and_range(const ChannelStatistics& channel, int64_t voxels) {
    core::check(channel.voxels <= voxels, "a channel has more voxels that are not 0 than its volume has voxels");
    const bool has_zero = channel.voxels < voxels;
    const double minimum = has_zero ? std::min(channel.minimum, 0.0) : channel.minimum;
    const double maximum = has_zero ? std::max(channel.maximum, 0.0) : channel.maximum;
    return {minimum, maximum - minimum};
}

at::Tensor zscore_nonzero(const at::Tensor& image, std::span<const CaseInfo* const> cases) {
    const auto [mean, deviation] = affines(image, cases, [](const ChannelStatistics& channel, int64_t) {
        return Figures{channel.mean, channel.standard_deviation};
    });
    return at::where(image.ne(0), image.sub(mean).div_(deviation), image);
}

at::Tensor percentile(const at::Tensor& image, std::span<const CaseInfo* const> cases) {
    const auto [low, range] = affines(image, cases, [](const ChannelStatistics& channel, int64_t) {
        return Figures{channel.p01, channel.p99 - channel.p01};
    });
    return image.sub(low).div_(range).mul_(2).sub_(1).clamp_(-1, 1);
}

at::Tensor over_all_voxels(const at::Tensor& image, std::span<const CaseInfo* const> cases, Normalisation method) {
    const auto [centre, spread] =
        affines(image, cases, method == Normalisation::zscore ? mean_and_deviation : minimum_and_range);
    return image.sub(centre).div_(spread);
}

/// Uniform in [-range, range); 0 for the items that `probability` leaves out.
double symmetric(double range, double probability, const ops::RandomKey& key, ops::Purpose purpose) {
    if (ops::random_uniform(key, purpose, 0, 1) >= probability) return 0;
    return range * (2 * ops::random_uniform(key, purpose, 0, 0) - 1);
}

void flip_item(const at::Tensor& tensor, int64_t first_axis, const std::array<bool, 3>& flip) {
    std::vector<int64_t> axes;
    for (size_t axis = 0; axis < 3; ++axis) {
        if (flip[axis]) axes.push_back(first_axis + static_cast<int64_t>(axis));
    }
    if (!axes.empty()) tensor.copy_(at::flip(tensor, axes));
}

/// A radiograph of what was flipped: rows run along D, columns of ap along W and of lateral along H.  `views` [V,h,w].
void flip_views(const at::Tensor& views, const std::vector<ops::View>& kinds, const std::array<bool, 3>& flip) {
    for (size_t v = 0; v < kinds.size(); ++v) {
        std::vector<int64_t> axes;
        if (flip[0]) axes.push_back(0);
        if (flip[kinds[v] == ops::View::ap ? 2 : 1]) axes.push_back(1);
        const auto view = views.select(0, static_cast<int64_t>(v));
        if (!axes.empty()) view.copy_(at::flip(view, axes));
    }
}

int64_t items_with_keys(const Batch& batch) {
    core::check(batch.size() == static_cast<int64_t>(batch.keys.size()), "augment: a batch needs one key an item");
    return batch.size();
}

}  // namespace

Normalisation normalisation(const std::string& name) {
    if (name == "none") return Normalisation::none;
    if (name == "zscore_nonzero") return Normalisation::zscore_nonzero;
    if (name == "zscore") return Normalisation::zscore;
    if (name == "unit_range") return Normalisation::unit_range;
    if (name == "percentile") return Normalisation::percentile;
    if (name == "window") return Normalisation::window;
    throw core::ConfigError("data.normalisation: '" + name +
                            "' is not one of zscore_nonzero, zscore, unit_range, percentile, window, none");
}

at::Tensor normalise(const at::Tensor& image, std::span<const CaseInfo* const> cases, const Intensities& intensities) {
    const Normalisation method = intensities.method;
    core::check(image.dim() == 5 && image.size(0) == static_cast<int64_t>(cases.size()) && image.is_floating_point(),
                "normalise: the image is not [B,C,D,H,W] of floating type with one case an item");
    if (cases.empty() || method == Normalisation::none) return image;
    if (method == Normalisation::window) {
        const auto [low, high] = intensities.window;
        core::check(low < high, "normalise: the window is empty");
        return image.sub(low).mul_(2 / (high - low)).sub_(1).clamp_(-1, 1);
    }
    if (method == Normalisation::percentile) return percentile(image, cases);
    if (method == Normalisation::zscore_nonzero) return zscore_nonzero(image, cases);
    return over_all_voxels(image, cases, method);
}

AugmentationDraw draw_augmentation(const Augmentation& augmentation, const ops::RandomKey& key) {
    AugmentationDraw draw;
    for (const int64_t axis : augmentation.flip_axes) {
        draw.flip.at(static_cast<size_t>(axis)) =
            ops::random_uniform(key, ops::Purpose::flip, 0, static_cast<uint32_t>(axis)) <
            augmentation.flip_probability;
    }
    draw.scale = symmetric(augmentation.intensity_scale, augmentation.intensity_scale_probability, key,
                           ops::Purpose::intensity_scale);
    draw.shift = symmetric(augmentation.intensity_shift, augmentation.intensity_shift_probability, key,
                           ops::Purpose::intensity_shift);
    return draw;
}

void flip(Batch& batch, const Augmentation& augmentation) {
    const int64_t items = items_with_keys(batch);
    for (int64_t item = 0; item < items; ++item) {
        const AugmentationDraw draw = draw_augmentation(augmentation, batch.keys[static_cast<size_t>(item)]);
        flip_item(batch.image.select(0, item), 1, draw.flip);
        if (batch.label.defined()) flip_item(batch.label.select(0, item), 0, draw.flip);
        if (batch.views.defined()) flip_views(batch.views.select(0, item), batch.view_kinds, draw.flip);
    }
}

void scale_and_shift(Batch& batch, const Augmentation& augmentation) {
    const int64_t items = items_with_keys(batch);
    if (items == 0) return;
    std::vector<double> factors, offsets;
    for (const ops::RandomKey& key : batch.keys) {
        const AugmentationDraw draw = draw_augmentation(augmentation, key);
        factors.push_back(1 + draw.scale);
        offsets.push_back(draw.shift);
    }
    batch.image.mul_(per_channel(factors, items, batch.image)).add_(per_channel(offsets, items, batch.image));
}

}  // namespace vox::data
