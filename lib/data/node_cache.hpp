#pragma once
// Decoded chunks in memory that all ranks of a node share: `data.cache: node`.

#include <cstdint>
#include <memory>
#include <string>

#include "comm/shared_window.hpp"
#include "data/cache_plan.hpp"
#include "data/chunk_store.hpp"
#include "data/options.hpp"
#include "data/shard_reader.hpp"

namespace vox::data {

/// One copy a node: whoever needs a chunk first decodes it into its seat, where all ranks read it.  A seat has one word of state, and a
/// chunk is seen only once it is whole.  Nobody waits for long: a chunk whose decoding does not end (its rank died or was
/// stopped), or whose seat others still read, is decoded apart.
class NodeCache final : public ChunkStore {
public:
    /// All ranks, with equal plans on a node.  Throws as SharedWindow.  `patience_s`: the longest wait for another's decoding.
    NodeCache(comm::World& world, CachePlan plan, double patience_s = 2);

    DecodedChunk get(const ChunkRequest& request, const Decode& decode) override;
    /// Of the node: `bytes` of seats that were ever used.
    Figures figures() const override;
    const CachePlan& plan() const { return plan_; }

private:
    uint64_t& word(size_t index) const;
    DecodedChunk seated(const CachePlan::Seat& seat) const;
    DecodedChunk fill(const CachePlan::Seat& seat, size_t bytes, const Decode& decode);

    CachePlan plan_;
    double patience_s_;
    comm::SharedWindow window_;
};

/// All ranks, before anybody reads: this reader's chunks are kept once a node from here on, within data.cache_mb and data.cache_rate.
/// Returns what is kept, in words, for the log.  Throws ConfigError where the node's shared memory is too small.
std::string share_on_node(ShardReader& reader, comm::World& world, const Options& options);

}  // namespace vox::data
