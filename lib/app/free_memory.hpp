#pragma once
// How much host memory this process may still take.

#include <sys/resource.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace vox::app {

struct FreeMemory {
    int64_t host = 0;     // what all processes of this host may take together
    int64_t process = 0;  // what this one may take by its own limit (RLIMIT_AS); INT64_MAX without one
    std::string limit;    // what `host` comes from
};

/// The least of what the system has available (/proc/meminfo) and what is left of each memory limit of this process's control
/// groups, version 1 or 2; files in the page cache count as free.
FreeMemory free_memory();

/// What is left of the control groups' limits; INT64_MAX without one.  `groups` is /proc/self/cgroup, `root` where control groups
/// are mounted.
int64_t free_of_control_groups(const std::filesystem::path& groups, const std::filesystem::path& root);

/// Bytes of `field` ("VmRSS:") in this process's /proc/self/status; 0 where it is not there.
int64_t own_memory(const std::string& field);

/// While this object lives, allocations beyond `bytes` more than now fail instead of being granted (RLIMIT_AS, which counts what is
/// reserved as well as what is used).  One object a process.
class MemoryLimit {
public:
    explicit MemoryLimit(int64_t bytes);
    ~MemoryLimit();
    MemoryLimit(const MemoryLimit&) = delete;
    MemoryLimit& operator=(const MemoryLimit&) = delete;

private:
    rlimit before_{};
};

/// Begins to count "VmHWM:", the most memory that was resident, anew; where that is not allowed it stays.
void forget_peak();

}  // namespace vox::app
