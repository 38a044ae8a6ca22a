#pragma once
// What may keep decoded chunks, so that they need not be read and decoded again.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace vox::data {

/// A decoded chunk.  `voxels` is null where all are 0; else it stays valid while this object lives and the calling thread
/// reads no other chunk.
struct DecodedChunk {
    const std::byte* voxels = nullptr;
    std::shared_ptr<const void> hold;
};

/// Whoever reads outside of training's order (validation) is in no epoch.
inline constexpr int64_t kNoEpoch = -1;

struct ChunkRequest {
    uint64_t key = 0;  // unique within the data set (ChunkedArray::first_key)
    size_t bytes = 0;  // decoded
    int64_t epoch = kNoEpoch;
};

/// Any thread may call any function at any time.  What is kept changes no voxel.
class ChunkStore {
public:
    /// Writes all of the span.
    using Decode = std::function<void(std::span<std::byte>)>;
    virtual ~ChunkStore() = default;

    /// The chunk as it is kept, or else as `decode` makes it now.  Throws what `decode` throws; nothing of such a chunk stays.
    virtual DecodedChunk get(const ChunkRequest& request, const Decode& decode) = 0;

    struct Figures {
        size_t bytes = 0, peak_bytes = 0;  // kept now, and the most that ever were
        size_t budget_bytes = 0;
    };
    virtual Figures figures() const = 0;
};

/// Decoded for the caller alone, into memory of the calling thread.
inline DecodedChunk decode_apart(size_t bytes, const ChunkStore::Decode& decode) {
    thread_local std::vector<std::byte> voxels;
    voxels.resize(bytes);
    decode(voxels);
    return {voxels.data(), nullptr};
}

}  // namespace vox::data
