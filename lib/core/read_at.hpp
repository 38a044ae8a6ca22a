#pragma once
// Reading by position, with patience for file systems that are away for a moment.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace vox::core {

/// Fills `out` from `offset` of an open file; `path` names it in messages.  Any thread.  An error that may pass by itself (EIO,
/// ESTALE, ETIMEDOUT: a network file system whose server is away) is a warning and is tried again after 0.1, 0.4 and 1.6 s.
/// Throws DataError where it does not pass, for any other error, and where the file ends before.
void read_at(int descriptor, const std::filesystem::path& path, uint64_t offset, std::span<std::byte> out);

}  // namespace vox::core
