#include "metrics/image_quality.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.hpp"

namespace vox::metrics {
namespace {

constexpr int64_t kRadius = 5;
constexpr double kSigma = 1.5;

at::Tensor gaussian() {
    const at::Tensor weights = at::empty({2 * kRadius + 1}, at::kDouble);
    for (int64_t i = 0; i <= 2 * kRadius; ++i)
        weights.mutable_data_ptr<double>()[i] = std::exp(-0.5 * std::pow(static_cast<double>(i - kRadius) / kSigma, 2));
    return weights / weights.sum();
}

/// Weighted means [n,1,D-10,H-10,W-10] of volumes [n,1,D,H,W], an axis at a time.
at::Tensor local_means(at::Tensor volumes) {
    const at::Tensor weights = gaussian().to(volumes.device());
    for (int64_t axis = 2; axis < 5; ++axis) {
        std::vector<int64_t> shape(5, 1);
        shape[static_cast<size_t>(axis)] = weights.numel();
        volumes = at::conv3d(volumes, weights.view(shape));
    }
    return volumes;
}

at::Tensor inside(const at::Tensor& volume) {
    at::Tensor part = volume;
    for (int64_t axis = 0; axis < 3; ++axis) part = part.narrow(axis, kRadius, volume.size(axis) - 2 * kRadius);
    return part;
}

double mean_over(const at::Tensor& values, const at::Tensor& mask) {
    const at::Tensor chosen = mask.defined() ? values.masked_select(mask) : values;
    return chosen.numel() > 0 ? chosen.mean().item<double>() : std::numeric_limits<double>::quiet_NaN();
}

double structural_similarity(const at::Tensor& x, const at::Tensor& y, double data_range, const at::Tensor& mask) {
    if (std::min({x.size(0), x.size(1), x.size(2)}) < 2 * kRadius + 1) return std::numeric_limits<double>::quiet_NaN();
    const at::Tensor means = local_means(at::stack({x, y, x * x, y * y, x * y}).unsqueeze(1)).squeeze(1);
    const at::Tensor mean_x = means[0], mean_y = means[1];
    const at::Tensor spread_x = means[2] - mean_x * mean_x, spread_y = means[3] - mean_y * mean_y;
    const at::Tensor together = means[4] - mean_x * mean_y;
    const double c1 = std::pow(0.01 * data_range, 2), c2 = std::pow(0.03 * data_range, 2);
    const at::Tensor map = (2 * mean_x * mean_y + c1) * (2 * together + c2) /
                           ((mean_x * mean_x + mean_y * mean_y + c1) * (spread_x + spread_y + c2));
    return mean_over(map, mask.defined() ? inside(mask) : mask);
}

}  // namespace

ImageQuality image_quality(const at::Tensor& generated, const at::Tensor& truth, double data_range,
                           const at::Tensor& mask) {
    core::check(generated.dim() == 3 && generated.sizes() == truth.sizes() &&
                    (!mask.defined() || mask.sizes() == truth.sizes()),
                "volumes that are compared must be [D,H,W] of one size, and so must their mask");
    const at::Tensor x = generated.to(at::kDouble), y = truth.to(at::kDouble), difference = x - y;
    ImageQuality quality;
    quality.mae = mean_over(difference.abs(), mask);
    quality.mse = mean_over(difference * difference, mask);
    quality.psnr = 10 * std::log10(data_range * data_range / quality.mse);
    quality.ssim = structural_similarity(x, y, data_range, mask);
    return quality;
}

}  // namespace vox::metrics
