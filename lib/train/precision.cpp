#include "train/precision.hpp"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/cuda/CUDAContextLight.h>

#include <algorithm>

#include "core/error.hpp"

namespace vox::train {
namespace {

constexpr double kInitialScale = 65536.0;
constexpr int64_t kGrowthInterval = 2000;
constexpr double kLargestScale = 4294967296.0;

/// Ampere (8.0) and later.
bool has_bf16(at::Device device) { return at::cuda::getDeviceProperties(device.index())->major >= 8; }

}  // namespace

Precision resolve_precision(const std::string& name, at::Device device) {
    const bool gpu = device.is_cuda();
    if (name == "fp64" && gpu) throw core::ConfigError("train.precision: fp64 is for the CPU; use fp32 on a GPU");
    if (name == "tf32" && !gpu) throw core::ConfigError("train.precision: tf32 needs a GPU; use fp32 on a CPU");
    at::globalContext().setAllowTF32CuBLAS(name == "tf32");
    at::globalContext().setAllowTF32CuDNN(name == "tf32");
    if (name == "fp64") return Precision::fp64;
    if (name == "tf32") return Precision::tf32;
    if (name == "fp16") return Precision::fp16;
    if (name == "bf16" || (name == "auto" && gpu && has_bf16(device))) return Precision::bf16;
    return Precision::fp32;
}

at::ScalarType weight_dtype(Precision precision) { return precision == Precision::fp64 ? at::kDouble : at::kFloat; }

bool uses_autocast(Precision precision) { return precision == Precision::bf16 || precision == Precision::fp16; }

Autocast::Autocast(Precision precision, at::Device device) : active_(uses_autocast(precision)), device_(device.type()) {
    if (!active_) return;
    enabled_before_ = at::autocast::is_autocast_enabled(device_);
    dtype_before_ = at::autocast::get_autocast_dtype(device_);
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::set_autocast_dtype(device_, precision == Precision::bf16 ? at::kBFloat16 : at::kHalf);
    at::autocast::increment_nesting();
}

Autocast::~Autocast() {
    if (!active_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, enabled_before_);
    at::autocast::set_autocast_dtype(device_, dtype_before_);
}

LossScaler::LossScaler(Precision precision)
    : active_(precision == Precision::fp16), scale_(active_ ? kInitialScale : 1.0) {}

at::Tensor LossScaler::scale(const at::Tensor& loss) const { return active_ ? loss * scale_ : loss; }

void LossScaler::unscale(const std::vector<at::Tensor>& gradients) const {
    if (!active_) return;
    for (const auto& gradient : gradients) gradient.mul_(1.0 / scale_);  // a power of two: exact
}

void LossScaler::update(bool found_non_finite) {
    if (!active_) return;
    if (found_non_finite) {
        scale_ = std::max(1.0, scale_ / 2);
        good_steps_ = 0;
    } else if (++good_steps_ == kGrowthInterval) {
        scale_ = std::min(kLargestScale, scale_ * 2);
        good_steps_ = 0;
    }
}

std::map<std::string, double> LossScaler::state() const {
    if (!active_) return {};
    return {{"loss_scale", scale_}, {"loss_scale_good_steps", static_cast<double>(good_steps_)}};
}

void LossScaler::load_state(const std::map<std::string, double>& scalars) {
    const auto scale = scalars.find("loss_scale");
    const auto good = scalars.find("loss_scale_good_steps");
    if (!active_ || scale == scalars.end() || good == scalars.end()) return;
    scale_ = scale->second;
    good_steps_ = static_cast<int64_t>(good->second);
}

}  // namespace vox::train
