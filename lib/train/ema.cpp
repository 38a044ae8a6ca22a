#include "train/ema.hpp"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/error.hpp"

namespace vox::train {

void EmaOptions::read(config::Section& section) {
    section.value("enabled", enabled, "keep averaged weights, which then validate and infer");
    section.value("decay", decay, "share of the average that stays at each step");
    section.value("warmup", warmup, "begin with a faster average: min(decay, (1+n)/(10+n)) after n updates");
    section.require(decay >= 0 && decay < 1, "decay must be from 0 to below 1");
}

Ema::Ema(const EmaOptions& options, checkpoint::NamedTensors tensors)
    : options_(options), tensors_(std::move(tensors)) {
    const c10::NoGradGuard no_grad;
    for (const auto& [name, value] : tensors_) averages_.push_back({name, value.detach().clone()});
}

void Ema::update() {
    core::check(!swapped_, "the average cannot be updated while it stands in for the weights");
    const auto n = static_cast<double>(updates_++);
    const double decay = options_.warmup ? std::min(options_.decay, (1 + n) / (10 + n)) : options_.decay;
    const c10::NoGradGuard no_grad;
    for (size_t i = 0; i < tensors_.size(); ++i) {
        const at::Tensor& weights = tensors_[i].value;
        const at::Tensor& average = averages_[i].value;
        if (weights.is_floating_point()) {
            average.lerp_(weights, 1 - decay);
        } else {
            average.copy_(weights);  // a count of batches has no mean
        }
    }
}

void Ema::swap() {
    const c10::NoGradGuard no_grad;
    for (size_t i = 0; i < tensors_.size(); ++i) {
        const at::Tensor kept = tensors_[i].value.detach().clone();
        tensors_[i].value.copy_(averages_[i].value);
        averages_[i].value.copy_(kept);
    }
    swapped_ = !swapped_;
}

void Ema::load_state(const checkpoint::NamedTensors& stored, int64_t updates) {
    core::check(!swapped_, "the average cannot be loaded while it stands in for the weights");
    checkpoint::copy_into(averages_, stored, "the stored average of the weights");
    updates_ = updates;
}

}  // namespace vox::train
