#pragma once
// What a random number depends on: (seed, epoch, position in the global order, draw, purpose, layer index), and nothing else.

#include <cstdint>

#include "ops/philox.hpp"  // GPU code includes this file as C++17

namespace vox::ops {

/// What a number is for.  Two purposes never share numbers.  Values are part of the reproducibility contract: add at the
/// end, never renumber.
enum class Purpose : uint32_t {
    order = 0,
    crop = 1,
    flip = 2,
    intensity_scale = 3,
    intensity_shift = 4,
    dropout = 5,
    initial_weights = 6,
    split = 7,
    phantom = 8,
    noise = 9,
    test_values = 10,
    bias_field = 11,
    gaussian_smooth = 12,
    gibbs_noise = 13,
    gaussian_noise = 14,
    sharpen = 15,
    contrast = 16,
    affine = 17,
    rotate90 = 18,
    rotate = 19,
    elastic = 20,
    zoom = 21,
    timestep = 22,
    target_channel = 23,
    condition_dropout = 24,
    sampling = 25,  // noise that generated volumes begin with, and get on the way
    previous_timestep = 26,  // how much noise the volume of the stage before gets
    previous_noise = 27,
    bootstrap = 28,  // which cases a resampled set of cases holds
    prompt = 29,  // what a network is asked of a case, and how
    prompt_place = 30,  // where points lie in what is asked for, and how boxes miss its border
};

/// One item of the training order.  Items of different epochs or positions draw independently; `draw` counts several crops
/// of one position.
struct RandomKey {
    uint64_t seed = 0;
    uint32_t epoch = 0;
    uint32_t position = 0;
    uint32_t draw = 0;
    bool operator==(const RandomKey& other) const {
        return seed == other.seed && epoch == other.epoch && position == other.position && draw == other.draw;
    }
};

/// Four words that are random in everything: the counter holds (index, purpose+layer, position, epoch), the key the seed and
/// the draw.
VOX_HOST_DEVICE inline Philox4 random_words(const RandomKey& key, Purpose purpose, uint32_t layer, uint32_t index) {
    const uint32_t stream = (static_cast<uint32_t>(purpose) << 24) ^ layer;  // layers fit 24 bits
    const uint32_t key0 = static_cast<uint32_t>(key.seed) ^ (key.draw * 0x85EBCA6Bu);
    const uint32_t key1 = static_cast<uint32_t>(key.seed >> 32) + key.draw;
    return philox({{index, stream, key.position, key.epoch}}, key0, key1);
}

/// Number `index` of this key, purpose and layer in [0, 1).
VOX_HOST_DEVICE inline double random_uniform(const RandomKey& key, Purpose purpose, uint32_t layer, uint32_t index) {
    return unit_interval(random_words(key, purpose, layer, index / 4).v[index % 4]);
}

/// An integer in [0, n), n < 2^32.
VOX_HOST_DEVICE inline uint32_t random_below(const RandomKey& key, Purpose purpose, uint32_t layer, uint32_t index,
                                             uint32_t n) {
    const uint64_t word = random_words(key, purpose, layer, index / 4).v[index % 4];
    return static_cast<uint32_t>((word * n) >> 32);
}

}  // namespace vox::ops
