#include "report/run_choice.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "core/error.hpp"
#include "core/text.hpp"
#include "report/run_folder.hpp"

namespace vox::report {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::WriteError;

fs::path numbered(const fs::path& wanted, int64_t number) {
    return number == 0 ? wanted : wanted.parent_path() / concat(wanted.filename().string(), '_', number);
}

/// "run" is number 0 of "run", "run_12" number 12; nothing for other names.
std::optional<int64_t> number_of(const fs::path& folder, const fs::path& wanted) {
    const std::string name = folder.filename().string(), base = wanted.filename().string();
    if (name == base) return 0;
    if (!name.starts_with(base + '_')) return std::nullopt;
    int64_t number = 0;
    std::from_chars(name.data() + base.size() + 1, name.data() + name.size(), number);
    if (number < 1 || numbered(wanted, number).filename() != name) return std::nullopt;
    return number;
}

/// The highest numbered folder whose last owner was this job.
std::optional<fs::path> taken_before(const fs::path& wanted, const Job& job) {
    std::optional<int64_t> highest;
    for (const auto& entry : fs::directory_iterator(wanted.parent_path())) {
        const auto number = number_of(entry.path(), wanted);
        if (!number || (highest && *number < *highest)) continue;
        if (RunFolder::owner(entry.path()).ends_with(", " + job.name)) highest = number;
    }
    if (!highest) return std::nullopt;
    return numbered(wanted, *highest);
}

/// False where something of that name is there.  mkdir and not a look before it: another job may look at the same moment.
bool make(const fs::path& folder) {
    if (::mkdir(folder.c_str(), 0777) == 0) return true;
    if (errno == EEXIST) return false;
    throw WriteError(concat("the run folder ", folder.string(), " cannot be created (", std::strerror(errno),
                            "); name a --run folder on a disk that can be written"));
}

}  // namespace

void RunOptions::read(config::Section& section) {
    section.choice(
        "if_exists", if_exists, {"use", "number", "fail"},
        "where --run RUN is there already. use: go on in it; number: take RUN_1, RUN_2, ...; fail: an error. "
        "A requeued Slurm job goes on in the folder that it took");
}

Job Job::from_environment() {
    const char* id = std::getenv("SLURM_JOB_ID");
    const char* restarts = std::getenv("SLURM_RESTART_COUNT");  // not set before the first requeue
    if (id == nullptr || *id == '\0') return {};
    return {concat("Slurm job ", id), restarts != nullptr && std::strtol(restarts, nullptr, 10) > 0};
}

fs::path choose_run_folder(const fs::path& wanted, const RunOptions& options, const Job& job) {
    if (options.if_exists == "use") return wanted;
    fs::path first = fs::absolute(wanted).lexically_normal();
    if (!first.has_filename()) first = first.parent_path();  // "runs/a/"
    std::error_code error;
    fs::create_directories(first.parent_path(), error);
    if (error)
        throw WriteError(concat("the folder ", first.parent_path().string(), " cannot be created (", error.message(),
                                "); name a --run folder on a disk that can be written"));
    if (job.restarted)
        if (const auto own = taken_before(first, job)) return *own;
    for (int64_t number = 0;; ++number) {
        const fs::path folder = numbered(first, number);
        if (make(folder)) return folder;
        if (options.if_exists == "fail")
            throw WriteError(concat("the run folder ", folder.string(),
                                    " is there already, and run.if_exists is fail: ",
                                    "name another --run, or set run.if_exists to use (goes on in it) or number"));
    }
}

}  // namespace vox::report
