#pragma once
// Which case trains, validates, tests: by hash, so that it depends on nothing but ids and seed.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vox::data {

/// Id -> "train", "val" or "test".  Cases in the order of a hash of (id, seed) are cut at exact counts: the fractions'
/// shares, rounded by largest remainder.  One case alone trains.  `fractions` are >= 0 and sum to 1.
std::map<std::string, std::string> assign_splits(const std::vector<std::string>& ids,
                                                 const std::array<double, 3>& fractions, int64_t seed);

/// Id -> fold, 0 to count - 1: dealt out in the order of a hash of (id, seed), so that sizes differ by one at most.  `count` > 0.
std::map<std::string, int64_t> deal_folds(const std::vector<std::string>& ids, int64_t count, int64_t seed);

}  // namespace vox::data
