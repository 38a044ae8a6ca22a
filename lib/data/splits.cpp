#include "data/splits.hpp"

#include <algorithm>
#include <cmath>

#include "core/text.hpp"
#include "data/checksum.hpp"

namespace vox::data {
namespace {

std::array<size_t, 3> exact_counts(size_t n, const std::array<double, 3>& fractions) {
    std::array<size_t, 3> counts{};
    std::array<double, 3> remainders{};
    size_t given = 0;
    for (size_t i = 0; i < 3; ++i) {
        const double share = fractions[i] * static_cast<double>(n);
        counts[i] = static_cast<size_t>(share + 1e-9);  // 0.1 * 10 must not lose a case to rounding
        remainders[i] = share - static_cast<double>(counts[i]);
        given += counts[i];
    }
    for (; given < n; ++given) {
        const auto largest = std::max_element(remainders.begin(), remainders.end());  // ties: train, val, test
        ++counts[static_cast<size_t>(largest - remainders.begin())];
        *largest -= 1;
    }
    return counts;
}

std::vector<std::string> in_order_of_hash(const std::vector<std::string>& ids, int64_t seed) {
    std::vector<std::pair<uint64_t, std::string>> hashed;
    for (const auto& id : ids) hashed.emplace_back(xxh3_64(core::concat(seed, '/', id)), id);
    std::sort(hashed.begin(), hashed.end());
    std::vector<std::string> ordered;
    for (auto& [hash, id] : hashed) ordered.push_back(std::move(id));
    return ordered;
}

}  // namespace

std::map<std::string, std::string> assign_splits(const std::vector<std::string>& ids,
                                                 const std::array<double, 3>& fractions, int64_t seed) {
    const auto order = in_order_of_hash(ids, seed);
    auto counts = exact_counts(ids.size(), fractions);
    if (ids.size() == 1) counts = {1, 0, 0};
    std::map<std::string, std::string> splits;
    for (size_t i = 0; i < order.size(); ++i) {
        splits[order[i]] = i < counts[0] ? "train" : i < counts[0] + counts[1] ? "val" : "test";
    }
    return splits;
}

std::map<std::string, int64_t> deal_folds(const std::vector<std::string>& ids, int64_t count, int64_t seed) {
    std::map<std::string, int64_t> folds;
    for (const auto& id : in_order_of_hash(ids, seed)) folds[id] = std::ssize(folds) % count;
    return folds;
}

}  // namespace vox::data
