#pragma once
// The shard format: names, limits and version.  lib/data/README.md says what each field means.
// Nothing else in the tree spells a name or a limit of the format.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vox::data::format {

inline constexpr int64_t kVersion = 1;
inline constexpr std::string_view kShardFormat = "voxrank-shard";      // root attribute `format`
inline constexpr std::string_view kDatasetFormat = "voxrank-dataset";  // "format" in dataset.json
inline constexpr const char* kDatasetFile = "dataset.json";
inline constexpr std::string_view kShardExtension = ".h5";

// Objects.
inline constexpr const char* kCases = "/cases";
inline constexpr const char* kImage = "image";
inline constexpr const char* kLabel = "label";
inline constexpr const char* kViews = "views";
inline constexpr const char* kForeground = "foreground_positions";
inline constexpr const char* kPrompts = "prompts";
inline constexpr const char* kChecksumSuffix = "_chunk_xxh3";  // image_chunk_xxh3, label_chunk_xxh3
inline constexpr const char* kTableSuffix = "_chunk_table";    // image_chunk_table, label_chunk_table

// HDF5 filters.
inline constexpr int kFilterDeflate = 1;
inline constexpr int kFilterShuffle = 2;
inline constexpr int kFilterLz4 = 32004;
inline constexpr int kFilterZstd = 32015;

/// Longest edge of a chunk in voxels: a chunk is [1,e,e,e] with e <= this, equal parts of the axis (measured: README.md).
inline constexpr int64_t kChunkEdge = 32;
/// The same of views, which are read whole.
inline constexpr int64_t kViewChunkEdge = 256;
/// Foreground positions kept of one label value.
inline constexpr size_t kMaxForegroundPositions = 4096;

// What a reader accepts.  Larger is refused before memory is taken.
inline constexpr int64_t kMaxAxis = 1 << 15;
inline constexpr int64_t kMaxChannels = 512;
inline constexpr int64_t kMaxViews = 16;
inline constexpr int64_t kMaxVoxels = int64_t{1} << 32;  // of one channel: flat positions are 32 bits
inline constexpr size_t kMaxImageBytes = size_t{1} << 38;
inline constexpr size_t kMaxChunkBytes = size_t{8} << 20;
inline constexpr int64_t kMaxChunks = 1 << 22;
inline constexpr size_t kMaxTexts = 4096;  // entries of a text attribute
inline constexpr size_t kMaxTextBytes = 4096;  // bytes of one text
inline constexpr size_t kMaxPromptBytes = size_t{4} << 20;  // of one case, as JSON
inline constexpr size_t kMaxTargets = 255;  // of one case
inline constexpr size_t kMaxQuestions = 65536;  // of one case
inline constexpr size_t kMaxCasesPerShard = 1 << 17;
inline constexpr size_t kMaxDatasetBytes = size_t{256} << 20;  // dataset.json

}  // namespace vox::data::format
