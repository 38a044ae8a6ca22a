#include "tasks/segmentation_predictor.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>

#include "infer/compose_labels.hpp"
#include "infer/largest_regions.hpp"
#include "infer/sliding_window.hpp"

namespace vox::tasks {

SegmentationPredictor::SegmentationPredictor(std::shared_ptr<nn::Model> model, SegmentationFacts facts,
                                             infer::SlidingWindowOptions options, const infer::CleanUpOptions& clean_up)
    : model_(std::move(model)),
      facts_(std::move(facts)),
      options_(std::move(options)),
      cleaned_(infer::regions_to_clean(clean_up.keep_largest, facts_.scheme)),
      connectivity_(ops::connectivity(clean_up.connectivity)) {}

infer::Prediction SegmentationPredictor::predict(const data::Sample& sample) {
    const at::NoGradGuard no_grad;
    const bool was_training = model_->is_training();
    model_->eval();
    const auto weight = model_->parameters().front();
    const auto network = [&](const at::Tensor& windows) { return model_->forward(windows.to(weight.scalar_type())); };
    const at::Tensor logits =
        infer::sliding_window(sample.image, network, options_, {.network = weight.device(), .result = at::kCPU});
    model_->train(was_training);
    infer::Prediction prediction;
    if (facts_.exclusive) {
        prediction.probabilities = at::softmax(logits, 0, at::kFloat).narrow(0, 1, logits.size(0) - 1);
        prediction.label_map = infer::labels_of_classes(logits, facts_.scheme, facts_.active);
    } else {
        prediction.probabilities = at::sigmoid(logits.to(at::kFloat));
        prediction.label_map = infer::compose_labels(prediction.probabilities, facts_.scheme, facts_.active);
    }
    prediction.label_map = infer::keep_largest_regions(prediction.label_map, facts_.scheme, cleaned_, connectivity_);
    return prediction;
}

}  // namespace vox::tasks
