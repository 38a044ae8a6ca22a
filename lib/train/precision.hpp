#pragma once
// What numbers a run computes with, and the loss scale that fp16 needs.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vox::train {

/// fp32: float32 everywhere.  tf32: the same with TF32 matrix units (GPU).  bf16, fp16: float32 weights, autocast forward.
/// fp64: double everywhere (CPU, for tests of equality).
enum class Precision { fp32, tf32, bf16, fp16, fp64 };

/// `name` as in the configuration; "auto" is bf16 on a GPU that has it, else fp32.  Sets TF32 on or off for this process.
/// Throws ConfigError where the device cannot do it (fp64 on a GPU, tf32 on a CPU).
Precision resolve_precision(const std::string& name, at::Device device);

/// The dtype of weights and batches of that precision: float64 for fp64, else float32.
at::ScalarType weight_dtype(Precision precision);

/// Whether forwards compute in 16 bits, with weights of 32.
bool uses_autocast(Precision precision);

/// Autocast for one forward on this thread; nothing for fp32, tf32 and fp64.  Casts of weights are cached within one object's
/// life, so that the next step sees the new weights.
class Autocast {
public:
    Autocast(Precision precision, at::Device device);
    ~Autocast();
    Autocast(const Autocast&) = delete;
    Autocast& operator=(const Autocast&) = delete;

private:
    bool active_;
    at::DeviceType device_;
    bool enabled_before_ = false;
    at::ScalarType dtype_before_ = at::kFloat;
};

/// Dynamic loss scaling (Micikevicius et al., "Mixed precision training", 2018; constants as in PyTorch's GradScaler): fp16
/// only, otherwise the scale is 1 and stays so.  Every rank holds the same one: it follows from the reduced gradients.
class LossScaler {
public:
    explicit LossScaler(Precision precision);

    at::Tensor scale(const at::Tensor& loss) const;
    /// Divides gradients by the scale, in place.
    void unscale(const std::vector<at::Tensor>& gradients) const;
    /// After each step: halves the scale where gradients were not finite, doubles it after 2000 good steps in a row.
    void update(bool found_non_finite);

    double value() const { return scale_; }
    bool active() const { return active_; }

    /// For Manifest::scalars, and back; empty where it is not active.
    std::map<std::string, double> state() const;
    void load_state(const std::map<std::string, double>& scalars);

private:
    bool active_;
    double scale_;
    int64_t good_steps_ = 0;
};

}  // namespace vox::train
