#pragma once
// Batch normalisation over the joined batch of all ranks.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/norm.hpp"

namespace vox::nn {

/// What PyTorch's BatchNorm1d/2d/3d computes on the batch of all ranks joined, for `[B,C,...]` on CPU and GPU (Ioffe &
/// Szegedy 2015; moments of ranks are merged as in Chan, Golub, LeVeque 1979).  Statistics are summed in float64 whatever
/// the dtype of x, so that they do not depend on how the batch is split.
///
/// Parameters weight, bias `[C]`; buffers running_mean, running_var `[C]` (the unbiased variance over the global count),
/// num_batches_tracked.  In training forward and backward are collectives on the communicator: ALL of its ranks run them, in
/// the same order, empty ranks `[0,C,...]` included.  The gradients of weight and bias are this rank's share: their sum over
/// ranks is the gradient.  In evaluation: the running statistics, no communication.  Backward of backward is not supported.
/// Throws ConfigError, on all ranks, where training has one value per channel in all; InternalError for wrong channels.
class SyncBatchNorm : public Norm {
public:
    /// `communicator` null: this rank's own batch, without communication (plain BatchNorm).
    SyncBatchNorm(int64_t channels, comm::Communicator* communicator, double eps = 1e-5, double momentum = 0.1);
    at::Tensor forward(const at::Tensor& x) override;

private:
    void track(const at::Tensor& mean, const at::Tensor& variance, double count);

    comm::Communicator* communicator_;
    double eps_;
    double momentum_;
    at::Tensor weight_;
    at::Tensor bias_;
    at::Tensor running_mean_;
    at::Tensor running_var_;
    at::Tensor num_batches_tracked_;
};

}  // namespace vox::nn
