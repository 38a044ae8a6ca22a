#pragma once
// People that tools/golden/cox_loss.py makes by the same formula.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <nlohmann/json.hpp>

#include "support/golden.hpp"

namespace vox::test {

struct People {
    at::Tensor risks, times, events;  // [n] float64, a leaf with a gradient; float64; bool
};

inline People people(const nlohmann::json& batch) {
    const auto n = batch.at("n").get<int64_t>();
    const auto stream = batch.at("stream").get<uint32_t>();
    const auto levels = batch.at("levels").get<double>(), scale = batch.at("scale").get<double>();
    const auto place = uniform({n}, stream);
    return {((2 * uniform({n}, stream + 2) - 1) * scale).requires_grad_(),
            levels > 0 ? (place * levels).floor() : place,
            uniform({n}, stream + 1).lt(batch.at("events").get<double>())};
}

}  // namespace vox::test
