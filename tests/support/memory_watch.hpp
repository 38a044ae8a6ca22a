#pragma once
// How much memory tensors on the host take, as ATen's allocator reports it.

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace vox::test {

/// While it lives, counts what is allocated and freed on this thread, and on threads that work for it (backward).  Bytes count from
/// its start, so that what lived before and is freed meanwhile makes them negative.
class MemoryWatch {
public:
    int64_t live() const { return counter_->live; }
    int64_t peak() const { return counter_->peak; }

private:
    struct Counter : c10::MemoryReportingInfoBase {
        void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override {
            const int64_t now = live += bytes;
            int64_t before = peak;
            while (before < now && !peak.compare_exchange_weak(before, now)) {
            }
        }
        bool memoryProfilingEnabled() const override { return true; }
        std::atomic<int64_t> live = 0, peak = 0;
    };
    std::shared_ptr<Counter> counter_ = std::make_shared<Counter>();
    c10::DebugInfoGuard guard_{c10::DebugInfoKind::PROFILER_STATE, counter_};
};

}  // namespace vox::test
