#include "nn/dropout.hpp"

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"

namespace vox::nn {

Dropout::Dropout(double probability, DropoutKind kind) : probability_(probability), kind_(kind) {
    if (!(probability >= 0 && probability <= 1)) {
        throw core::ConfigError(core::concat("dropout is ", probability, "; give a probability between 0 and 1"));
    }
}

at::Tensor Dropout::forward(const at::Tensor& x) {
    if (!is_training() || probability_ == 0) return x;
    const auto draw = ops::RandomScope::next_layer("Dropout", x.size(0));
    if (probability_ == 1) return x * 0;
    std::vector<int64_t> sizes = x.sizes().vec();
    if (kind_ == DropoutKind::channel) std::fill(sizes.begin() + 2, sizes.end(), 1);
    // float32 holds all 24 random bits, so that the same values are dropped at every precision of x.
    const at::Tensor numbers = ops::random_uniform_tensor(draw.keys, ops::Purpose::dropout, draw.layer, sizes,
                                                          at::TensorOptions(at::kFloat).device(x.device()));
    const at::Tensor scale = numbers.ge(probability_).to(x.scalar_type()).div_(1 - probability_);
    return x * scale;
}

}  // namespace vox::nn
