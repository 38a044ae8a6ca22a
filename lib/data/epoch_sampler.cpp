#include "data/epoch_sampler.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {

using core::check;
using core::concat;

Slice rank_slice(int64_t count, int rank, int world_size) {
    check(count >= 0 && rank >= 0 && rank < world_size, concat("no rank ", rank, " of ", world_size));
    const int64_t share = count / world_size;
    const int64_t larger = count % world_size;  // so many ranks take one more
    return {rank * share + std::min<int64_t>(rank, larger), share + (rank < larger ? 1 : 0)};
}

EpochSampler::EpochSampler(std::vector<size_t> cases, const SamplerOptions& options)
    : cases_(std::move(cases)), options_(options) {
    if (cases_.empty()) throw core::DataError("no training cases: the split 'train' of the data set is empty");
    if (options_.samples_per_case < 1) throw core::ConfigError("data.samples_per_case must be at least 1");
    if (options_.global_micro_batch < 1) throw core::ConfigError("the global micro-batch must hold at least 1 item");
    const int64_t items = static_cast<int64_t>(cases_.size()) * options_.samples_per_case;
    if (items > std::numeric_limits<uint32_t>::max()) {
        throw core::ConfigError(concat("data.samples_per_case: an epoch of ", items, " items is longer than 2^32-1"));
    }
    if (micro_batches_per_epoch() == 0) {
        throw core::ConfigError(concat("data.drop_last leaves nothing of an epoch: ", cases_.size(), " cases x ",
                                       options_.samples_per_case, " samples = ", items,
                                       " items, fewer than one global micro-batch of ", options_.global_micro_batch,
                                       "; set data.drop_last: false, or a smaller batch"));
    }
    check_stratum();
}

bool EpochSampler::in_stratum(uint32_t flat) const {
    return options_.stratum.cases.contains(cases_[flat / static_cast<size_t>(options_.samples_per_case)]);
}

void EpochSampler::check_stratum() const {
    const int64_t each = options_.stratum.per_micro_batch, size = options_.global_micro_batch;
    if (each == 0) return;
    const int64_t in = std::ranges::count_if(cases_, [&](size_t one) { return options_.stratum.cases.contains(one); }) *
                       options_.samples_per_case;
    const int64_t short_one = items_per_epoch() % size;
    const int64_t needed = items_per_epoch() / size * each + std::min(each, short_one);
    if (each >= 0 && each <= size && needed <= in) return;
    throw core::ConfigError(concat("every global micro-batch of ", size, " items should hold ", each,
                                   " with an event, ", needed, " in an epoch's ", micro_batches_per_epoch(),
                                   ", but the training cases give ", in, ": ask for fewer, or take larger batches"));
}

/// The same items, so that every micro-batch has what the stratum asks for: of its items the first come into the first micro-batch, and
/// so on; what is left fills up in its order, and a micro-batch has the order of the whole.
std::vector<uint32_t> EpochSampler::stratified(const std::vector<uint32_t>& order) const {
    const auto size = static_cast<size_t>(options_.global_micro_batch);
    const auto each = static_cast<size_t>(options_.stratum.per_micro_batch);
    std::vector<size_t> dealt, rest;  // places of `order`
    const auto used = static_cast<size_t>(items_per_epoch());
    const size_t needed = used / size * each + std::min(each, used % size);
    for (size_t place = 0; place < order.size(); ++place)
        (dealt.size() < needed && in_stratum(order[place]) ? dealt : rest).push_back(place);
    std::vector<uint32_t> result;
    result.reserve(order.size());
    auto next_dealt = dealt.begin(), next = rest.begin();
    while (result.size() < used) {
        const size_t here = std::min(size, used - result.size()), of_stratum = std::min(each, here);
        std::vector<size_t> places(next_dealt, next_dealt + static_cast<std::ptrdiff_t>(of_stratum));
        places.insert(places.end(), next, next + static_cast<std::ptrdiff_t>(here - of_stratum));
        next_dealt += static_cast<std::ptrdiff_t>(of_stratum);
        next += static_cast<std::ptrdiff_t>(here - of_stratum);
        std::ranges::sort(places);
        for (const size_t place : places) result.push_back(order[place]);
    }
    return result;
}

