#pragma once
// Threads that read ahead, in order, within a budget of bytes.

#include <ATen/core/Tensor.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "core/geometry.hpp"
#include "data/device_copy.hpp"
#include "data/epoch_sampler.hpp"

namespace vox::data {

struct PrefetchOptions {
    int64_t channels = 1;
    core::Index3 crop_size{};  // D, H, W
    core::Index3 views{};      // V, h, w; 0: none
    int64_t threads = 1;
    size_t budget_bytes = 0;  // for crops that are ready or being read; one micro-batch may always be
};

/// Reads this rank's slices of the sampler's order.  Results come in that order whatever the number of threads.  One thread
/// takes; the sampler and the copy must outlive it.
class Prefetcher {
public:
    /// Where one item goes: image [C,d,h,w], label [d,h,w], views [V,h,w] (empty where there are none).
    struct Room {
        std::span<float> image;
        std::span<uint8_t> label;
        std::span<float> views;
    };
    /// Reads one item.  Called from several threads at once.
    using ReadItem = std::function<void(const Item&, const Room&)>;

    Prefetcher(const EpochSampler& sampler, int rank, int world_size, const PrefetchOptions& options,
               const DeviceCopy& copy, ReadItem read_item);
    ~Prefetcher();
    Prefetcher(const Prefetcher&) = delete;

    struct Result {
        std::vector<Item> items;
        at::Tensor image;  // [B,C,d,h,w] float32 on the device
        at::Tensor label;  // [B,d,h,w] uint8
        at::Tensor views;  // [B,V,h,w] float32; undefined where there are none
    };
    /// The next micro-batch.  Waits for it; throws what reading one of its items threw, and again until `seek`.
    Result take();

    /// The micro-batch that `take` returns next.
    Position position() const;
    /// Drops what was read ahead and goes on from there.
    void seek(Position position);

    double wait_seconds() const;
    size_t peak_bytes() const;

private:
    struct Slot {  // one micro-batch
        std::vector<Item> items;
        at::Tensor image, label, views;  // on the host
        DeviceCopy::Pending pending;
        size_t jobs = 0, jobs_given = 0, jobs_done = 0;  // one an item; an empty slice has one, its copy
        size_t bytes = 0;
        std::exception_ptr error;
        size_t error_job = 0;
    };
    struct Job {
        std::shared_ptr<Slot> slot;
        size_t index = 0;
    };

    void work();
    bool has_job() const;
    Job next_job();
    void open_slot();
    void read(const Job& job) const;
    void finish(const Job& job, const std::exception_ptr& error);
    bool has_views() const { return options_.views[0] > 0; }
    size_t slot_bytes(int64_t items) const;

    const EpochSampler& sampler_;
    int rank_, world_size_;
    PrefetchOptions options_;
    const DeviceCopy& copy_;
    ReadItem read_item_;

    mutable std::mutex mutex_;  // guards everything below
    std::condition_variable job_or_stop_, done_;
    std::deque<std::shared_ptr<Slot>> slots_;  // from the next to be taken to the last opened
    Position taken_, opened_;  // the next micro-batch to take, to open
    std::vector<Item> order_;  // of epoch order_epoch_
    int64_t order_epoch_ = -1;
    size_t bytes_ = 0, peak_bytes_ = 0;
    int64_t active_ = 0;  // jobs being read
    bool paused_ = false, stop_ = false;
    double wait_seconds_ = 0;
    std::vector<std::jthread> threads_;
};

}  // namespace vox::data
