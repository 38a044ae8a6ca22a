#pragma once
// A small but varied run state, and a scratch folder that goes away.

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "checkpoint/load.hpp"
#include "core/text.hpp"

namespace vox::checkpoint::test {

class ScratchFolder {
public:
    ScratchFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "vox_test_XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~ScratchFolder() { std::filesystem::remove_all(path_); }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

inline at::Tensor ramp(std::vector<int64_t> shape, double start, at::ScalarType dtype = at::kFloat) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    return at::arange(count, at::TensorOptions(at::kDouble)).mul(0.37).add(start).to(dtype).reshape(shape);
}

inline at::Tensor whole_number(int64_t value) { return at::full({}, value, at::TensorOptions(at::kLong)); }

/// Values differ by step, so that a mix-up of checkpoints shows.
inline State make_state(int64_t step) {
    const auto s = static_cast<double>(step);
    State state;
    state.manifest.step = step;
    state.manifest.epoch = 3;
    state.manifest.micro_batch = 17;
    state.manifest.phase = "main";
    state.manifest.seed = 0xFFFFFFFFFFFFFFF1u;
    state.manifest.global_micro_batch = 8;
    state.manifest.config_yaml = "train:\n  steps: 10  # \"quoted\" \\ and ü\n";
    state.manifest.dataset_digest = "abcdef";
    state.manifest.cpu_capability = "AVX2";
    state.manifest.scalars = {{"loss_scale", 65536}, {"plateau.best", 0.1 + 0.2}};
    state.model = {{"conv.weight", ramp({4, 3, 2, 2, 2}, s)},
                   {"conv.bias", ramp({4}, -s)},
                   {"norm.num_batches_tracked", whole_number(step)}};
    state.ema = {{"conv.weight", ramp({4, 3, 2, 2, 2}, s + 0.5)},
                 {"conv.bias", ramp({4}, 0.5 - s)},
                 {"norm.num_batches_tracked", whole_number(step)}};
    state.optimizer = {{"exp_avg.conv.weight", ramp({4, 3, 2, 2, 2}, 2 * s)}, {"step", ramp({}, s)}};
    return state;
}

inline void expect_same(const NamedTensors& actual, const NamedTensors& expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (const auto& [name, value] : expected) {
        const auto found = std::find_if(actual.begin(), actual.end(), [&](auto& other) { return other.name == name; });
        ASSERT_NE(found, actual.end()) << name;
        EXPECT_EQ(found->value.scalar_type(), value.scalar_type()) << name;
        EXPECT_TRUE(at::equal(found->value, value)) << name;
    }
}

inline void expect_same(const State& actual, const State& expected) {
    EXPECT_TRUE(actual.manifest == expected.manifest);
    expect_same(actual.model, expected.model);
    expect_same(actual.ema, expected.ema);
    expect_same(actual.optimizer, expected.optimizer);
}

inline std::string read_bytes(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// A file as torch.save writes it: a zip archive that holds a pickle.
inline std::string pickle_bytes() { return std::string("PK\x03\x04\x00\x00\x08\x08", 8) + std::string(500, 'x'); }

/// The message of the Error that `work` throws; an empty text where it throws nothing.
template <class Expected, class Work>
std::string message_of(Work work) {
    try {
        work();
    } catch (const Expected& error) {
        return error.what();
    }
    return "";
}

inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace vox::checkpoint::test
