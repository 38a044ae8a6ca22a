#pragma once
// Files that are whole or absent, also after a power cut.

#include <filesystem>
#include <string>

namespace vox::data {

/// Syncs `partial`, renames it to `file`, syncs the folder.  Throws WriteError naming the file and the reason.
void publish_file(const std::filesystem::path& partial, const std::filesystem::path& file);

/// Writes `text` beside `file` and publishes it.  Throws WriteError.
void write_text_file(const std::filesystem::path& file, const std::string& text);

/// Makes the folder where it is missing.  Throws WriteError where it cannot be made, is not a folder, or refuses files.
void make_output_folder(const std::filesystem::path& folder);

}  // namespace vox::data
