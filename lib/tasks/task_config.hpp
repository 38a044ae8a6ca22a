#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "config/section.hpp"
#include "data/options.hpp"
#include "data/shard_reader.hpp"
#include "infer/diffusion_options.hpp"
#include "infer/options.hpp"
#include "loss/options.hpp"
#include "metrics/options.hpp"
#include "nn/options.hpp"
#include "nn/prompted_segmentor_options.hpp"
#include "nn/resnet_3d_options.hpp"
#include "tasks/cascade_options.hpp"
#include "tasks/prompted_options.hpp"
#include "tasks/survival_options.hpp"
#include "tasks/synthesis_options.hpp"

namespace vox::tasks {

/// What tasks and predictors are built from: their sections of a configuration.
struct TaskConfig {
    std::string task = "segmentation";
    int64_t seed = 0;
    nn::ModelOptions model;
    data::Options data;
    loss::Options loss;
    infer::DiffusionOptions diffusion;
    SynthesisOptions synthesis;
    CascadeOptions xray_to_ct;
    nn::ResNet3dOptions resnet_3d;
    SurvivalOptions survival;
    nn::PromptedSegmentorOptions prompted_segmentor;
    PromptedOptions prompted;
    infer::SlidingWindowOptions infer;
    infer::CleanUpOptions clean_up;
    metrics::Options metrics;

    /// Throws ConfigError.
    void read(config::Section& root);
    /// `keys`: all that were read.  Throws ConfigError naming a key that was given another value than its default and changes
    /// nothing: one of another task, or of noise where there is none.
    void check_effect(const std::vector<config::KeyRecord>& keys) const;
};

/// The section `diffusion` of task xray_to_ct where nothing is said.
infer::DiffusionOptions usual_xray_diffusion();

/// What a task gets from the job, not from the configuration.
struct TaskContext {
    std::filesystem::path shards;  // folder of the data set
    int64_t global_micro_batch = 1;  // items of a micro-batch over all ranks
    at::ScalarType dtype = at::kFloat;  // of weights and batches
    int64_t accumulation = 1;  // micro-batches an optimizer step
    /// The data set, where the program has opened it; else null, and the task opens `shards`.
    std::shared_ptr<const data::ShardReader> reader{};

    /// `reader`, or `shards` opened with a cache of this rank.
    std::shared_ptr<const data::ShardReader> opened(const TaskConfig& config) const;
};

}  // namespace vox::tasks
