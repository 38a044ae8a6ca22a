#include "nn/model.hpp"

namespace vox::nn {

int64_t Model::parameter_count() const {
    int64_t count = 0;
    for (const auto& parameter : parameters()) count += parameter.numel();
    return count;
}

}  // namespace vox::nn
