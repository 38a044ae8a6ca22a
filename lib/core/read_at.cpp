#include "core/read_at.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::core {
namespace {

// Long enough for a server that restarts its export, short enough that the other ranks' time limit is far away.
constexpr std::array<int, 3> pauses_ms{100, 400, 1600};

bool may_pass(int error) { return error == EIO || error == ESTALE || error == ETIMEDOUT; }

}  // namespace

void read_at(int descriptor, const std::filesystem::path& path, uint64_t offset, std::span<std::byte> out) {
    size_t failures = 0;
    while (!out.empty()) {
        const ssize_t got = ::pread(descriptor, out.data(), out.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int error = errno;
            const std::string reason = std::generic_category().message(error);
            if (!may_pass(error)) throw DataError(concat(path.string(), ": reading failed: ", reason));
            if (failures == pauses_ms.size())
                throw DataError(concat(path.string(), ": reading failed ", failures + 1, " times: ", reason,
                                       "; check the disk or the file server"));
            log::warning(path.string(), ": reading failed: ", reason, "; trying again in ", pauses_ms[failures], " ms");
            std::this_thread::sleep_for(std::chrono::milliseconds(pauses_ms[failures++]));
            continue;
        }
        if (got == 0) throw DataError(concat(path.string(), ": ends at byte ", offset, ", the file is truncated"));
        count_progress();
        offset += static_cast<uint64_t>(got);
        out = out.subspan(static_cast<size_t>(got));
    }
}

}  // namespace vox::core
