#pragma once
// The safetensors format (github.com/huggingface/safetensors): an 8-byte little-endian length, a JSON header of names,
// dtypes, shapes and offsets, then the tensors' bytes.  No code is ever run by reading one.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "checkpoint/manifest.hpp"
#include "checkpoint/named_tensors.hpp"

namespace vox::checkpoint {

using Metadata = std::map<std::string, std::string>;

struct SafetensorsContent {
    NamedTensors tensors;
    Metadata metadata;
};

/// Writes `file` anew, tensors by falling dtype size without gaps, and returns what went into it; does not fsync.
/// dtypes: float64/32/16, bfloat16, int64/32/16, uint8, bool, on any device.  Throws WriteError where the disk refuses.
FileRecord write_safetensors(const std::filesystem::path& file, const NamedTensors& tensors,
                             const Metadata& metadata = {});

/// Copies of all tensors, in host memory.  Believes nothing: throws DataError naming file and tensor for a header that
/// is too long or not JSON of the right form, an unknown dtype, a duplicate name, shapes and offsets that contradict
/// each other, overlap, leave holes or pass the end.  Allocates no more than a small multiple of the file's size.
SafetensorsContent read_safetensors(const std::filesystem::path& file);

/// The same; where `record` is given, every tensor and the whole file must have its digests and size.
SafetensorsContent read_safetensors(const std::filesystem::path& file, const FileRecord& record);

/// Checks the digests of `record` without keeping the tensors.  Throws DataError naming file and tensor.
void verify_safetensors(const std::filesystem::path& file, const FileRecord& record);

}  // namespace vox::checkpoint
