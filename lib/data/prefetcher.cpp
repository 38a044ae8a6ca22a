#include "data/prefetcher.hpp"

#include <algorithm>
#include <utility>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/timer.hpp"

namespace vox::data {
namespace {

// Slots of empty slices cost no bytes: without this bound a rank that never has an item would open them for ever.
constexpr size_t most_slots = 64;

}  // namespace

Prefetcher::Prefetcher(const EpochSampler& sampler, int rank, int world_size, const PrefetchOptions& options,
                       const DeviceCopy& copy, ReadItem read_item)
    : sampler_(sampler),
      rank_(rank),
      world_size_(world_size),
      options_(options),
      copy_(copy),
      read_item_(std::move(read_item)) {
    core::check(options_.threads >= 1, "a prefetcher needs a thread");
    for (int64_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
}

Prefetcher::~Prefetcher() {
    {
        const std::scoped_lock lock(mutex_);
        stop_ = true;
    }
    job_or_stop_.notify_all();
    threads_.clear();  // joins, while everything that the threads use is still there
}

void Prefetcher::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        job_or_stop_.wait(lock, [this] { return stop_ || (!paused_ && has_job()); });
        if (stop_) return;
        std::exception_ptr error;
        Job job;
        try {
            job = next_job();
        } catch (...) {  // no memory for the next micro-batch: it carries the error to take()
            slots_.push_back(std::make_shared<Slot>());
            job = {slots_.back(), 0};
            slots_.back()->jobs = slots_.back()->jobs_given = 1;
            opened_ = sampler_.advance(opened_, 1);
            error = std::current_exception();
        }
        ++active_;
        lock.unlock();
        try {
            if (!error) read(job);
        } catch (...) {
            error = std::current_exception();
        }
        lock.lock();
        finish(job, error);
    }
}

bool Prefetcher::has_job() const {
    if (!slots_.empty() && slots_.back()->jobs_given < slots_.back()->jobs) return true;
    const Slice own = sampler_.range(opened_.micro_batch, rank_, world_size_);
    return slots_.empty() || (slots_.size() < most_slots && bytes_ + slot_bytes(own.size) <= options_.budget_bytes);
}

Prefetcher::Job Prefetcher::next_job() {
    if (slots_.empty() || slots_.back()->jobs_given == slots_.back()->jobs) open_slot();
    const auto& slot = slots_.back();
    // Others may find a job too: the slot's other items, or the next slot.
    job_or_stop_.notify_one();
    return {slot, slot->jobs_given++};
}

void Prefetcher::open_slot() {
    if (order_epoch_ != opened_.epoch) {
        order_ = sampler_.epoch_order(opened_.epoch);
        order_epoch_ = opened_.epoch;
    }
    const Slice own = sampler_.range(opened_.micro_batch, rank_, world_size_);
    const auto& size = options_.crop_size;
    auto slot = std::make_shared<Slot>();
    slot->items.assign(order_.begin() + own.begin, order_.begin() + own.begin + own.size);
    slot->image = copy_.host_tensor({own.size, options_.channels, size[0], size[1], size[2]}, at::kFloat);
    slot->label = copy_.host_tensor({own.size, size[0], size[1], size[2]}, at::kByte);
    const auto& views = options_.views;
    if (has_views()) slot->views = copy_.host_tensor({own.size, views[0], views[1], views[2]}, at::kFloat);
    slot->jobs = std::max<size_t>(slot->items.size(), 1);
    slot->bytes = slot_bytes(own.size);
    bytes_ += slot->bytes;
    peak_bytes_ = std::max(peak_bytes_, bytes_);
    slots_.push_back(std::move(slot));
    opened_ = sampler_.advance(opened_, 1);
}

void Prefetcher::read(const Job& job) const {
    Slot& slot = *job.slot;
    if (slot.items.empty()) return;
    const auto image_voxels = static_cast<size_t>(slot.image.stride(0));
    const auto label_voxels = static_cast<size_t>(slot.label.stride(0));
    Room room{{slot.image.mutable_data_ptr<float>() + job.index * image_voxels, image_voxels},
              {slot.label.mutable_data_ptr<uint8_t>() + job.index * label_voxels, label_voxels},
              {}};
    if (has_views()) {
        const auto pixels = static_cast<size_t>(slot.views.stride(0));
        room.views = {slot.views.mutable_data_ptr<float>() + job.index * pixels, pixels};
    }
    read_item_(slot.items[job.index], room);
}

void Prefetcher::finish(const Job& job, const std::exception_ptr& error) {
    Slot& slot = *job.slot;
    // Of several failing items the first in order is reported, so that the message does not depend on threads.
    if (error && (!slot.error || job.index < slot.error_job)) {
        slot.error = error;
        slot.error_job = job.index;
    }
    if (slot.jobs_done + 1 == slot.jobs && !slot.error) {
        try {
            std::vector<at::Tensor> host{std::move(slot.image), std::move(slot.label)};
            if (has_views()) host.push_back(std::move(slot.views));
            slot.pending = copy_.start(std::move(host));
        } catch (...) {
            slot.error = std::current_exception();
        }
    }
    ++slot.jobs_done;
    --active_;
    done_.notify_all();
}

Prefetcher::Result Prefetcher::take() {
    std::unique_lock lock(mutex_);
    const core::Activity activity("waiting for crops that are being read", core::Waits::for_data);
    const core::Timer timer;
    done_.wait(lock, [this] { return !slots_.empty() && slots_.front()->jobs_done == slots_.front()->jobs; });
    wait_seconds_ += timer.seconds();
    const auto slot = slots_.front();
    if (slot->error) std::rethrow_exception(slot->error);
    slots_.pop_front();
    bytes_ -= slot->bytes;
    taken_ = sampler_.advance(taken_, 1);
    lock.unlock();
    job_or_stop_.notify_all();
    copy_.finish(slot->pending);
    const auto& tensors = slot->pending.tensors;
    return {std::move(slot->items), tensors[0], tensors[1], has_views() ? tensors[2] : at::Tensor()};
}

Position Prefetcher::position() const {
    const std::scoped_lock lock(mutex_);
    return taken_;
}

void Prefetcher::seek(Position position) {
    const Position place = sampler_.advance(position, 0);
    std::unique_lock lock(mutex_);
    paused_ = true;
    done_.wait(lock, [this] { return active_ == 0; });
    slots_.clear();
    bytes_ = 0;
    taken_ = opened_ = place;
    paused_ = false;
    lock.unlock();
    job_or_stop_.notify_all();
}

double Prefetcher::wait_seconds() const {
    const std::scoped_lock lock(mutex_);
    return wait_seconds_;
}

size_t Prefetcher::peak_bytes() const {
    const std::scoped_lock lock(mutex_);
    return peak_bytes_;
}

size_t Prefetcher::slot_bytes(int64_t items) const {
    const auto& size = options_.crop_size;
    const int64_t voxels = size[0] * size[1] * size[2];
    const int64_t pixels = options_.views[0] * options_.views[1] * options_.views[2];
    const auto bytes = static_cast<int64_t>(sizeof(float));
    return static_cast<size_t>(items * (voxels * (options_.channels * bytes + 1) + pixels * bytes));
}

}  // namespace vox::data
