#pragma once
// Decoded chunks in memory, least recently used dropped first, within a budget of bytes.

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace vox::data {

/// Any thread may call any function at any time.
class ChunkCache {
public:
    using Chunk = std::shared_ptr<const std::vector<std::byte>>;

    /// 0 keeps nothing.
    explicit ChunkCache(size_t budget_bytes) : budget_bytes_(budget_bytes) {}

    /// The chunk, or null where it is not kept.
    Chunk find(uint64_t key);
    /// Keeps the chunk, after dropping others so that the sum never exceeds the budget; one that alone is too large is not
    /// kept.
    void insert(uint64_t key, const Chunk& chunk);

    bool enabled() const { return budget_bytes_ > 0; }
    /// Bytes kept now, and the most that ever was (entries' own overhead included).
    size_t bytes() const;
    size_t peak_bytes() const;

private:
    struct Entry {
        uint64_t key;
        Chunk chunk;
    };
    const size_t budget_bytes_;
    mutable std::mutex mutex_;
    std::list<Entry> entries_;  // most recently used first
    std::unordered_map<uint64_t, std::list<Entry>::iterator> by_key_;
    size_t bytes_ = 0;
    size_t peak_bytes_ = 0;
};

}  // namespace vox::data
