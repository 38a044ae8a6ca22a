#pragma once
// Exponential moving average of the weights: what validation and inference use.

#include <cstdint>
#include <mutex>

#include "checkpoint/named_tensors.hpp"
#include "config/section.hpp"

namespace vox::train {

/// How slowly the average follows the weights.
struct EmaOptions {
    bool enabled = false;
    double decay = 0.999;
    bool warmup = true;

    void read(config::Section& section);
};

/// Averages of a model's parameters and floating-point buffers; integer buffers are copied.  Any rank, no
/// communication: equal weights give equal averages.
class Ema {
public:
    /// `tensors` are the model's live parameters and buffers (checkpoint::module_state), which must outlive this
    /// object.  The averages start as copies.
    Ema(const EmaOptions& options, checkpoint::NamedTensors tensors);

    /// After each optimizer step: average = d * average + (1 - d) * weights, where d = min(decay, (1+n)/(10+n)) with n
    /// updates done before (without warm-up: d = decay).
    void update();

    /// Exchanges weights and averages in place (addresses stay).  Called twice it changes nothing; never `update`
    /// between.
    void swap();

    bool is_swapped() const { return swapped_; }

    /// The averages, live, under the model's names: for State::ema.  While swapped, the weights.
    const checkpoint::NamedTensors& state() const { return averages_; }
    int64_t updates() const { return updates_; }
    /// Takes back what was stored; `updates` comes from the manifest.  Throws DataError listing the names that do not
    /// fit.
    void load_state(const checkpoint::NamedTensors& stored, int64_t updates);

private:
    EmaOptions options_;
    checkpoint::NamedTensors tensors_;
    checkpoint::NamedTensors averages_;
    int64_t updates_ = 0;
    bool swapped_ = false;
};

/// The averages stand in for the weights while this object lives; a null `ema` does nothing.
class EmaScope {
public:
    /// `changing` is held while both are exchanged.
    EmaScope(Ema* ema, std::timed_mutex& changing) : ema_(ema), changing_(changing) { swap(); }
    ~EmaScope() { swap(); }
    EmaScope(const EmaScope&) = delete;
    EmaScope& operator=(const EmaScope&) = delete;

private:
    void swap() {
        const std::scoped_lock lock(changing_);
        if (ema_ != nullptr) ema_->swap();
    }

    Ema* ema_;
    std::timed_mutex& changing_;
};

}  // namespace vox::train
