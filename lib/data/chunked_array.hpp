#pragma once
// One chunked dataset of a shard, as the reader knows it after opening: where every chunk lies and how it is stored.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/geometry.hpp"
#include "data/chunk_codec.hpp"
#include "data/voxel_type.hpp"

namespace vox::data {

using Shape4 = std::array<int64_t, 4>;  // C, D, H, W

/// A chunk in the file.  `bytes` 0: not stored, all its voxels are 0.
struct ChunkPlace {
    uint64_t offset = 0;
    uint64_t xxh3 = 0;  // of the stored bytes
    uint32_t bytes = 0;
    uint32_t filter_mask = 0;
};

struct ChunkedArray {
    std::string where;  // "shard_00000.h5: case X: image", for messages
    VoxelType type = VoxelType::int16;
    ChunkFilters filters;
    Shape4 shape{};  // a label counts as one channel
    Shape4 chunk{};  // [1,d,h,w]
    Shape4 grid{};   // chunks along each axis
    std::vector<ChunkPlace> places;  // row-major over the grid
    uint64_t first_key = 0;          // of chunk 0, unique within the reader

    size_t chunk_bytes() const;
    /// "chunk 12 (channel 1, voxels [0:24,30:60,0:30])".
    std::string describe(size_t index) const;
};

/// Chunk shape for an array: each spatial axis in equal parts of at most `edge` voxels, so that little is padding.
Shape4 chunk_shape(const Shape4& shape, int64_t edge);
Shape4 chunk_grid(const Shape4& shape, const Shape4& chunk);

/// The part of a box that one chunk holds; all in [D,H,W].
struct ChunkOverlap {
    size_t index = 0;          // of the chunk
    core::Index3 in_chunk{};   // first voxel, counted from the chunk's own
    core::Index3 in_box{};     // the same voxel, counted from the box's own
    core::Index3 size{};
};

/// Every chunk of `channel` that the box touches, in order.  The box must lie inside the array.
std::vector<ChunkOverlap> overlaps(const Shape4& grid, const Shape4& chunk, int64_t channel, const core::Box& box);

/// First voxel of a chunk, [C,D,H,W].
Shape4 chunk_origin(const Shape4& grid, const Shape4& chunk, size_t index);

}  // namespace vox::data
