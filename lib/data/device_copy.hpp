#pragma once
// The way of a batch's tensors from the host to the training device.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <memory>
#include <optional>
#include <vector>

namespace vox::data {

/// Copies to a GPU from pinned memory on a stream of its own, so that the copy of the next batch runs beside the computation
/// of this one.  Where the device is the CPU nothing is copied.
class DeviceCopy {
public:
    explicit DeviceCopy(at::Device device);

    /// Uninitialised host memory to read into; pinned where the device is a GPU.
    at::Tensor host_tensor(at::IntArrayRef shape, at::ScalarType type) const;

    /// Tensors on their way: `tensors` may be used once `finish` was called.
    struct Pending {
        std::vector<at::Tensor> tensors;
        std::shared_ptr<c10::Event> copied;  // none on CPU
    };
    /// Any thread.  Returns at once.
    Pending start(std::vector<at::Tensor> host) const;
    /// Orders the calling thread's current stream after the copy.
    void finish(const Pending& pending) const;

private:
    at::Device device_;
    std::optional<c10::Stream> stream_;
};

}  // namespace vox::data
