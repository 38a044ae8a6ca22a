#include "app/doctor_memory.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "app/free_memory.hpp"
#include "checkpoint/named_tensors.hpp"
#include "comm/local_communicator.hpp"
#include "comm/machine_facts.hpp"
#include "core/text.hpp"
#include "tasks/make_task.hpp"
#include "train/memory.hpp"
#include "train/optimizers.hpp"
#include "train/precision.hpp"
#include "train/trainer.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::ExitCode;

constexpr const char* kRemedy =
    "use smaller crops (data.crop_size), fewer of them (data.batch_size, with train.accumulation), "
    "model.activation_checkpointing, a smaller data.cache_mb or data.prefetch_mb, or fewer ranks a host";

int64_t bytes_of(const checkpoint::NamedTensors& tensors) {
    int64_t bytes = 0;
    for (const auto& [name, tensor] : tensors) bytes += static_cast<int64_t>(tensor.nbytes());
    return bytes;
}

std::string text_of(int64_t bytes) { return core::human_bytes(static_cast<double>(bytes)); }

/// What a rank may take, and what it shares with the other ranks of its host.
struct Room {
    int64_t of_all_ranks = 0;  // of this host
    int64_t own = 0;
    std::string what;
    bool allows(int64_t bytes, int ranks) const { return bytes <= own && bytes <= of_all_ranks / ranks; }
    std::string text() const {
        return own < of_all_ranks ? concat(text_of(own), " left of the process's limit (ulimit -v)")
                                  : concat(text_of(of_all_ranks), ' ', what);
    }
};

Room room_on(at::Device device) {
    if (device.is_cuda()) {
        const auto gpu = comm::gpu_facts(device.index());
        return {gpu.free_bytes, gpu.free_bytes, concat("free on ", gpu.name)};
    }
    const auto free = free_memory();
    return {free.host, free.process, free.limit};
}

/// Image float32 and label uint8 of one micro-batch, with the margin that is read around crops.
int64_t batch_bytes(const StepToMeasure& step) {
    const auto size = step.config.task.data.read_size();
    const double voxels = static_cast<double>(size[0]) * static_cast<double>(size[1]) * static_cast<double>(size[2]);
    return std::llround(voxels * static_cast<double>(step.own_micro_batch * (4 * step.channels + 1)));
}

/// One optimizer step of this rank alone.  Returns whether loss and gradients were finite.
bool take_a_step(const StepToMeasure& step) {
    RunConfig config = step.config;
    config.train.accumulation = 1;  // the others would take the same memory again
    config.task.data.prefetch_mb = 1;  // counted apart
    comm::LocalCommunicator alone(step.device);
    const auto world = comm::make_local_world();
    const auto dtype = train::weight_dtype(train::resolve_precision(config.train.precision, step.device));
    const auto task =
        tasks::make_task(config.task, {config.shards, step.own_micro_batch, dtype, config.train.accumulation}, alone);
    train::RunRecord record;
    record.global_micro_batch = step.own_micro_batch;
    train::Trainer trainer(config.train, *task, *world, alone, record);
    return !trainer.step().bad;
}

struct Measured {
    int64_t peak = 0;  // more than before, in bytes, where the model lives
    double seconds = 0;
    bool finite = true;
};

/// Takes no more than `room` leaves to each of `ranks`.
Measured measure(const StepToMeasure& step, const Room& room, int ranks) {
    Measured measured;
    // An allocation that fails is an answer; a host that runs out of memory ends processes, not only ours.
    std::optional<MemoryLimit> limit;
    if (step.device.is_cpu()) limit.emplace(std::min(room.own, room.of_all_ranks / ranks));
    forget_peak();
    const int64_t before = own_memory("VmRSS:");
    const core::Timer timer;
    measured.finite = take_a_step(step);
    measured.seconds = timer.seconds();
    measured.peak = step.device.is_cuda() ? train::peak_device_bytes(step.device)
                                          : std::max<int64_t>(0, own_memory("VmHWM:") - before);
    return measured;
}

