// Times optimizer steps of the real trainer on batches that already lie in memory.  step_time.py and prostate_steps.py start it
// beside PyTorch DDP; --batch is a folder with this rank's image_<rank>.f32 [N,B,C,S,S,S] and label_<rank>.u8 [N,B,S,S,S].

#include <ATen/ops/empty.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/run_config.hpp"
#include "app/threads.hpp"
#include "checkpoint/load.hpp"
#include "checkpoint/named_tensors.hpp"
#include "comm/make_communicator.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "tasks/make_task.hpp"
#include "train/memory.hpp"
#include "train/precision.hpp"
#include "train/trainer.hpp"

namespace {

using namespace vox;
namespace options = boost::program_options;

/// A task that learns from given batches in turn, whatever its loader read.
class FixedBatches final : public train::Task {
public:
    /// images [N,B,C,S,S,S], labels [N,B,S,S,S].
    FixedBatches(std::unique_ptr<train::Task> task, at::Tensor images, at::Tensor labels)
        : task_(std::move(task)), images_(std::move(images)), labels_(std::move(labels)) {}

    void prepare(std::span<data::Batch> batches) override {
        for (auto& batch : batches) {
            batch.image = images_[next_];
            batch.label = labels_[next_];
            next_ = (next_ + 1) % images_.size(0);
        }
        task_->prepare(batches);
    }
    torch::nn::Module& model() override { return task_->model(); }
    data::Loader& train_data() override { return task_->train_data(); }
    std::vector<train::Term> terms() const override { return task_->terms(); }
    std::vector<double> weights(const data::Batch& batch) const override { return task_->weights(batch); }
    std::vector<at::Tensor> loss_sums(const data::Batch& batch) override { return task_->loss_sums(batch); }
    std::vector<train::ValidationCase> validation_cases() const override { return task_->validation_cases(); }
    train::CaseFigures validate_case(const train::ValidationCase& which, bool preview) override {
        return task_->validate_case(which, preview);
    }
    metrics::Figures summarise(std::span<const train::CaseFigures> cases) const override {
        return task_->summarise(cases);
    }
    train::KeyMetric key_metric() const override { return task_->key_metric(); }
    infer::Predictor& predictor() override { return task_->predictor(); }
    std::string data_digest() const override { return task_->data_digest(); }

private:
    std::unique_ptr<train::Task> task_;
    at::Tensor images_, labels_;
    int64_t next_ = 0;
};

at::Tensor read_tensor(const std::filesystem::path& file, at::IntArrayRef sizes, at::ScalarType type) {
    const at::Tensor tensor = at::empty(sizes, type);
    std::ifstream in(file, std::ios::binary);
    in.read(static_cast<char*>(tensor.mutable_data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
    if (!in || in.peek() != std::ifstream::traits_type::eof())
        throw core::DataError(core::concat(file.string(), ": does not hold the ", tensor.nbytes(), " bytes of [",
                                           core::join(sizes), "]"));
    return tensor;
}

/// One figure of every rank, in rank order.
std::vector<double> of_all_ranks(comm::World& world, double own) {
    std::vector<double> all(static_cast<size_t>(world.size()), 0.0);
    all[static_cast<size_t>(world.rank())] = own;
    return world.sum(all);
}

struct Bench {
    int64_t batches, items, channels, size, warm_up_steps, timed_steps;
    std::filesystem::path batch, weights, output;
};

std::unique_ptr<train::Task> make_task(const app::RunConfig& config, const Bench& bench, comm::Communicator& comm) {
    const int64_t s = bench.size;
    const std::string rank = std::to_string(comm.rank());
    const auto images = read_tensor(bench.batch / ("image_" + rank + ".f32"),
                                    {bench.batches, bench.items, bench.channels, s, s, s}, at::kFloat);
    const auto labels =
        read_tensor(bench.batch / ("label_" + rank + ".u8"), {bench.batches, bench.items, s, s, s}, at::kByte);
    auto task = tasks::make_task(config.task, {config.shards, bench.items * comm.size(), at::kFloat}, comm);
    if (!bench.weights.empty())
        checkpoint::copy_into(checkpoint::module_state(task->model()), checkpoint::load_weights(bench.weights),
                              bench.weights.string(), /*any_dtype=*/true);
    return std::make_unique<FixedBatches>(std::move(task), images.to(comm.device()), labels.to(comm.device()));
}

nlohmann::json time_steps(train::Trainer& trainer, comm::World& world, const Bench& bench) {
    std::vector<double> losses, seconds;
    for (int64_t i = 0; i < bench.warm_up_steps; ++i) losses.push_back(trainer.step().loss);
    const double exposed_before = trainer.reducer().exposed_seconds();
    world.barrier();
    const std::clock_t cpu_before = std::clock();  // of all threads of this rank
    for (int64_t i = 0; i < bench.timed_steps; ++i) {
        const core::Timer timer;
        losses.push_back(trainer.step().loss);
        seconds.push_back(timer.seconds());
    }
    const double cpu_seconds = static_cast<double>(std::clock() - cpu_before) / CLOCKS_PER_SEC;
    const double exposed = trainer.reducer().exposed_seconds() - exposed_before;
    return {{"losses", losses},
            {"step_seconds", seconds},
            {"cpu_seconds", cpu_seconds / static_cast<double>(bench.timed_steps)},
            {"exposed_communication_seconds", exposed / static_cast<double>(bench.timed_steps)}};
}

core::ExitCode run(comm::World& world, const app::RunConfig& config, const Bench& bench) {
    const auto threads = app::settle_threads(world, config.train.threads_per_rank);
    const auto comm = comm::make_communicator(world, config.comm);
    const auto task_comm = comm->duplicate();
    std::unique_ptr<train::Task> task;
    world.together("opening the data", [&] { task = make_task(config, bench, *task_comm); });
    train::RunRecord record;
    record.global_micro_batch = bench.items * world.size();
    train::Trainer trainer(config.train, *task, world, *comm, record);

    auto result = time_steps(trainer, world, bench);
    int64_t parameters = 0;
    for (const auto& parameter : task->model().parameters()) parameters += parameter.numel();
    result["parameters"] = parameters;
    result["ranks"] = world.size();
    result["threads_per_rank"] = threads;
    result["backend"] = comm->backend();
    result["device"] = comm->device().str();
    result["peak_host_bytes"] = of_all_ranks(world, static_cast<double>(train::peak_host_bytes()));
    result["peak_device_bytes"] = of_all_ranks(world, static_cast<double>(train::peak_device_bytes(comm->device())));
    world.on_root("writing the result", [&] {
        std::ofstream out(bench.output);
        out << result.dump(1) << '\n';
        if (!out.flush()) throw core::WriteError("cannot write " + bench.output.string());
    });
    return core::ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) {
    app::ProgramTable table{"step_bench", "Times optimizer steps on a batch that lies in memory.",
                            app::training_options()};
    table.options.add_options()("batch", options::value<std::string>()->required(),
                                "folder of image_*.f32, label_*.u8")(
        "batches", options::value<int64_t>()->default_value(1), "batches in those files; steps take them in turn")(
        "items", options::value<int64_t>()->default_value(1), "items a rank in those files")(
        "channels", options::value<int64_t>()->default_value(4), "channels of an item")(
        "size", options::value<int64_t>()->default_value(64), "voxels along each axis")(
        "weights", options::value<std::string>()->default_value(""), "safetensors file to begin with")(
        "warm-up", options::value<int64_t>()->default_value(2), "steps before the timed ones")(
        "timed", options::value<int64_t>()->default_value(8), "steps that are timed")(
        "output", options::value<std::string>()->required(), "JSON file to write");
    return app::run_program(argc, argv, table, [](comm::World& world, const app::Arguments& arguments) {
        if (!arguments.count("config")) throw core::UsageError("--config is missing: see tools/bench/step.yaml");
        const auto number = [&](const char* name) { return arguments[name].as<int64_t>(); };
        const Bench bench{number("batches"),
                          number("items"),
                          number("channels"),
                          number("size"),
                          number("warm-up"),
                          number("timed"),
                          arguments["batch"].as<std::string>(),
                          arguments["weights"].as<std::string>(),
                          arguments["output"].as<std::string>()};
        return run(world, app::read_run_config(arguments, "", ""), bench);
    });
}
