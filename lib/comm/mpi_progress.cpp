#include "comm/mpi_progress.hpp"

#include <chrono>

#include "comm/mpi_error.hpp"
#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::comm {

MpiProgress::~MpiProgress() {
    if (!thread_.joinable()) return;
    {
        const std::scoped_lock lock(mutex_);
        stop_ = true;
    }
    arrived_.notify_all();
    thread_.join();
}

void MpiProgress::submit(std::shared_ptr<Collective> collective) {
    refuse_if_broken();
    if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });
    {
        const std::scoped_lock lock(mutex_);
        submitted_.push_back(std::move(collective));
        ++open_;
    }
    arrived_.notify_one();
}

void MpiProgress::run(const std::shared_ptr<Collective>& collective) {
    refuse_if_broken();
    const bool idle = [&] {
        const std::scoped_lock lock(mutex_);
        return open_ == 0;
    }();
    // MPI matches collectives by the order in which a rank starts them: behind others, it has to queue up.
    if (!idle) {
        submit(collective);
        wait(*collective);
        return;
    }
    try {
        Backoff backoff;
        while (!collective->data_ready()) backoff.pause();
        collective->start(collective->calls);
        collective->calls.wait(timeout_s_, collective->name);
    } catch (...) {
        const std::scoped_lock lock(mutex_);
        broken_ = true;
        throw;
    }
}

bool MpiProgress::ended(const Collective& collective) {
    const std::scoped_lock lock(mutex_);
    if (collective.error) std::rethrow_exception(collective.error);
    return collective.ended;
}

void MpiProgress::wait(const Collective& collective) {
    const core::Activity activity(collective.name, core::Waits::for_peers);
    const core::Timer timer;
    std::unique_lock lock(mutex_);
    const auto is_over = [&] { return collective.ended; };
    if (timeout_s_ <= 0) ended_.wait(lock, is_over);
    while (!ended_.wait_for(lock, std::chrono::duration<double>(timeout_s_), is_over)) {
        if (core::is_watched()) continue;  // it is the watchdog that ends a wait
        broken_ = true;
        lock.unlock();
        throw_timeout(collective.name, timer.seconds());
    }
    if (collective.error) std::rethrow_exception(collective.error);
}

bool MpiProgress::broken() {
    const std::scoped_lock lock(mutex_);
    return broken_;
}

void MpiProgress::loop() {
    std::deque<std::shared_ptr<Collective>> under_way;
    core::Timer since_stop;
    Backoff backoff(50);
    while (true) {
        {
            std::unique_lock lock(mutex_);
            if (under_way.empty()) {
                arrived_.wait(lock, [&] { return stop_ || !submitted_.empty(); });
                backoff = Backoff(50);
            }
            if (!stop_) since_stop.restart();
            const bool out_of_time = broken_ || (timeout_s_ > 0 && since_stop.seconds() > timeout_s_);
            if (stop_ && ((under_way.empty() && submitted_.empty()) || out_of_time)) return;
            while (!submitted_.empty()) {
                under_way.push_back(std::move(submitted_.front()));
                submitted_.pop_front();
                backoff = Backoff(50);
            }
        }
        advance(under_way);
        if (!under_way.empty()) backoff.pause();
    }
}

bool MpiProgress::advance(std::deque<std::shared_ptr<Collective>>& under_way) {
    // Started as early as possible, but strictly in order: one whose data is not there yet holds up those behind it.
    for (const auto& collective : under_way) {
        try {
            if (!collective->started && !collective->data_ready()) break;
            if (!collective->started) collective->start(collective->calls);
            collective->started = true;
        } catch (...) {
            collective->started = true;
            end(collective, std::current_exception());
        }
    }
    while (!under_way.empty() && under_way.front()->started) {
        try {
            if (!under_way.front()->error && !under_way.front()->calls.test()) break;
            end(under_way.front(), nullptr);
        } catch (...) {
            end(under_way.front(), std::current_exception());
        }
        under_way.pop_front();
    }
    return under_way.empty();
}

void MpiProgress::end(const std::shared_ptr<Collective>& collective, std::exception_ptr error) {
    {
        const std::scoped_lock lock(mutex_);
        if (collective->ended) return;
        collective->ended = true;
        collective->error = error;
        --open_;
        if (error) broken_ = true;
    }
    ended_.notify_all();
}

void MpiProgress::refuse_if_broken() {
    if (!broken()) return;
    throw core::PeerError(core::concat(who_am_i(),
                                       ": an earlier collective of this communicator failed; ranks are out of "
                                       "step and the job has to end."));
}

}  // namespace vox::comm
