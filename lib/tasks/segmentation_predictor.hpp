#pragma once

#include <memory>

#include "infer/options.hpp"
#include "infer/predictor.hpp"
#include "nn/model.hpp"
#include "tasks/regions.hpp"

namespace vox::tasks {

/// Sliding window, sigmoid and one label map of nested regions; or softmax and the likeliest class.
class SegmentationPredictor final : public infer::Predictor {
public:
    /// The model stays where it is (device, dtype).
    SegmentationPredictor(std::shared_ptr<nn::Model> model, SegmentationFacts facts,
                          infer::SlidingWindowOptions options);
    infer::Prediction predict(const data::Sample& sample) override;
    const SegmentationFacts& facts() const { return facts_; }

private:
    std::shared_ptr<nn::Model> model_;
    SegmentationFacts facts_;
    infer::SlidingWindowOptions options_;
};

}  // namespace vox::tasks
