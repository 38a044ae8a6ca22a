#include "data/device_copy.hpp"

#include <ATen/ops/empty.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace vox::data {

DeviceCopy::DeviceCopy(at::Device device) : device_(device) {
    if (device_.is_cuda()) stream_ = c10::impl::VirtualGuardImpl(device_.type()).getStreamFromGlobalPool(device_);
}

at::Tensor DeviceCopy::host_tensor(at::IntArrayRef shape, at::ScalarType type) const {
    return at::empty(shape, at::TensorOptions().dtype(type).pinned_memory(stream_.has_value()));
}

DeviceCopy::Pending DeviceCopy::start(std::vector<at::Tensor> host) const {
    if (!stream_) return {std::move(host), nullptr};
    const c10::StreamGuard guard(*stream_);
    Pending pending{{}, std::make_shared<c10::Event>(device_.type())};
    // The allocator of pinned memory keeps `host` until the copy is done.
    for (const at::Tensor& tensor : host) pending.tensors.push_back(tensor.to(device_, /*non_blocking=*/true));
    pending.copied->record(*stream_);
    return pending;
}

void DeviceCopy::finish(const Pending& pending) const {
    if (!pending.copied) return;
    const c10::Stream current = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
    pending.copied->block(current);
    // The memory belongs to the copy's stream: it must not be given out again while this one still uses it.
    for (const at::Tensor& tensor : pending.tensors) tensor.record_stream(current);
}

}  // namespace vox::data
