#pragma once
// Decoded chunks in the memory of one process, least recently used dropped first, within a budget of bytes.

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "data/chunk_store.hpp"

namespace vox::data {

/// `data.cache: rank`.
class ChunkCache final : public ChunkStore {
public:
    /// 0 keeps nothing.
    explicit ChunkCache(size_t budget_bytes) : budget_bytes_(budget_bytes) {}

    /// Keeps what it decodes, after dropping others so that the sum never exceeds the budget; a chunk that alone is too large is
    /// not kept.
    DecodedChunk get(const ChunkRequest& request, const Decode& decode) override;

    /// Entries' own overhead included.
    Figures figures() const override;

private:
    using Chunk = std::shared_ptr<const std::vector<std::byte>>;
    struct Entry {
        uint64_t key;
        Chunk chunk;
    };
    Chunk find(uint64_t key);
    void insert(uint64_t key, const Chunk& chunk);

    const size_t budget_bytes_;
    mutable std::mutex mutex_;
    std::list<Entry> entries_;  // most recently used first
    std::unordered_map<uint64_t, std::list<Entry>::iterator> by_key_;
    size_t bytes_ = 0;
    size_t peak_bytes_ = 0;
};

}  // namespace vox::data
