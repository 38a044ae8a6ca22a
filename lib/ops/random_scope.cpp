#include "ops/random_scope.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::ops {
namespace {

thread_local RandomState current;

}  // namespace

RandomScope::RandomScope(std::span<const RandomKey> keys)
    : RandomScope(RandomState{std::make_shared<const std::vector<RandomKey>>(keys.begin(), keys.end()), 0}) {}

RandomScope::RandomScope(RandomState state) : outer_(std::move(current)) { current = std::move(state); }

RandomScope::~RandomScope() { current = std::move(outer_); }

RandomState RandomScope::capture() { return current; }

RandomScope::Draw RandomScope::next_layer(const char* layer_name, int64_t items) {
    core::check(current.keys != nullptr, core::concat(layer_name,
                                                      " ran outside of a RandomScope: open one around the forward, "
                                                      "or put the model into evaluation"));
    core::check(static_cast<int64_t>(current.keys->size()) == items,
                core::concat(layer_name, " has a batch of ", items, " items, but the RandomScope holds ",
                             current.keys->size(), " keys"));
    return {*current.keys, current.next_layer++};
}

}  // namespace vox::ops
