#pragma once
// Writing files so that an error is never silent.

#include <filesystem>
#include <string>
#include <string_view>

namespace vox::report {

/// Puts a new file in place of `file` by writing a temporary one beside it and renaming: a reader sees the old or the new
/// one, whole.  Throws WriteError.
void replace_file(const std::filesystem::path& file, std::string_view bytes);

/// The whole file as bytes; empty where it cannot be read.
std::string read_file_or_empty(const std::filesystem::path& file);

}  // namespace vox::report
