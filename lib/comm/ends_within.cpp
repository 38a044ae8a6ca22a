#include "comm/ends_within.hpp"

#include <chrono>
#include <future>
#include <thread>

namespace vox::comm {

bool ends_within(double seconds, std::function<void()> call) {
    std::promise<void> promise;
    const auto ended = promise.get_future();
    std::thread([call = std::move(call), promise = std::move(promise)]() mutable {
        call();
        promise.set_value();
    }).detach();
    return ended.wait_for(std::chrono::duration<double>(seconds)) == std::future_status::ready;
}

}  // namespace vox::comm
