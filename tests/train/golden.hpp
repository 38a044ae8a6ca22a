#pragma once
// What tools/golden/train.py wrote.

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace vox::train::test {

inline nlohmann::json golden(const std::string& name) {
    const char* root = std::getenv("VOX_SOURCE_DIR");
    std::ifstream file(std::string(root == nullptr ? "." : root) + "/tests/golden/train/" + name + ".json");
    return nlohmann::json::parse(file);
}

}  // namespace vox::train::test
