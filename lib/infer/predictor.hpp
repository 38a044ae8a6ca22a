#pragma once
// Weights that turn a case into a result, without any training data.

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "data/batch.hpp"

namespace vox::infer {

/// A volume that a network made, in the intensities of the files it was trained on.
struct GeneratedVolume {
    std::string name;   // "t1ce_generated"
    at::Tensor values;  // [D,H,W] float32
};

/// The result for one case, on the host, on the grid of the sample (RAS, [D,H,W]): what its kind of network gives of these.
struct Prediction {
    at::Tensor label_map;  // [D,H,W] uint8, values of the label scheme
    at::Tensor probabilities;  // [K,D,H,W] float32, one channel a region
    std::vector<GeneratedVolume> volumes;
    std::vector<std::pair<std::string, double>> values;  // "risk", "S(2)"
};

/// Owned by a task during training, built alone by `infer`.  Uses the model's weights as they are at the call.
class Predictor {
public:
    virtual ~Predictor() = default;
    /// Any rank, no communication.  Leaves the model in the mode (training or evaluation) in which it was.
    virtual Prediction predict(const data::Sample& sample) = 0;
};

}  // namespace vox::infer