int64_t EpochSampler::items_per_epoch() const {
    const int64_t items = static_cast<int64_t>(cases_.size()) * options_.samples_per_case;
    return options_.drop_last ? items - items % options_.global_micro_batch : items;
}

int64_t EpochSampler::micro_batches_per_epoch() const {
    return (items_per_epoch() + options_.global_micro_batch - 1) / options_.global_micro_batch;
}

int64_t EpochSampler::steps_per_epoch(int64_t accumulation) const {
    check(accumulation >= 1, concat("accumulation ", accumulation, " is not positive"));
    return (micro_batches_per_epoch() + accumulation - 1) / accumulation;
}

std::vector<Item> EpochSampler::epoch_order(int64_t epoch) const {
    check(epoch >= 0 && epoch <= std::numeric_limits<uint32_t>::max(), concat("no epoch ", epoch));
    const auto samples = static_cast<size_t>(options_.samples_per_case);
    std::vector<uint32_t> order(cases_.size() * samples);
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
    // Fisher and Yates' shuffle: every permutation is as likely as another.
    const ops::RandomKey shuffle{options_.seed, static_cast<uint32_t>(epoch), 0, 0};
    for (size_t i = order.size() - 1; i > 0; --i) {
        const auto last = static_cast<uint32_t>(i);
        std::swap(order[i], order[ops::random_below(shuffle, ops::Purpose::order, 0, last, last + 1)]);
    }
    if (options_.stratum.per_micro_batch > 0) order = stratified(order);
    order.resize(static_cast<size_t>(items_per_epoch()));
    std::vector<Item> items;
    items.reserve(order.size());
    for (const uint32_t flat : order) {
        const ops::RandomKey key{options_.seed, shuffle.epoch, static_cast<uint32_t>(items.size()),
                                 static_cast<uint32_t>(flat % samples)};
        items.push_back({cases_[flat / samples], key});
    }
    return items;
}

Slice EpochSampler::range(int64_t micro_batch) const {
    check(micro_batch >= 0 && micro_batch < micro_batches_per_epoch(),
          concat("no micro-batch ", micro_batch, " in an epoch of ", micro_batches_per_epoch()));
    const int64_t begin = micro_batch * options_.global_micro_batch;
    return {begin, std::min(options_.global_micro_batch, items_per_epoch() - begin)};
}

Slice EpochSampler::range(int64_t micro_batch, int rank, int world_size) const {
    const Slice whole = range(micro_batch);
    const Slice own = rank_slice(whole.size, rank, world_size);
    return {whole.begin + own.begin, own.size};
}

Position EpochSampler::position_of_step(int64_t step, int64_t accumulation) const {
    check(step >= 0, concat("no step ", step));
    const int64_t steps = steps_per_epoch(accumulation);
    return {step / steps, step % steps * accumulation};
}

int64_t EpochSampler::group_size(Position position, int64_t accumulation) const {
    check(accumulation >= 1, concat("accumulation ", accumulation, " is not positive"));
    return std::min(accumulation, micro_batches_per_epoch() - advance(position, 0).micro_batch);
}

Position EpochSampler::advance(Position position, int64_t micro_batches) const {
    const int64_t per_epoch = micro_batches_per_epoch();
    check(position.epoch >= 0 && position.micro_batch >= 0 && position.micro_batch <= per_epoch && micro_batches >= 0,
          concat("no position epoch ", position.epoch, ", micro-batch ", position.micro_batch, " + ", micro_batches,
                 " in epochs of ", per_epoch, " micro-batches"));
    const int64_t total = position.micro_batch + micro_batches;
    return {position.epoch + total / per_epoch, total % per_epoch};
}

}  // namespace vox::data
