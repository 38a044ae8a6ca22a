#include "nn/xray_cascade.hpp"

namespace vox::nn {

XrayCascade::XrayCascade(const XrayToCtOptions& options, size_t stages, uint64_t seed,
                         comm::Communicator* communicator) {
    for (size_t i = 0; i < stages; ++i) {
        const auto stage = std::make_shared<XrayToCt>(options, i, seed + i, communicator);
        stages_.push_back(register_module(stage_name(i), stage));
    }
}

}  // namespace vox::nn
