#pragma once
// The Dice coefficient of two masks, 2 |P and T| / (|P| + |T|), with a stated rule for empty masks.

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

namespace vox::metrics {

/// What the coefficient is where the truth holds no voxel.
enum class EmptyRule {
    both_empty_is_one,  // prediction empty too: 1, else 0 (the BraTS evaluation; MONAI's ignore_empty=False)
    skip,               // NaN, which means leave out (MONAI's ignore_empty=True)
};

/// For the tables: "empty truth: 1 if the prediction is empty too, else 0".
std::string_view describe(EmptyRule rule);
/// "both_empty_is_one" and "skip", for configurations; ConfigError for another text.
EmptyRule empty_rule(const std::string& name);

/// From voxel counts: in prediction and truth, in the prediction, in the truth.
double dice(int64_t both, int64_t predicted, int64_t truth, EmptyRule rule);

/// Masks of equal device; a voxel is inside where it is not 0.  The counts are exact.  Any rank, no communication.
/// Throws InternalError where the shapes differ.
double dice(const at::Tensor& predicted, const at::Tensor& truth, EmptyRule rule);

/// The same for masks [K,D,H,W]: one figure a channel.
std::vector<double> dice_per_channel(const at::Tensor& predicted, const at::Tensor& truth, EmptyRule rule);

}  // namespace vox::metrics
