#pragma once

#include <memory>

#include "infer/options.hpp"
#include "infer/predictor.hpp"
#include "nn/model.hpp"
#include "ops/connected_components.hpp"
#include "tasks/regions.hpp"

namespace vox::tasks {

/// Sliding window, sigmoid and one label map of nested regions, or softmax and the likeliest class; from the label map `clean_up`
/// takes smaller components, probabilities stay as they are.
class SegmentationPredictor final : public infer::Predictor {
public:
    /// The model stays where it is (device, dtype).  Throws ConfigError for regions in `clean_up` that the facts do not have.
    SegmentationPredictor(std::shared_ptr<nn::Model> model, SegmentationFacts facts,
                          infer::SlidingWindowOptions options, const infer::CleanUpOptions& clean_up = {});
    infer::Prediction predict(const data::Sample& sample) override;
    const SegmentationFacts& facts() const { return facts_; }

private:
    std::shared_ptr<nn::Model> model_;
    SegmentationFacts facts_;
    infer::SlidingWindowOptions options_;
    std::vector<size_t> cleaned_;  // regions of which the largest component stays
    ops::Connectivity connectivity_;
};

}  // namespace vox::tasks
