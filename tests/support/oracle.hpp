#pragma once
// Runs a reference program (a Python script under tests/) and tells whether it agreed.

#include <cstdlib>
#include <filesystem>
#include <string>

namespace vox::test {

inline std::filesystem::path source_folder() {
    const char* folder = std::getenv("VOX_SOURCE_DIR");
    return folder ? folder : ".";
}

/// Real volumes beside the checkout; tests skip where they are absent.
inline std::filesystem::path shared_data() { return source_folder() / ".." / "shared" / "data"; }

inline bool has_oracle() {
    const char* python = std::getenv("VOX_PYTHON");
    return python && std::filesystem::exists(python);
}

/// Exit status of `script` (relative to the source folder) with `arguments`; what it prints goes to the test's output.
inline int run_oracle(const std::string& script, const std::string& arguments) {
    const auto command =
        std::string("'") + std::getenv("VOX_PYTHON") + "' '" + (source_folder() / script).string() + "' " + arguments;
    return std::system(command.c_str());
}

}  // namespace vox::test
