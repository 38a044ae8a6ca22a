#include "app/batch_arithmetic.hpp"

#include "core/text.hpp"
#include "nn/activation_bytes.hpp"
#include "nn/xray_to_ct_bytes.hpp"
#include "train/precision.hpp"

namespace vox::app {

using core::concat;

namespace {

std::string bytes(int64_t count) { return core::human_bytes(static_cast<double>(count)); }

/// What a rank's micro-batch takes between forward and backward, where it can be told before; else an empty text.
std::string activation_memory(const RunConfig& config, const comm::Communicator& comm, train::Task& task,
                              int64_t items) {
    const auto& model = config.task.model;
    if (model.name != "fast_ddpm_3d" && model.name != "xray_to_ct") return "";
    const auto precision = train::resolve_precision(config.train.precision, comm.device());
    const auto widths =
        nn::ActivationWidths::of(train::weight_dtype(precision), train::uses_autocast(precision), comm.device().type());
    const auto text = [&](const nn::ActivationEstimate& estimate) {
        return concat("activations of ", items, items == 1 ? " item" : " items", " a rank: about ",
                      bytes(estimate.peak), " at the peak, ", bytes(estimate.kept), " from forward to backward");
    };
    if (model.name == "xray_to_ct") {
        const auto& cascade = config.task.xray_to_ct;
        return text(nn::estimate_xray_to_ct(cascade.network, cascade.index(), items, widths));
    }
    const auto& crop = config.task.data.crop_size;
    const int64_t channels = task.model().named_parameters()["conv_in.weight"].size(1);
    const auto estimate =
        nn::estimate_activations(model, {.in_channels = channels, .out_channels = 1}, crop, items, widths);
    const auto largest = nn::largest_tensor(model, crop, items);
    return concat(text(estimate), "; largest tensor: ", largest.name, ", ", largest.elements,
                  " values of the 2147483647 that kernels can address");
}

}  // namespace

void check_distributed(const comm::World& world, const RunConfig& config) {
    if (config.distributed == false && world.size() > 1)
        throw core::ConfigError(
            concat("'distributed' is false, but ", world.size(),
                   " ranks were started: start the program without mpirun, or set distributed: true"));
}

std::vector<std::string> batch_arithmetic(const RunConfig& config, const comm::Communicator& comm, train::Task& task,
                                          int64_t global_micro_batch, int64_t threads_per_rank) {
    std::vector<std::string> lines;
    int64_t parameters = 0;
    for (const auto& parameter : task.model().parameters()) parameters += parameter.numel();
    if (config.distributed == true && comm.size() == 1)
        lines.push_back("distributed: true, but one rank was started and trains alone; 'mpirun -np N' starts N");
    const int64_t accumulation = config.train.accumulation;
    const int64_t asked = data::resolve_global_micro_batch(config.task.data, comm.size(), accumulation);
    if (asked != global_micro_batch)
        lines.push_back(concat("the run keeps the ", global_micro_batch, " items a micro-batch that it began with; ",
                               "batch sizes and ranks of this start would make ", asked));
    const int64_t steps_per_epoch = task.train_data().steps_per_epoch(accumulation);
    lines.push_back(concat(config.task.model.name, ": ", parameters, " parameters"));
    if (const auto memory = activation_memory(config, comm, task, (global_micro_batch + comm.size() - 1) / comm.size());
        !memory.empty())
        lines.push_back(memory);
    lines.push_back(concat("effective batch ", global_micro_batch * accumulation, " = ", global_micro_batch,
                           " items a micro-batch over ", comm.size(), " ranks x ", accumulation, " accumulated"));
    lines.push_back(concat(config.train.total_steps(steps_per_epoch), " steps, ", steps_per_epoch, " an epoch; ",
                           task.validation_cases().size(), " validation cases; ", comm.backend(), " on ",
                           comm.device().str(), ", ", threads_per_rank, " threads a rank"));
    return lines;
}

}  // namespace vox::app
