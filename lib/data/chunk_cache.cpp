#include "data/chunk_cache.hpp"

#include <algorithm>

namespace vox::data {
namespace {

// List and map nodes, control block and vector header: what an entry costs besides its voxels.
constexpr size_t kEntryOverheadBytes = 192;

size_t cost(const std::shared_ptr<const std::vector<std::byte>>& chunk) { return chunk->size() + kEntryOverheadBytes; }

}  // namespace

DecodedChunk ChunkCache::get(const ChunkRequest& request, const Decode& decode) {
    if (budget_bytes_ == 0) return decode_apart(request.bytes, decode);
    if (const Chunk kept = find(request.key)) return {kept->data(), kept};
    auto fresh = std::make_shared<std::vector<std::byte>>(request.bytes);
    decode(*fresh);
    insert(request.key, fresh);
    return {fresh->data(), fresh};
}

ChunkCache::Chunk ChunkCache::find(uint64_t key) {
    const std::scoped_lock lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->chunk;
}

void ChunkCache::insert(uint64_t key, const Chunk& chunk) {
    const std::scoped_lock lock(mutex_);
    // Two threads may have decoded the same chunk: the first copy stays.
    if (cost(chunk) > budget_bytes_ || by_key_.contains(key)) return;
    while (bytes_ + cost(chunk) > budget_bytes_) {
        bytes_ -= cost(entries_.back().chunk);
        by_key_.erase(entries_.back().key);
        entries_.pop_back();
    }
    entries_.push_front({key, chunk});
    by_key_[key] = entries_.begin();
    bytes_ += cost(chunk);
    peak_bytes_ = std::max(peak_bytes_, bytes_);
}

ChunkStore::Figures ChunkCache::figures() const {
    const std::scoped_lock lock(mutex_);
    return {bytes_, peak_bytes_, budget_bytes_};
}

}  // namespace vox::data
