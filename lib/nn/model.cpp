#include "nn/model.hpp"

#include "nn/volume_check.hpp"

namespace vox::nn {

int64_t Model::parameter_count() const {
    int64_t count = 0;
    for (const auto& parameter : parameters()) count += parameter.numel();
    return count;
}

void Model::check_volume(const std::string& name, const at::Tensor& volume, int64_t in_channels) const {
    nn::check_volume(name, volume, in_channels, size_divisor());
}

}  // namespace vox::nn
