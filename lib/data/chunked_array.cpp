#include "data/chunked_array.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace vox::data {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

size_t ChunkedArray::chunk_bytes() const {
    return static_cast<size_t>(chunk[0] * chunk[1] * chunk[2] * chunk[3]) * voxel_bytes(type);
}

std::string ChunkedArray::describe(size_t index) const {
    const Shape4 from = chunk_origin(grid, chunk, index);
    std::string text = core::concat("chunk ", index, " (channel ", from[0], ", voxels [");
    for (size_t axis = 1; axis < 4; ++axis) {
        const int64_t to = std::min(from[axis] + chunk[axis], shape[axis]);
        text += core::concat(from[axis], ':', to, axis == 3 ? "])" : ",");
    }
    return text;
}

Shape4 chunk_shape(const Shape4& shape, int64_t edge) {
    Shape4 chunk{1, 1, 1, 1};
    for (size_t axis = 1; axis < 4; ++axis) chunk[axis] = divide_up(shape[axis], divide_up(shape[axis], edge));
    return chunk;
}

Shape4 chunk_grid(const Shape4& shape, const Shape4& chunk) {
    Shape4 grid{};
    for (size_t axis = 0; axis < 4; ++axis) grid[axis] = divide_up(shape[axis], chunk[axis]);
    return grid;
}

Shape4 chunk_origin(const Shape4& grid, const Shape4& chunk, size_t index) {
    Shape4 origin{};
    auto rest = static_cast<int64_t>(index);
    for (size_t axis = 4; axis-- > 0;) {
        origin[axis] = rest % grid[axis] * chunk[axis];
        rest /= grid[axis];
    }
    return origin;
}

std::vector<ChunkOverlap> overlaps(const Shape4& grid, const Shape4& chunk, int64_t channel, const core::Box& box) {
    core::Index3 first{}, last{};
    for (size_t a = 0; a < 3; ++a) {
        if (box.size[a] == 0) return {};
        first[a] = box.start[a] / chunk[a + 1];
        last[a] = (box.start[a] + box.size[a] - 1) / chunk[a + 1];
    }
    std::vector<ChunkOverlap> found;
    for (int64_t d = first[0]; d <= last[0]; ++d) {
        for (int64_t h = first[1]; h <= last[1]; ++h) {
            for (int64_t w = first[2]; w <= last[2]; ++w) {
                const core::Index3 at{d, h, w};
                ChunkOverlap overlap;
                overlap.index = static_cast<size_t>(((channel * grid[1] + d) * grid[2] + h) * grid[3] + w);
                for (size_t a = 0; a < 3; ++a) {
                    const int64_t chunk_start = at[a] * chunk[a + 1];
                    const int64_t from = std::max(chunk_start, box.start[a]);
                    const int64_t to = std::min(chunk_start + chunk[a + 1], box.start[a] + box.size[a]);
                    overlap.in_chunk[a] = from - chunk_start;
                    overlap.in_box[a] = from - box.start[a];
                    overlap.size[a] = to - from;
                }
                found.push_back(overlap);
            }
        }
    }
    return found;
}

}  // namespace vox::data
