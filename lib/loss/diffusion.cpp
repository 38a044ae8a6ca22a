#include "loss/diffusion.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include "core/error.hpp"
#include "loss/per_item.hpp"
#include "ops/random_tensor.hpp"

namespace vox::loss {

at::Tensor draw_timesteps(std::span<const ops::RandomKey> keys, std::span<const int64_t> list, bool antithetic) {
    core::check(!list.empty(), "timesteps are drawn from an empty list");
    const auto count = static_cast<uint32_t>(list.size());
    const at::Tensor drawn = at::empty({static_cast<int64_t>(keys.size())}, at::kLong);
    for (size_t b = 0; b < keys.size(); ++b) {
        ops::RandomKey key = keys[b];
        const bool opposite = antithetic && key.position % 2 == 1;
        if (opposite) --key.position;
        const uint32_t i = ops::random_below(key, ops::Purpose::timestep, 0, 0, count);
        drawn.mutable_data_ptr<int64_t>()[b] = list[opposite ? count - 1 - i : i];
    }
    return drawn;
}

at::Tensor draw_noise(std::span<const ops::RandomKey> keys, const at::Tensor& like) {
    return ops::random_normal_tensor(keys, ops::Purpose::noise, 0, like.sizes(), like.options());
}

std::vector<bool> draw_condition_dropout(std::span<const ops::RandomKey> keys, double probability) {
    std::vector<bool> dropped;
    for (const auto& key : keys)
        dropped.push_back(ops::random_uniform(key, ops::Purpose::condition_dropout, 0, 0) < probability);
    return dropped;
}

at::Tensor squared_error_per_item(const at::Tensor& prediction, const at::Tensor& target) {
    core::check(prediction.sizes() == target.sizes(), "a network's prediction does not have its target's size");
    const auto dtype = loss_dtype(prediction);
    const at::Tensor difference = prediction.to(dtype) - target.to(dtype);
    return mean_per_item(difference * difference);
}

}  // namespace vox::loss
