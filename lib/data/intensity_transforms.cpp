#include "data/intensity_transforms.hpp"

#include <ATen/ops/aminmax.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/fft_fftn.h>
#include <ATen/ops/fft_ifftn.h>
#include <ATen/ops/fft_ifftshift.h>
#include <ATen/ops/real.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace vox::data {
namespace {

constexpr double kTruncation = 4;          // MONAI GaussianFilter: truncated
constexpr double kContrastEpsilon = 1e-7;  // MONAI AdjustContrast: epsilon

/// Weights of the voxels 0, 1, 2, ... away: the integral of the Gaussian over each (MONAI gaussian_1d, "erf").
std::vector<double> half_kernel(double sigma) {
    const auto tail = static_cast<int64_t>(std::max(sigma * kTruncation, 0.5) + 0.5);
    const auto integral = [&](double x) { return 0.5 * std::erf(x / (std::numbers::sqrt2 * sigma)); };
    std::vector<double> weights;
    for (int64_t away = 0; away <= tail; ++away) {
        weights.push_back(integral(static_cast<double>(away) + 0.5) - integral(static_cast<double>(away) - 0.5));
    }
    return weights;
}

/// A sum of shifted copies: no convolution, whose algorithm, order of summing and, on a GPU, TF32 are the library's choice.
at::Tensor smooth_along(const at::Tensor& item, int64_t axis, double sigma) {
    const std::vector<double> weights = half_kernel(sigma);
    const int64_t length = item.size(axis);
    at::Tensor out = item.mul(weights[0]);
    for (int64_t away = 1; away < std::min(static_cast<int64_t>(weights.size()), length); ++away) {
        const int64_t rest = length - away;
        const double weight = weights[static_cast<size_t>(away)];
        out.narrow(axis, 0, rest).add_(item.narrow(axis, away, rest), weight);
        out.narrow(axis, away, rest).add_(item.narrow(axis, 0, rest), weight);
    }
    return out;
}

/// True where a frequency stays: [D,H,W] with the middle of the spectrum in the middle.  Squares of half numbers are exact in
/// float64, so that CPU, GPU and numpy agree about every voxel.
at::Tensor ball(const at::Tensor& item, double radius) {
    at::Tensor squares;
    for (int64_t axis = 1; axis <= 3; ++axis) {
        std::vector<int64_t> shape{1, 1, 1};
        const int64_t length = shape[static_cast<size_t>(axis - 1)] = item.size(axis);
        const at::Tensor place = at::arange(length, at::TensorOptions(at::kDouble).device(item.device()));
        const at::Tensor square = place.sub(static_cast<double>(length - 1) / 2).square().view(shape);
        squares = squares.defined() ? squares.add(square) : square;
    }
    return squares.sqrt().le(radius);
}

}  // namespace

at::Tensor gaussian_smooth(const at::Tensor& item, const core::Double3& sigma) {
    at::Tensor out = item;
    for (size_t axis = 0; axis < 3; ++axis) out = smooth_along(out, static_cast<int64_t>(axis) + 1, sigma[axis]);
    return out;
}

at::Tensor sharpen(const at::Tensor& item, const Sharpen& draw) {
    const at::Tensor blurred = gaussian_smooth(item, draw.sigma1);
    return blurred.add(blurred.sub(gaussian_smooth(blurred, draw.sigma2)), draw.alpha);
}

at::Tensor gibbs_noise(const at::Tensor& item, const GibbsNoise& draw) {
    const std::vector<int64_t> axes{1, 2, 3};
    const int64_t longest = std::max({item.size(1), item.size(2), item.size(3)});
    const double radius = (1 - draw.alpha) * static_cast<double>(longest) * std::numbers::sqrt2 / 2;
    // The mask moves to where frequencies lie, instead of the spectrum to the mask and back.
    const at::Tensor mask = at::fft_ifftshift(ball(item, radius));
    return at::real(at::fft_ifftn(at::fft_fftn(item, {}, axes).mul_(mask), {}, axes)).contiguous();
}

at::Tensor gaussian_noise(const at::Tensor& item, const GaussianNoise& draw, const at::Tensor& standard_normal) {
    return item.add(standard_normal, draw.standard_deviation).add_(draw.mean);
}

at::Tensor contrast(const at::Tensor& item, const Contrast& draw) {
    const auto [low, high] = at::aminmax(item);
    const at::Tensor range = high.sub(low);
    return item.sub(low).div_(range.add(kContrastEpsilon)).pow_(draw.gamma).mul_(range).add_(low);
}

}  // namespace vox::data
