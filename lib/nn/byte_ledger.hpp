#pragma once
// For predictions of memory: what lives now, and the most that ever did.

#include <algorithm>
#include <cstdint>

namespace vox::nn {

/// Bytes that an imagined forward and backward take and give back.
class Ledger {
public:
    void add(int64_t bytes) { peak_ = std::max(peak_, live_ += bytes); }
    void drop(int64_t bytes) { live_ -= bytes; }
    /// Both live for a moment.
    void replace(int64_t freed, int64_t made) {
        add(made);
        drop(freed);
    }
    /// A convolution's backward computes the gradient of its input in a layout of its own first.
    void replace_by_convolution(int64_t freed, int64_t made) {
        add(2 * made);
        drop(freed + made);
    }
    int64_t live() const { return live_; }
    int64_t peak() const { return peak_; }

private:
    int64_t live_ = 0, peak_ = 0;
};

}  // namespace vox::nn