Finding judge(comm::World& world, const StepToMeasure& step, const Room& room, const Measured& measured) {
    // What a run fills by and by: decoded chunks and crops read ahead, on the host.
    const auto& data = step.config.task.data;
    const auto sharing = static_cast<size_t>(data.shares_cache() ? world.local_size() : 1);
    const auto caches = static_cast<int64_t>(data.cache_bytes() / sharing + data.prefetch_bytes());
    const int64_t in_the_end = measured.peak + (step.device.is_cuda() ? 0 : caches);
    const auto text =
        concat("a step takes ", text_of(measured.peak), " at its peak (", short_time(measured.seconds), "; model ",
               text_of(step.state.model), ", gradients ", text_of(step.state.gradients), ", optimizer ",
               text_of(step.state.optimizer), ", EMA ", text_of(step.state.ema), ", batch ", text_of(batch_bytes(step)),
               "), caches in full ", text_of(caches), " on the host; ", room.text(), ", ", world.local_size(),
               world.local_size() == 1 ? " rank" : " ranks", " share it; validation is not measured");
    if (!room.allows(measured.peak, world.local_size()))
        return Finding::fails(ExitCode::bad_config, concat(text, ": ", kRemedy));
    if (!measured.finite) return Finding::warning(concat(text, ": loss or gradients are not finite in the first step"));
    if (!room.allows(in_the_end, world.local_size())) return Finding::warning(concat(text, ": ", kRemedy));
    return Finding::ok(text);
}

}  // namespace

StateBytes state_bytes(train::Task& task, const train::Options& options) {
    StateBytes bytes;
    const auto parameters = checkpoint::module_parameters(task.model());
    bytes.model = bytes_of(checkpoint::module_state(task.model()));
    bytes.gradients = bytes_of(parameters);
    bytes.optimizer = bytes_of(train::make_optimizer(options.optimizer, parameters)->state());
    bytes.ema = options.ema.enabled ? bytes.model : 0;
    return bytes;
}

std::string batch_too_large(const comm::World& world, const StepToMeasure& step) {
    const auto free = free_memory();
    const Room host{free.host, free.process, free.limit};
    const int64_t bytes = batch_bytes(step);
    if (host.allows(bytes, world.local_size()) && (step.device.is_cpu() || room_on(step.device).allows(bytes, 1)))
        return "";
    return concat("the crops of one micro-batch alone take ", text_of(bytes), " on each of ", world.local_size(),
                  world.local_size() == 1 ? " rank" : " ranks", ", where there is ",
                  step.device.is_cpu() ? host.text() : room_on(step.device).text(), ": ", kRemedy);
}

bool examine_memory(comm::World& world, Findings& findings, const StepToMeasure& step) {
    return findings.check("memory", [&] {
        const Room room = room_on(step.device);
        world.barrier();  // before any rank takes memory
        const auto& state = step.state;
        const int64_t least = state.model + state.gradients + state.optimizer + state.ema + batch_bytes(step);
        if (!room.allows(least, world.local_size()))  // trying it might end the job, or others' jobs
            return Finding::fails(ExitCode::bad_config,
                                  concat("model, gradients, optimizer, EMA and one batch alone take ", text_of(least),
                                         " a rank, ", world.local_size(), world.local_size() == 1 ? " rank" : " ranks",
                                         " share ", room.text(), "; no step was tried: ", kRemedy));
        try {
            return judge(world, step, room, measure(step, room, world.local_size()));
        } catch (const std::exception& error) {
            if (!train::is_out_of_memory(error)) throw;
            return Finding::fails(ExitCode::bad_config,
                                  concat("a step runs out of memory (", room.text(), " before it, ", world.local_size(),
                                         world.local_size() == 1 ? " rank" : " ranks", " share it): ", kRemedy));
        }
    });
}

}  // namespace vox::app
