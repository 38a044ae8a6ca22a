#include "data/cache_plan.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace vox::data {
namespace {

constexpr int kKindShift = 30;
constexpr uint32_t kNumberMask = (uint32_t{1} << kKindShift) - 1;
constexpr uint32_t kNowhere = 0xFFFFFFFF;
constexpr size_t kCacheLine = 64, kPage = 4096;  // seats begin with the former, the first with the latter
constexpr size_t kWord = sizeof(uint64_t);

size_t aligned(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

CachePlan::Pools CachePlan::count(std::span<const StoredArray> training, std::span<const StoredArray> others) {
    Pools pools;
    for (const auto arrays : {training, others}) {
        for (const auto& array : arrays) {
            Pool& pool = pools[static_cast<size_t>(array.kind)];
            const auto stored =
                std::ranges::count_if(array.chunks->places, [](const ChunkPlace& place) { return place.bytes > 0; });
            if (stored == 0) continue;
            pool.chunks += static_cast<size_t>(stored);
            pool.seat_bytes = std::max(pool.seat_bytes, aligned(array.chunks->chunk_bytes(), kCacheLine));
        }
    }
    return pools;
}

size_t CachePlan::needed(const Pools& pools) {
    size_t bytes = 2 * kPage;  // for what is lost between words and seats
    for (const Pool& pool : pools) bytes += pool.chunks * (pool.seat_bytes + kWord);
    return bytes;
}

size_t CachePlan::bytes_for_all(std::span<const StoredArray> training, std::span<const StoredArray> others) {
    return needed(count(training, others));
}

CachePlan::CachePlan(std::span<const StoredArray> training, std::span<const StoredArray> others, size_t budget_bytes,
                     double replace_rate) {
    core::check(replace_rate >= 0 && replace_rate <= 1, "a rate of replacing lies within 0 .. 1");
    for (const auto arrays : {training, others}) {
        for (const auto& [index, kind, chunks] : arrays) {
            number_of_key_.resize(std::max(number_of_key_.size(), chunks->first_key + chunks->places.size()), kNowhere);
            for (const auto& place : chunks->places) {
                chunks_ += place.bytes > 0;
                chunk_bytes_ += place.bytes > 0 ? chunks->chunk_bytes() : 0;
            }
        }
    }
    // Validation's chunks have no place in a circle that turns with training's epochs.
    const bool moves = replace_rate > 0 && bytes_for_all(training, others) > budget_bytes;
    pools_ = count(training, moves ? std::span<const StoredArray>{} : others);
    share_out(budget_bytes, moves ? replace_rate : 0);
    for (Pool& pool : pools_) pool.chunks = 0;
    number(training);
    if (!moves) number(others);
}

/// Each kind gets the same share of what it needs.
void CachePlan::share_out(size_t budget_bytes, double replace_rate) {
    const auto room = static_cast<double>(std::max(budget_bytes, 2 * kPage) - 2 * kPage);
    const double share = needed(pools_) > budget_bytes ? room / static_cast<double>(needed(pools_) - 2 * kPage) : 1;
    size_t first_seat = 0;
    for (Pool& pool : pools_) {
        pool.seats = std::min(pool.chunks, static_cast<size_t>(share * static_cast<double>(pool.chunks)));
        pool.first_seat = first_seat;
        first_seat += pool.seats;
        if (pool.seats > 0 && pool.seats < pool.chunks && replace_rate > 0)
            pool.moved = std::max<uint64_t>(1, static_cast<uint64_t>(replace_rate * static_cast<double>(pool.seats)));
    }
    size_t offset = words_bytes();
    for (Pool& pool : pools_) {
        pool.offset = offset;
        offset += pool.seats * pool.seat_bytes;
    }
}

void CachePlan::number(std::span<const StoredArray> arrays) {
    for (const auto& [index, kind, chunks] : arrays) {
        Pool& pool = pools_[static_cast<size_t>(kind)];
        for (size_t i = 0; i < chunks->places.size(); ++i) {
            if (chunks->places[i].bytes == 0) continue;
            core::check(pool.chunks < kNumberMask, "a data set has fewer than 2^30 chunks of a kind");
            number_of_key_[chunks->first_key + i] =
                static_cast<uint32_t>(kind) << kKindShift | static_cast<uint32_t>(pool.chunks++);
        }
    }
}

size_t CachePlan::seats() const {
    size_t seats = 0;
    for (const Pool& pool : pools_) seats += pool.seats;
    return seats;
}

size_t CachePlan::words_bytes() const { return aligned((seats() + 1) * kWord, kPage); }

size_t CachePlan::bytes() const {
    size_t bytes = words_bytes();
    for (const Pool& pool : pools_) bytes += pool.seats * pool.seat_bytes;
    return bytes;
}

bool CachePlan::moves() const {
    return std::ranges::any_of(pools_, [](const Pool& pool) { return pool.moved > 0; });
}

std::optional<CachePlan::Seat> CachePlan::seat(uint64_t key, int64_t epoch) const {
    if (key >= number_of_key_.size() || number_of_key_[key] == kNowhere) return std::nullopt;
    const Pool& pool = pools_[number_of_key_[key] >> kKindShift];
    const uint64_t number = number_of_key_[key] & kNumberMask;
    if (pool.seats == 0 || (pool.moved > 0 && epoch < 0)) return std::nullopt;
    // The circle unrolled: the stretch of this epoch begins at `start`, and the chunk comes `ahead` places after it.
    const uint64_t start = pool.moved * static_cast<uint64_t>(std::max<int64_t>(epoch, 0));
    const uint64_t ahead = (number + pool.chunks - start % pool.chunks) % pool.chunks;
    if (ahead >= pool.seats) return std::nullopt;
    const uint64_t place = start + ahead;
    const size_t within = place % pool.seats;
    return Seat{pool.first_seat + within, pool.offset + within * pool.seat_bytes, pool.seat_bytes, place + 1};
}

}  // namespace vox::data
