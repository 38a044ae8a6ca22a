#pragma once
// A trainer on the tiny task, for tests under mpirun: one folder of shards for all tests, one folder a run.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "report/run_folder.hpp"
#include "support/temporary_folder.hpp"
#include "support/world.hpp"
#include "train/tiny_task.hpp"
#include "train/trainer.hpp"

namespace vox::test {

/// A folder that rank 0 makes and every rank sees.
class SharedFolder {
public:
    SharedFolder() {
        if (world().is_root()) own_ = std::make_unique<TemporaryFolder>();
        path = world().broadcast(own_ ? own_->path().string() : "");
    }
    ~SharedFolder() { world().barrier(); }
    std::filesystem::path path;

private:
    std::unique_ptr<TemporaryFolder> own_;
};

/// The shards of all tests.
inline std::unique_ptr<SharedFolder> the_shards;

class Shards : public testing::Environment {
public:
    void SetUp() override {
        the_shards = std::make_unique<SharedFolder>();
        world().on_root("making shards", [] { make_tiny_shards(the_shards->path); });
    }
    void TearDown() override { the_shards.reset(); }
};

inline const auto* const environment = testing::AddGlobalTestEnvironment(new Shards);

/// Plain SGD at a constant rate in float64, nothing saved before the end.
inline train::Options plain_options(int64_t steps) {
    train::Options options;
    options.steps = steps;
    options.precision = "fp64";
    options.validate_every_epochs = 0;
    options.log_every = 1;
    options.replica_check_every = 1;
    options.optimizer.name = "sgd";
    options.optimizer.lr = 0.05;
    options.optimizer.weight_decay = 0;
    options.optimizer.momentum = 0;
    options.optimizer.nesterov = false;
    options.schedule.name = "constant";
    return options;
}

/// A task and its trainer, not yet started.
struct Rig {
    Rig(const train::Options& options, const std::filesystem::path& run, int64_t global_micro_batch = 4,
        checkpoint::Options saving = never_saves(), double start = 0.25)
        : task(the_shards->path, global_micro_batch, world().rank(), world().size(), start,
               options.precision == "fp64" ? at::kDouble : at::kFloat) {
        train::RunRecord record;
        record.paths.root = run;
        record.global_micro_batch = global_micro_batch;
        record.timeout_s = kTimeLimitS;
        record.checkpoint = saving;
        if (world().is_root()) {
            std::filesystem::create_directories(run.parent_path());
            folder = std::make_unique<report::RunFolder>(run);
        }
        trainer = std::make_unique<train::Trainer>(options, task, world(), communicator(), record);
    }
    static checkpoint::Options never_saves() {
        checkpoint::Options options;
        options.every_steps = 0;
        options.every_minutes = 0;
        options.max_failures = 1;
        return options;
    }
    void start() { trainer->resume(std::nullopt); }
    at::Tensor encoder() const { return task.net->encoder->weight.detach().clone(); }
    at::Tensor head() const { return task.net->head->weight.detach().clone(); }

    std::unique_ptr<report::RunFolder> folder;  // rank 0 only
    TinyTask task;
    std::unique_ptr<train::Trainer> trainer;
};

inline double difference(const at::Tensor& a, const at::Tensor& b) {
    return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace vox::test
