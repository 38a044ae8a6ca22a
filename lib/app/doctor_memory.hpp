#pragma once
// What `doctor` examines of memory: what a run keeps, and what one real step takes.

#include <cstdint>

#include "app/findings.hpp"
#include "app/run_config.hpp"
#include "train/task.hpp"

namespace vox::app {

/// Bytes that a run keeps from its first step to its last.
struct StateBytes {
    int64_t model = 0;      // parameters and buffers
    int64_t gradients = 0;
    int64_t optimizer = 0;
    int64_t ema = 0;
    /// What one checkpoint takes on disk, without its few KiB of manifest and headers.
    int64_t checkpoint() const { return model + optimizer + ema; }
};

/// Any rank, no communication: counted on the very tensors that a training makes.
StateBytes state_bytes(train::Task& task, const train::Options& options);

/// What a step is measured with.
struct StepToMeasure {
    const RunConfig& config;
    int64_t own_micro_batch;  // items of the largest rank
    int64_t channels;         // of the images
    at::Device device;
    StateBytes state = {};
};

/// Any rank, no communication: why this rank's first batch alone cannot work, whatever the model; empty where it can.  Before
/// anything is built that reads crops ahead.
std::string batch_too_large(const comm::World& world, const StepToMeasure& step);

/// All ranks.  Every rank makes a forward and a backward of its own on the configured crops, with the trainer and without a
/// word to the others, so that one that runs out of memory holds nobody up; nothing is written.  Its peak, with what the caches
/// may grow to, is compared with the memory that was free before.
bool examine_memory(comm::World& world, Findings& findings, const StepToMeasure& step);

}  // namespace vox::app
