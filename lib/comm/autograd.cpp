#include "comm/autograd.hpp"

#include <torch/csrc/autograd/custom_function.h>

#include "comm/uneven_rows.hpp"

namespace vox::comm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// A context keeps values, not objects: the communicator travels as its address.
void remember(AutogradContext* context, Communicator* comm) {
    context->saved_data["communicator"] = reinterpret_cast<int64_t>(comm);
}
Communicator& remembered(AutogradContext* context) {
    return *reinterpret_cast<Communicator*>(context->saved_data["communicator"].toInt());
}

// Each backward calls the differentiable collective again, so that a second derivative is right too.

struct AllReduceSum : Function<AllReduceSum> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& tensor, Communicator* comm) {
        remember(context, comm);
        // Contiguous on every rank: ranks exchange memory, and strides may differ from rank to rank.
        const at::Tensor sum = tensor.clone(at::MemoryFormat::Contiguous);
        comm->all_reduce_sum(sum);
        return sum;
    }
    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        return {all_reduce_sum(remembered(context), gradients[0]), at::Tensor()};
    }
};

struct AllGather : Function<AllGather> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& tensor, Communicator* comm) {
        remember(context, comm);
        return comm->all_gather(tensor);
    }
    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        return {reduce_scatter_sum(remembered(context), gradients[0]), at::Tensor()};
    }
};

struct ReduceScatterSum : Function<ReduceScatterSum> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& tensor, Communicator* comm) {
        remember(context, comm);
        return comm->reduce_scatter_sum(tensor.contiguous());
    }
    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        return {all_gather(remembered(context), gradients[0]), at::Tensor()};
    }
};

}  // namespace

at::Tensor all_reduce_sum(Communicator& comm, const at::Tensor& tensor) { return AllReduceSum::apply(tensor, &comm); }

at::Tensor all_gather(Communicator& comm, const at::Tensor& tensor) { return AllGather::apply(tensor, &comm); }

at::Tensor reduce_scatter_sum(Communicator& comm, const at::Tensor& tensor) {
    return ReduceScatterSum::apply(tensor, &comm);
}

std::vector<at::Tensor> all_gather_v(Communicator& comm, const at::Tensor& tensor) {
    // Padding and slicing are differentiable as they are.
    return gather_uneven_rows(comm, tensor, [&](const at::Tensor& rows) { return all_gather(comm, rows); });
}

}  // namespace vox::comm
