#pragma once
// Sums gradients over ranks while backward is still running.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "comm/communicator.hpp"

namespace vox::train {

/// One trained tensor and its plain name ("convInit.conv.weight").
struct NamedParameter {
    std::string name;
    at::Tensor tensor;
};

/// Owns the gradients of all trained parameters as views into a few flat buckets and reduces each bucket (SUM over ranks)
/// as soon as its last gradient is there.  Buckets follow the parameters in reverse order, because backward produces
/// gradients so, and are launched in that fixed order on every rank.
///
///     reducer.zero();
///     for each micro-batch: { reducer.arm(is_last); backward; }
///     reducer.wait();     // gradients are now sums over micro-batches and ranks
class GradReducer {
public:
    struct Options {
        int64_t bucket_bytes = 8 << 20;  // a bucket is closed at this size; a larger tensor has one of its own
    };

    /// Takes over `.grad` of every parameter.  `comm` must be the reducer's own (a `duplicate()`).  The parameters may not
    /// change dtype, device or memory format afterwards.
    GradReducer(std::vector<NamedParameter> parameters, std::unique_ptr<comm::Communicator> comm, Options options);
    ~GradReducer();
    GradReducer(const GradReducer&) = delete;

    /// Sets all gradients to 0.  Before the first micro-batch of a step.
    void zero();

    /// Before each backward: `last` lets the buckets go as they fill; otherwise gradients only add up.
    void arm(bool last);

    /// All ranks, after the last backward: every bucket is reduced when it returns.  Throws ConfigError naming the
    /// parameters that no backward of this step reached, after the collectives have been joined, so that no rank hangs.
    void wait();

    /// The flat gradients, one tensor a bucket: for norm, clipping, unscaling and the finite check.
    const std::vector<at::Tensor>& buckets() const { return flat_; }
    const std::vector<NamedParameter>& parameters() const { return parameters_; }

    /// Seconds that `wait` has blocked so far: communication that backward did not hide.
    double exposed_seconds() const { return exposed_seconds_; }

private:
    struct Bucket {
        std::vector<size_t> members;  // indices into parameters_
        size_t missing = 0;  // members whose gradient of the last micro-batch is not there yet
        std::unique_ptr<comm::Work> work;
    };
    void build_buckets(int64_t bucket_bytes);
    void adopt_gradients();
    void gradient_ready(size_t parameter);
    void launch_full_buckets(bool all);

    std::vector<NamedParameter> parameters_;
    std::unique_ptr<comm::Communicator> comm_;
    std::vector<Bucket> buckets_;
    std::vector<at::Tensor> flat_;
    std::vector<size_t> bucket_of_;  // parameter -> bucket
    std::vector<bool> reached_;  // by any backward of this step
    bool armed_ = false;
    size_t next_launch_ = 0;
    double exposed_seconds_ = 0;
};

}  // namespace vox::train
