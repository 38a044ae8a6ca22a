#pragma once
// The networks of a cascade from X-rays to a CT volume, as far as it is trained: the last is the one that trains.

#include <torch/nn/module.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "nn/xray_to_ct.hpp"

namespace vox::nn {

/// Stages one to `stages` under the names stage1, stage2 and stage3, so that a checkpoint of a later stage holds all that a volume is
/// made with.
class XrayCascade : public torch::nn::Module {
public:
    /// In training mode, float32, on the host; weights, `communicator` and errors as XrayToCt.
    XrayCascade(const XrayToCtOptions& options, size_t stages, uint64_t seed, comm::Communicator* communicator);

    size_t size() const { return stages_.size(); }
    /// From 0.
    XrayToCt& stage(size_t index) { return *stages_.at(index); }

private:
    std::vector<std::shared_ptr<XrayToCt>> stages_;
};

}  // namespace vox::nn
