#pragma once
// train.detect_anomaly: looking for the first number that is not finite, instead of bearing it as a skipped step.

#include <ATen/core/Tensor.h>

#include <vector>

#include "data/batch.hpp"

namespace vox::train {

/// Throws DataError naming the cases whose crops hold an intensity that is not finite.  Waits for the device.
void check_finite(const std::vector<data::Batch>& batches);

/// `loss.backward()` of this batch with LibTorch's anomaly mode: every gradient of every function is looked at.  Throws DataError
/// naming the function and the cases where one is not a number.
void backward_with_checks(const at::Tensor& loss, const data::Batch& batch);

}  // namespace vox::train
