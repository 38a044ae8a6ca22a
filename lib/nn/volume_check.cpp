#include "nn/volume_check.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::nn {

void check_volume(const std::string& name, const at::Tensor& volume, int64_t in_channels, int64_t divisor) {
    const bool five = volume.dim() == 5;
    const bool channels_fit = five && volume.size(1) == in_channels;
    bool sizes_fit = five;
    for (int64_t axis = 2; five && axis < 5; ++axis) {
        sizes_fit = sizes_fit && volume.size(axis) > 0 && volume.size(axis) % divisor == 0;
    }
    if (channels_fit && sizes_fit) return;
    throw core::DataError(core::concat(name, ": the input is [", core::join(volume.sizes()), "], expected [B, ",
                                       in_channels, ", D, H, W] with D, H, W multiples of ", divisor,
                                       ": choose a crop and window size that ", divisor, " divides"));
}

}  // namespace vox::nn
