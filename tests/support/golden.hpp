#pragma once
// Golden values under tests/golden/, and the test numbers that tools/golden/values.py makes by the same formula.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "ops/random_tensor.hpp"

namespace vox::test {

inline std::filesystem::path golden_file(const std::string& name) {
    const char* root = std::getenv("VOX_SOURCE_DIR");
    return std::filesystem::path(root ? root : ".") / "tests" / "golden" / name;
}

inline nlohmann::json golden_json(const std::string& name) {
    std::ifstream in(golden_file(name + ".json"));
    if (!in) throw std::runtime_error("cannot read " + golden_file(name + ".json").string());
    return nlohmann::json::parse(in);
}

/// The arrays of NAME.f32, taken one after the other.
class GoldenArrays {
public:
    explicit GoldenArrays(const std::string& name) : in_(golden_file(name + ".f32"), std::ios::binary) {
        if (!in_) throw std::runtime_error("cannot read " + golden_file(name + ".f32").string());
    }
    /// The next array, as float64.
    at::Tensor next(at::IntArrayRef sizes) {
        auto values = at::empty(sizes, at::kFloat);
        in_.read(static_cast<char*>(values.data_ptr()), values.numel() * static_cast<int64_t>(sizeof(float)));
        if (!in_) throw std::runtime_error("golden file is too short");
        return values.to(at::kDouble);
    }
    bool at_end() { return in_.peek() == std::ifstream::traits_type::eof(); }

private:
    std::ifstream in_;
};

/// float64 in [0, 1): values.uniform(sizes, layer).
inline at::Tensor uniform(at::IntArrayRef sizes, uint32_t layer) {
    int64_t count = 1;
    for (const int64_t n : sizes) count *= n;
    const std::array<ops::RandomKey, 1> keys{};
    return ops::random_uniform_tensor(keys, ops::Purpose::test_values, layer, {1, count}, at::kDouble).view(sizes);
}

/// ||a - b|| / ||b|| in float64.
inline double relative_difference(const at::Tensor& a, const at::Tensor& b) {
    const auto reference = b.detach().to(at::kDouble);
    return (a.detach().to(at::kDouble) - reference).norm().item<double>() / reference.norm().item<double>();
}

}  // namespace vox::test
