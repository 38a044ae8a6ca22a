#include "nn/channel_ops.hpp"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "nn/channel_kernels.hpp"

namespace vox::nn {
namespace {

bool is_channels_last(const at::Tensor& x) {
    return (x.dim() == 5 && x.is_contiguous(at::MemoryFormat::ChannelsLast3d)) ||
           (x.dim() == 4 && x.is_contiguous(at::MemoryFormat::ChannelsLast));
}

ChannelShape channel_shape(const at::Tensor& x) {
    const int64_t channels = x.size(1);
    if (x.is_contiguous()) return {x.size(0), channels, x.numel() / std::max<int64_t>(1, x.size(0) * channels)};
    return {x.numel() / channels, channels, 1};
}

template <class Number>
void add_row(const Number* a, const Number* x, int64_t count, double reference, double sums[2]) {
    double first = 0;
    double second = 0;
    for (int64_t i = 0; i < count; ++i) {
        const double centred = static_cast<double>(x[i]) - reference;
        const double factor = a ? static_cast<double>(a[i]) : centred;
        first += factor;
        second += factor * centred;
    }
    sums[0] += first;
    sums[1] += second;
}

// One thread sums one range of channels, in the order of memory: the result does not depend on the number of threads.
template <class Number>
void sums_on_cpu(const Number* a, const Number* x, const double* reference, double* out, ChannelShape shape) {
    const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, shape.outer * shape.inner));
    at::parallel_for(0, shape.channels, grain, [&](int64_t begin, int64_t end) {
        if (shape.inner == 1) {
            for (int64_t row = 0; row < shape.outer; ++row) {
                for (int64_t c = begin; c < end; ++c) {
                    const double centred = static_cast<double>(x[row * shape.channels + c]) - reference[c];
                    const double factor = a ? static_cast<double>(a[row * shape.channels + c]) : centred;
                    out[c] += factor;
                    out[shape.channels + c] += factor * centred;
                }
            }
            return;
        }
        for (int64_t c = begin; c < end; ++c) {
            double sums[2] = {0, 0};
            for (int64_t row = 0; row < shape.outer; ++row) {
                const int64_t offset = (row * shape.channels + c) * shape.inner;
                add_row(a ? a + offset : nullptr, x + offset, shape.inner, reference[c], sums);
            }
            out[c] = sums[0];
            out[shape.channels + c] = sums[1];
        }
    });
}

// `step` walks the coefficients along with the elements: 0 within one channel, 1 across channels.
template <bool has_a, class Number, class Compute>
void affine_row(const Number* a, const Number* x, const Compute* coefficients, int64_t channels, int64_t step,
                Number* out, int64_t count) {
    const Compute* const slope_a = coefficients;
    const Compute* const center = coefficients + channels;
    const Compute* const slope_x = coefficients + 2 * channels;
    const Compute* const shift = coefficients + 3 * channels;
    for (int64_t i = 0; i < count; ++i) {
        const int64_t c = i * step;
        Compute value = (static_cast<Compute>(x[i]) - center[c]) * slope_x[c] + shift[c];
        if constexpr (has_a) value += static_cast<Compute>(a[i]) * slope_a[c];
        out[i] = static_cast<Number>(value);
    }
}

template <bool has_a, class Number>
void affine_on_cpu(const Number* a, const Number* x, const double* coefficients, Number* out, ChannelShape shape) {
    using Compute = std::conditional_t<std::is_same_v<Number, double>, double, float>;
    std::vector<Compute> narrow(4 * shape.channels);
    std::transform(coefficients, coefficients + narrow.size(), narrow.begin(),
                   [](double c) { return static_cast<Compute>(c); });
    const bool across = shape.inner == 1;
    const int64_t row_length = across ? shape.channels : shape.inner;
    const int64_t grain = std::max<int64_t>(1, 16384 / row_length);
    at::parallel_for(0, across ? shape.outer : shape.outer * shape.channels, grain, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const Compute* const c = narrow.data() + (across ? 0 : row % shape.channels);
            const int64_t offset = row * row_length;
            affine_row<has_a>(a + (has_a ? offset : 0), x + offset, c, shape.channels, across ? 1 : 0, out + offset,
                              row_length);
        }
    });
}

}  // namespace

at::Tensor dense_channels(const at::Tensor& x) { return x.is_contiguous() || is_channels_last(x) ? x : x.contiguous(); }

at::Tensor channel_sums(const at::Tensor& a, const at::Tensor& x, const at::Tensor& reference) {
    const auto options = at::TensorOptions(at::kDouble).device(x.device());
    if (x.numel() == 0) return at::zeros({2, x.size(1)}, options);
    const ChannelShape shape = channel_shape(x);
    at::Tensor sums;
    AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, x.scalar_type(), "channel_sums", [&] {
        const scalar_t* const a_data = a.defined() ? a.const_data_ptr<scalar_t>() : nullptr;
        const scalar_t* const x_data = x.const_data_ptr<scalar_t>();
        if (x.is_cuda()) {
            const c10::cuda::CUDAGuard guard(x.device());
            const at::Tensor parts = at::empty({sum_parts, 2, shape.channels}, options);
            launch_channel_sums(a_data, x_data, reference.const_data_ptr<double>(), parts.mutable_data_ptr<double>(),
                                shape, c10::cuda::getCurrentCUDAStream().stream());
            C10_CUDA_CHECK(cudaGetLastError());
            sums = parts.sum(0);
        } else {
            sums = at::zeros({2, shape.channels}, options);
            sums_on_cpu(a_data, x_data, reference.const_data_ptr<double>(), sums.mutable_data_ptr<double>(), shape);
        }
    });
    return sums;
}

at::Tensor channel_affine(const at::Tensor& a, const at::Tensor& x, const at::Tensor& coefficients) {
    const at::Tensor out = at::empty_like(x);
    if (x.numel() == 0) return out;
    const ChannelShape shape = channel_shape(x);
    AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, x.scalar_type(), "channel_affine", [&] {
        const scalar_t* const a_data = a.defined() ? a.const_data_ptr<scalar_t>() : nullptr;
        const scalar_t* const x_data = x.const_data_ptr<scalar_t>();
        const double* const c_data = coefficients.const_data_ptr<double>();
        if (x.is_cuda()) {
            const c10::cuda::CUDAGuard guard(x.device());
            launch_channel_affine(a_data, x_data, c_data, out.mutable_data_ptr<scalar_t>(), shape,
                                  c10::cuda::getCurrentCUDAStream().stream());
            C10_CUDA_CHECK(cudaGetLastError());
        } else {
            const auto run = a_data ? affine_on_cpu<true, scalar_t> : affine_on_cpu<false, scalar_t>;
            run(a_data, x_data, c_data, out.mutable_data_ptr<scalar_t>(), shape);
        }
    });
    return out;
}

}  // namespace vox::nn
