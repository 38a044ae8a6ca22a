#include "tasks/model_checks.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/activation_bytes.hpp"

namespace vox::tasks {
namespace {

const char* levels_key(const std::string& model) {
    if (model == "unet") return "model.strides";
    return model == "segresnet" ? "model.blocks_down" : "model.channel_multipliers";
}

void check_size(const char* key, const std::vector<int64_t>& size, const nn::ModelOptions& model) {
    const int64_t divisor = model.size_divisor();
    if (std::ranges::all_of(size, [&](int64_t edge) { return edge % divisor == 0; })) return;
    throw core::ConfigError(core::concat(key, ": [", core::join(size), "] does not fit the network: ", model.name,
                                         " with these levels needs multiples of ", divisor, "; change ", key, ", or ",
                                         levels_key(model.name)));
}

}  // namespace

const TaskConfig& checked(const TaskConfig& config, const TaskContext& context, const comm::Communicator& comm) {
    const int64_t items_per_rank = (context.global_micro_batch + comm.size() - 1) / comm.size();
    if (config.model.norm == "batch" && comm.size() > 1)
        throw core::ConfigError(
            "model.norm: 'batch' normalises each rank by its own items, so that ranks drift apart; "
            "use 'sync_batch' on more than one rank");
    // Stages and what is asked check their sizes, ResNets take any, and all what they are given.
    if (config.task == "xray_to_ct" || config.task == "survival" || config.task == "prompted_segmentation")
        return config;
    if (!config.data.resize.empty())
        throw core::ConfigError(core::concat(
            "data.resize: ", config.task,
            " learns and predicts on the cases' own grid, in crops; leave data.resize: [] and give data.crop_size"));
    check_size("data.crop_size", config.data.crop_size, config.model);
    check_size("infer.window", config.infer.window, config.model);
    nn::check_tensor_sizes(config.model, config.data.crop_size, items_per_rank);
    nn::check_tensor_sizes(config.model, config.infer.window, config.infer.windows_per_batch);
    return config;
}

}  // namespace vox::tasks
