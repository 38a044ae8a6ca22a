#pragma once
// A task that a few lines of arithmetic can follow: a linear model on made-up items, fed by a real loader.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/module.h>

#include <cmath>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/shard_fixtures.hpp"
#include "ops/random_tensor.hpp"
#include "train/task.hpp"

namespace vox::test {

/// Five training cases of 16^3 voxels.
inline void make_tiny_shards(const std::filesystem::path& folder) {
    std::vector<CaseData> cases;
    for (unsigned i = 0; i < 5; ++i)
        cases.push_back(make_case("case_" + std::to_string(i), VoxelType::int16, 10 * i, {16, 16, 16}));
    make_dataset(folder, cases);
}

/// Two crops of each case an epoch: ten items.
inline data::Options tiny_data() {
    data::Options options;
    options.crop_size = {4, 4, 4};
    options.samples_per_case = 2;
    options.threads = 1;
    options.seed = 3;
    return options;
}

/// One item's numbers follow from its key alone.
inline at::Tensor numbers(std::span<const ops::RandomKey> keys, uint32_t layer, int64_t width) {
    const auto items = static_cast<int64_t>(keys.size());
    return ops::random_normal_tensor(keys, ops::Purpose::test_values, layer, {items, width}, at::kDouble);
}

/// How often an item counts in the term "tokens": 0, 1 or 2.
inline double tokens_of(const ops::RandomKey& key) { return key.position % 3; }

inline at::Tensor tokens_of(std::span<const ops::RandomKey> keys) {
    std::vector<double> counts;
    for (const auto& key : keys) counts.push_back(tokens_of(key));
    return at::tensor(counts, at::kDouble);
}

/// weight [4]
class Part : public torch::nn::Module {
public:
    explicit Part(double start) { weight = register_parameter("weight", at::full({4}, start, at::kDouble)); }
    at::Tensor weight;
};

class TinyModel : public torch::nn::Module {
public:
    explicit TinyModel(double start) {
        encoder = register_module("encoder", std::make_shared<Part>(start));
        head = register_module("head", std::make_shared<Part>(-start));
        forwards = register_buffer("forwards", at::zeros({}, at::kDouble));
    }
    std::shared_ptr<Part> encoder, head;
    at::Tensor forwards;  // counts, as a normalisation's statistics move with every forward
};

/// Terms: "square", sum over items of (x.e + z.h - y)^2 / 2, weight 1 an item; "tokens", sum of c (x.e)^2 / 2, weight c an
/// item.  e: encoder.weight, h: head.weight.
class TinyTask : public train::Task {
public:
    static constexpr double kSquare = 2.0, kTokens = 0.5;  // coefficients

    TinyTask(const std::filesystem::path& shards, int64_t global_micro_batch, int rank, int world_size,
             double start = 0.25, at::ScalarType dtype = at::kDouble)
        : reader_(shards, 1 << 20),
          net(std::make_shared<TinyModel>(start)),
          loader_(reader_, tiny_data(), global_micro_batch, rank, world_size, at::kCPU, at::kFloat) {
        net->to(dtype);
    }

    torch::nn::Module& model() override { return *net; }
    data::Loader& train_data() override { return loader_; }
    std::vector<train::Term> terms() const override { return {{"square", kSquare}, {"tokens", kTokens}}; }
    void prepare(std::span<data::Batch>) override {
        if (on_prepare) on_prepare();
    }
    std::vector<double> weights(const data::Batch& batch) const override {
        double tokens = 0;
        for (const auto& key : batch.keys) tokens += tokens_of(key);
        return {square_counts ? static_cast<double>(batch.size()) : 0.0, tokens_count ? tokens : 0.0};
    }
    std::vector<at::Tensor> loss_sums(const data::Batch& batch) override {
        if (on_loss) on_loss();
        {
            const at::NoGradGuard no_grad;
            if (net->is_training()) net->forwards += 1;
        }
        const auto type = net->encoder->weight.scalar_type();
        const at::Tensor x = numbers(batch.keys, 0, 4).to(type), z = numbers(batch.keys, 1, 4).to(type);
        at::Tensor y = numbers(batch.keys, 2, 1).select(1, 0).to(type);
        if (poisoned)
            for (size_t i = 0; i < batch.keys.size(); ++i)
                if (poisoned(batch.keys[i])) y[static_cast<int64_t>(i)] = std::nan("");
        const at::Tensor part = x.matmul(net->encoder->weight);
        const at::Tensor residual = part + z.matmul(net->head->weight) - y;
        return {(residual * residual).sum() * (0.5 * magnify),
                (tokens_of(batch.keys).to(type) * part * part).sum() * 0.5};
    }
    train::Phase phase(const train::Progress& progress) const override {
        return phase_of ? phase_of(progress) : train::Phase{};
    }
    std::vector<train::ValidationCase> validation_cases() const override {
        if (!figure_of) return {};
        return {{"a", 0, 3}, {"b", 1, 2}, {"c", 2, 1}};
    }
    train::CaseFigures validate_case(const train::ValidationCase& which, bool) override {
        return {which.id, {{"figure", figure_of()}}, std::nullopt};
    }
    metrics::Figures summarise(std::span<const train::CaseFigures> cases) const override {
        double sum = 0;
        for (const auto& one : cases) sum += one.figures.at(0).second;
        return {{"other", 0.5}, {"figure", sum / static_cast<double>(cases.size())}};
    }
    train::KeyMetric key_metric() const override { return key; }
    infer::Predictor& predictor() override { throw std::logic_error("not used"); }
    std::string data_digest() const override { return "tiny"; }

private:
    data::ShardReader reader_;

public:
    std::shared_ptr<TinyModel> net;
    train::KeyMetric key{"figure", true};
    bool square_counts = true, tokens_count = true;
    double magnify = 1;  // of the first term's loss
    std::function<bool(const ops::RandomKey&)> poisoned;  // items whose truth is NaN
    std::function<void()> on_prepare, on_loss;
    std::function<train::Phase(const train::Progress&)> phase_of;
    std::function<double()> figure_of;  // of each validation case

private:
    data::Loader loader_;
};

}  // namespace vox::test
