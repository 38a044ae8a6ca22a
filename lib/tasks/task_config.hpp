#pragma once

#include <filesystem>
#include <string>

#include "comm/communicator.hpp"
#include "config/section.hpp"
#include "data/options.hpp"
#include "infer/options.hpp"
#include "loss/options.hpp"
#include "metrics/options.hpp"
#include "nn/options.hpp"

namespace vox::tasks {

/// What tasks and predictors are built from: their sections of a configuration.
struct TaskConfig {
    std::string task = "segmentation";
    int64_t seed = 0;
    data::Options data;
    nn::ModelOptions model;
    loss::Options loss;
    infer::SlidingWindowOptions infer;
    infer::CleanUpOptions clean_up;
    metrics::Options metrics;

    /// Throws ConfigError.
    void read(config::Section& root);
};

/// What a task gets from the job, not from the configuration.
struct TaskContext {
    std::filesystem::path shards;       // folder of the data set
    int64_t global_micro_batch = 1;     // items of a micro-batch over all ranks
    at::ScalarType dtype = at::kFloat;  // of weights and batches
};

}  // namespace vox::tasks
