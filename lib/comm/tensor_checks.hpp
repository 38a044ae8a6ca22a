#pragma once
// What every backend asks of its tensors.  All throw InternalError, before anything is sent.

#include <ATen/core/Tensor.h>

#include <string_view>

namespace vox::comm {

/// Its elements fill one block of memory, in whatever order of axes (channels-last included).
void check_dense(const at::Tensor& tensor, std::string_view collective);
/// Dense, and of a type that is summed: floating (fp64, fp32, fp16, bf16), int64, int32 or uint8.
void check_summable(const at::Tensor& tensor, std::string_view collective);
/// At least one axis, the one along which ranks are put together.
void check_has_rows(const at::Tensor& tensor, std::string_view collective);
/// Axis 0 splits into `size` equal slices.
void check_splits(const at::Tensor& tensor, int size);
void check_root(int root, int size);

}  // namespace vox::comm
