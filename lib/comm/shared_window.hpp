#pragma once
// Memory that all ranks of a node share.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "comm/world.hpp"

namespace vox::comm {

/// One block a node, there once however many ranks see it (an MPI-3 shared window that the node's first rank owns; a node of
/// one rank, or a world without MPI, takes plain memory).  It begins as zeros that take no memory: pages come as they are
/// written, and count for all ranks together.  Ranks see each other's writes as threads do: through lock-free atomics in it.
class SharedWindow {
public:
    /// All ranks.  `bytes` of this node; nodes may differ, ranks of one node must agree.  All ranks throw ConfigError with the bytes that are wanted
    /// and those that are there where the node's shared memory is too small for it.
    SharedWindow(World& world, size_t bytes);
    /// All ranks; unless an exception is on its way, when peers may never come to the same place.
    ~SharedWindow();
    SharedWindow(const SharedWindow&) = delete;
    SharedWindow& operator=(const SharedWindow&) = delete;

    std::span<std::byte> bytes() const;

    /// Any rank, any thread: takes the memory of this part now.  False where the node has none left for it: to write there would
    /// end the process by SIGBUS.  A kernel before 5.14 cannot tell, and it is always true.
    bool take(size_t offset, size_t count) const;

private:
    struct Block;
    std::unique_ptr<Block> block_;
};

/// Where MPI keeps the memory that ranks of a node share: a folder, whose file system has to have room for it.
std::filesystem::path shared_memory_folder();

}  // namespace vox::comm
