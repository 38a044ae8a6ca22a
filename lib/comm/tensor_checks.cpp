#include "comm/tensor_checks.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::comm {

using core::check;
using core::concat;

void check_dense(const at::Tensor& tensor, std::string_view collective) {
    check(tensor.defined(), concat(collective, ": the tensor is undefined"));
    // Writing through an expanded or sliced tensor would touch elements twice, or none of them.
    check(tensor.is_non_overlapping_and_dense(),
          concat(collective, ": the tensor has gaps or overlaps; give a contiguous one"));
}

void check_summable(const at::Tensor& tensor, std::string_view collective) {
    check_dense(tensor, collective);
    switch (tensor.scalar_type()) {
        case at::kDouble:
        case at::kFloat:
        case at::kHalf:
        case at::kBFloat16:
        case at::kLong:
        case at::kInt:
        case at::kByte: return;
        default:
            check(false, concat(collective, ": cannot sum elements of type ", c10::toString(tensor.scalar_type())));
    }
}

void check_has_rows(const at::Tensor& tensor, std::string_view collective) {
    check(tensor.defined() && tensor.dim() > 0, concat(collective, ": needs at least one axis to put ranks along"));
}

void check_splits(const at::Tensor& tensor, int size) {
    check(tensor.dim() > 0 && tensor.size(0) % size == 0,
          concat("reduce_scatter_sum: axis 0 does not split into ", size, " equal slices"));
}

void check_root(int root, int size) {
    check(root >= 0 && root < size, concat("broadcast: root ", root, " is not a rank of a group of ", size));
}

}  // namespace vox::comm
