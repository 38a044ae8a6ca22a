#include "app/free_memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

namespace vox::app {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

/// The number behind `field` in a file of lines "field number ...", or `otherwise`.
int64_t number_behind(const fs::path& file, const std::string& field, int64_t otherwise) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        std::istringstream parts(line);
        std::string name;
        int64_t value = 0;
        if (parts >> name >> value && name == field) return value;
    }
    return otherwise;
}

/// The only number of a file; `otherwise` for "max" and where there is none.
int64_t number_in(const fs::path& file, int64_t otherwise) {
    std::ifstream in(file);
    int64_t value = 0;
    return in >> value ? value : otherwise;
}

int64_t free_of_group(const fs::path& group, const char* limit, const char* usage, const char* cached) {
    constexpr int64_t kVersion1Unlimited = int64_t{1} << 60;  // version 1 says a very large number
    const int64_t most = number_in(group / limit, kUnlimited);
    if (most >= kVersion1Unlimited) return kUnlimited;
    const int64_t used = number_in(group / usage, 0) - number_behind(group / "memory.stat", cached, 0);
    return std::max<int64_t>(0, most - std::max<int64_t>(0, used));
}

}  // namespace

int64_t free_of_control_groups(const fs::path& groups, const fs::path& root) {
    int64_t least = kUnlimited;
    std::ifstream in(groups);
    for (std::string line; std::getline(in, line);) {  // "0::/user.slice/job" or "5:memory:/job"
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const auto controllers = line.substr(first + 1, second - first - 1);
        const bool version1 = controllers == "memory";
        if (!version1 && !controllers.empty()) continue;
        const fs::path mount = version1 ? root / "memory" : root;
        // A container may see its own group at the mount's root; a limit of any parent holds as well.
        for (fs::path group = fs::path(line.substr(second + 1)).relative_path();; group = group.parent_path()) {
            least = std::min(least,
                             version1 ? free_of_group(mount / group, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                                      "total_inactive_file")
                                      : free_of_group(mount / group, "memory.max", "memory.current", "inactive_file"));
            if (group.empty()) break;
        }
    }
    return least;
}

FreeMemory free_memory() {
    FreeMemory free;
    free.host = number_behind("/proc/meminfo", "MemAvailable:", kUnlimited >> 10) << 10;
    free.limit = "available on the host";
    const int64_t groups = free_of_control_groups("/proc/self/cgroup", "/sys/fs/cgroup");
    if (groups < free.host) {
        free.host = groups;
        free.limit = "left of the job's memory limit";
    }
    rlimit limit{};
    free.process = kUnlimited;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        free.process = std::max<int64_t>(0, static_cast<int64_t>(limit.rlim_cur) - own_memory("VmSize:"));
    return free;
}

int64_t own_memory(const std::string& field) { return number_behind("/proc/self/status", field, 0) << 10; }

MemoryLimit::MemoryLimit(int64_t bytes) {
    getrlimit(RLIMIT_AS, &before_);
    const int64_t size = own_memory("VmSize:");
    if (bytes > kUnlimited - size) return;
    rlimit limit = before_;
    limit.rlim_cur = std::min(before_.rlim_cur, static_cast<rlim_t>(size + bytes));
    setrlimit(RLIMIT_AS, &limit);
}

MemoryLimit::~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }

void forget_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

}  // namespace vox::app
