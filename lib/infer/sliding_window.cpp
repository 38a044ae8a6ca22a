#include "infer/sliding_window.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::infer {
namespace {

using Size = std::array<int64_t, 3>;

Size window_size(const SlidingWindowOptions& options) {
    core::check(options.window.size() == 3, "sliding window: the window must have three sizes");
    return {options.window[0], options.window[1], options.window[2]};
}

// The last window is moved back until it ends with the volume.
std::vector<int64_t> axis_starts(int64_t size, int64_t window, double overlap) {
    const auto step = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(window) * (1.0 - overlap)));
    std::vector<int64_t> starts{0};
    while (starts.back() + window < size) starts.push_back(std::min(starts.back() + step, size - window));
    return starts;
}

// Voxels of padding before each axis; what is missing after it follows.
Size padding_before(const Size& size, const Size& window) {
    Size before{};
    for (size_t a = 0; a < 3; ++a) before[a] = std::max<int64_t>(0, window[a] - size[a]) / 2;
    return before;
}

at::Tensor pad_to(const at::Tensor& volume, const Size& size, const Size& padded, const Size& before) {
    std::vector<int64_t> amounts;  // last axis first, as the operator wants it
    for (size_t a = 3; a-- > 0;) {
        amounts.push_back(before[a]);
        amounts.push_back(padded[a] - size[a] - before[a]);
    }
    return padded == size ? volume : at::constant_pad_nd(volume, amounts, 0);
}

// The box at `start` of the last three axes.
at::Tensor box(const at::Tensor& x, const Size& start, const Size& size) {
    const int64_t first = x.dim() - 3;
    return x.narrow(first, start[0], size[0]).narrow(first + 1, start[1], size[1]).narrow(first + 2, start[2], size[2]);
}

}  // namespace

std::vector<Size> window_starts(const Size& size, const SlidingWindowOptions& options) {
    const auto window = window_size(options);
    std::vector<Size> starts;
    for (const int64_t d : axis_starts(size[0], window[0], options.overlap)) {
        for (const int64_t h : axis_starts(size[1], window[1], options.overlap)) {
            for (const int64_t w : axis_starts(size[2], window[2], options.overlap)) starts.push_back({d, h, w});
        }
    }
    return starts;
}

at::Tensor window_weights(const SlidingWindowOptions& options) {
    const auto window = window_size(options);
    auto weights = at::ones({1, 1, 1}, at::kDouble);
    for (int64_t axis = 0; axis < 3; ++axis) {
        const auto n = static_cast<double>(window[static_cast<size_t>(axis)]);
        auto line = at::ones({window[static_cast<size_t>(axis)]}, at::kDouble);
        if (options.blend == "gaussian") {
            const double sigma = options.sigma_scale * n;
            const auto offset = at::arange(n, at::kDouble).sub((n - 1.0) / 2.0);
            line = offset.square().div(-2.0 * sigma * sigma).exp();
        }
        std::vector<int64_t> shape{1, 1, 1};
        shape[static_cast<size_t>(axis)] = -1;
        weights = weights.mul(line.view(shape));
    }
    return weights.clamp_min(1e-3);  // a corner that only one window covers must still divide by something
}

at::Tensor sliding_window(const at::Tensor& volume, const Network& network, const SlidingWindowOptions& options,
                          const SlidingWindowDevices& devices) {
    const at::NoGradGuard no_grad;
    core::check(volume.dim() == 4 && volume.is_floating_point(),
                core::concat("sliding window: the volume is [", core::join(volume.sizes()),
                             "], expected floating [C, D, H, W]"));
    const auto window = window_size(options);
    const Size size{volume.size(1), volume.size(2), volume.size(3)};
    Size padded{};
    for (size_t a = 0; a < 3; ++a) padded[a] = std::max(size[a], window[a]);
    const auto before = padding_before(size, window);
    const auto source = pad_to(volume, size, padded, before);

    const auto dtype = volume.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const auto weights = window_weights(options).to(devices.network, dtype);
    const auto result_weights = weights.to(devices.result);
    auto weight_sum = at::zeros(padded, at::TensorOptions(devices.result).dtype(dtype));
    at::Tensor sum;  // allocated when the first output says how many channels there are

    const auto starts = window_starts(padded, options);
    const auto batch = static_cast<size_t>(options.windows_per_batch);
    for (size_t begin = 0; begin < starts.size(); begin += batch) {
        const size_t end = std::min(begin + batch, starts.size());
        std::vector<at::Tensor> windows;
        for (size_t i = begin; i < end; ++i) windows.push_back(box(source, starts[i], window));
        core::count_progress();
        const auto output = network(at::stack(windows).to(devices.network));
        core::check(output.dim() == 5 && output.size(0) == static_cast<int64_t>(end - begin) &&
                        output.sizes().slice(2) == at::IntArrayRef(window),
                    core::concat("sliding window: the network made [", core::join(output.sizes()), "] of windows of ",
                                 core::join(window, "x")));
        const auto weighted = output.to(dtype).mul(weights).to(devices.result);
        if (!sum.defined()) sum = at::zeros({output.size(1), padded[0], padded[1], padded[2]}, weight_sum.options());
        for (size_t i = begin; i < end; ++i) {
            box(sum, starts[i], window).add_(weighted[static_cast<int64_t>(i - begin)]);
            box(weight_sum, starts[i], window).add_(result_weights);
        }
    }
    return box(sum.div_(weight_sum), before, size).contiguous();
}

}  // namespace vox::infer
