#pragma once
// XXH3-64 of what a checkpoint holds.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "checkpoint/named_tensors.hpp"

namespace vox::checkpoint {

uint64_t hash_bytes(const void* data, size_t bytes);

/// The values in row-major order, from any device and memory format.  Shape and dtype are not part of it.
uint64_t hash_tensor(const at::Tensor& tensor);

/// The whole file, read in pieces.  Throws DataError where it cannot be read.
uint64_t hash_file(const std::filesystem::path& file);

/// Of names, dtypes, shapes and values, whatever the order of the list: equal on two ranks where their parameters are.
uint64_t parameter_hash(const NamedTensors& tensors);

/// 16 lower-case hexadecimal digits, and back.  `parse_hex` throws DataError for any other text.
std::string to_hex(uint64_t hash);
uint64_t parse_hex(std::string_view text);

}  // namespace vox::checkpoint
