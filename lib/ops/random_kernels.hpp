#pragma once
// Inside of random_tensor: the numbers themselves, the same code on CPU and GPU.

#include <cmath>
#include <cstdint>

#include "ops/random_key.hpp"

namespace vox::ops {

enum class Distribution { uniform, normal };

/// One random stream over all items of a tensor.
struct RandomStream {
    Purpose purpose;
    uint32_t layer;
    Distribution distribution;
};

/// Elements 4*block ... 4*block+3 of the item of `key`.
VOX_HOST_DEVICE inline void random_block(const RandomKey& key, RandomStream stream, uint32_t block, double out[4]) {
    const Philox4 words = random_words(key, stream.purpose, stream.layer, block);
    if (stream.distribution == Distribution::uniform) {
        for (int i = 0; i < 4; ++i) out[i] = unit_interval(words.v[i]);
        return;
    }
    constexpr double two_pi = 6.283185307179586476925;
    for (int i = 0; i < 4; i += 2) {  // Box-Muller; half a step away from 0, whose logarithm is infinite
        const double radius = sqrt(-2.0 * log((words.v[i] + 0.5) * (1.0 / 4294967296.0)));
        const double angle = two_pi * ((words.v[i + 1] + 0.5) * (1.0 / 4294967296.0));
        out[i] = radius * cos(angle);
        out[i + 1] = radius * sin(angle);
    }
}

/// Items that one kernel launch takes: their keys travel as a kernel argument.
constexpr int64_t keys_per_launch = 64;

/// GPU: fills `out` `[items, item_size]`, items <= keys_per_launch, on `cuda_stream` (a cudaStream_t) of the current
/// device.  The caller checks cudaGetLastError.
void launch_random(float* out, const RandomKey* keys, int64_t items, int64_t item_size, RandomStream stream,
                   void* cuda_stream);
void launch_random(double* out, const RandomKey* keys, int64_t items, int64_t item_size, RandomStream stream,
                   void* cuda_stream);

}  // namespace vox::ops
