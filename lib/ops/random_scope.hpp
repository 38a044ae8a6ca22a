#pragma once
// Which items the current thread's forward works on, so that dropout inside a model draws per item and not per rank.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ops/random_key.hpp"

namespace vox::ops {

/// Where a scope stands: its keys, and the index that its next random layer gets.
struct RandomState {
    std::shared_ptr<const std::vector<RandomKey>> keys;  // null: outside any scope
    uint32_t next_layer = 0;
};

/// While it lives, random layers on THIS thread draw from `keys`, one per item of the batch.  Layers number themselves in
/// the order in which they run, from 0, so one forward of a micro-batch lives in one scope.  Scopes nest; the inner wins.
/// Code that runs later or on another thread (recomputation in backward) takes `capture()` along and opens a scope from it.
class RandomScope {
public:
    explicit RandomScope(std::span<const RandomKey> keys);
    explicit RandomScope(RandomState state);
    ~RandomScope();
    RandomScope(const RandomScope&) = delete;
    RandomScope& operator=(const RandomScope&) = delete;

    /// The current state, to go on from in another scope.  Outside any scope its keys are null.
    static RandomState capture();

    /// For a random layer: the keys of this thread's scope and this layer's own index; the count advances.
    /// Throws InternalError outside any scope (naming `layer_name`), or where the scope does not hold `items` keys.
    struct Draw {
        std::span<const RandomKey> keys;
        uint32_t layer;
    };
    static Draw next_layer(const char* layer_name, int64_t items);

private:
    RandomState outer_;
};

}  // namespace vox::ops
