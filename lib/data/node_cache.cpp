#include "data/node_cache.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "core/error.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace vox::data {
namespace {

// A seat's word: whose turn it is | how many read it | its state.
enum State : uint64_t {
    kEmpty = 0,
    kFilling = 1,
    kReady = 2,
    kLost = 3,  // for good: who filled it did not come back, and may yet write
};
constexpr uint64_t kReader = 4, kReaders = uint64_t{1} << 14, kTurn = kReader * kReaders;

State state_of(uint64_t word) { return static_cast<State>(word % kReader); }
uint64_t readers_of(uint64_t word) { return word / kReader % kReaders; }
uint64_t turn_of(uint64_t word) { return word / kTurn; }
uint64_t word_of(uint64_t turn, State state) { return turn * kTurn + state; }

static_assert(std::atomic_ref<uint64_t>::is_always_lock_free, "other processes share these words");

}  // namespace

NodeCache::NodeCache(comm::World& world, CachePlan plan, double patience_s)
    : plan_(std::move(plan)), patience_s_(patience_s), window_(world, plan_.bytes()) {
    world.together("taking memory for the state of the node's cache", [&] {
        if (!window_.take(0, plan_.words_bytes()))
            throw core::ConfigError(core::concat("the node's shared memory has no room left for the cache's ",
                                                 plan_.words_bytes(), " bytes of state; see df /dev/shm"));
    });
}

/// Of a seat; the last is the sum of bytes of seats that were ever used.
uint64_t& NodeCache::word(size_t index) const { return reinterpret_cast<uint64_t*>(window_.bytes().data())[index]; }

DecodedChunk NodeCache::get(const ChunkRequest& request, const Decode& decode) {
    const auto seat = plan_.seat(request.key, request.epoch);
    if (!seat) return decode_apart(request.bytes, decode);
    const std::atomic_ref<uint64_t> word(this->word(seat->number));
    const core::Timer waiting;
    for (uint64_t seen = word.load(std::memory_order_acquire);; seen = word.load(std::memory_order_acquire)) {
        const State state = state_of(seen);
        if (turn_of(seen) == seat->turn && state == kReady && readers_of(seen) + 1 < kReaders) {
            if (word.compare_exchange_weak(seen, seen + kReader, std::memory_order_acquire)) return seated(*seat);
        } else if (turn_of(seen) == seat->turn && state == kFilling) {
            if (waiting.seconds() > patience_s_) word.compare_exchange_strong(seen, word_of(seat->turn, kLost));
            std::this_thread::sleep_for(std::chrono::microseconds(20));
        } else if (state == kEmpty ? turn_of(seen) <= seat->turn
                                   : state == kReady && readers_of(seen) == 0 && turn_of(seen) < seat->turn) {
            if (!word.compare_exchange_weak(seen, word_of(seat->turn, kFilling), std::memory_order_acq_rel)) continue;
            if (turn_of(seen) == 0) std::atomic_ref<uint64_t>(this->word(plan_.seats())).fetch_add(seat->bytes);
            return fill(*seat, request.bytes, decode);
        } else {  // lost, in use, or already that of a later epoch
            return decode_apart(request.bytes, decode);
        }
    }
}

DecodedChunk NodeCache::fill(const CachePlan::Seat& seat, size_t bytes, const Decode& decode) {
    const std::atomic_ref<uint64_t> word(this->word(seat.number));
    uint64_t filling = word_of(seat.turn, kFilling);
    const auto give_up = [&] { word.compare_exchange_strong(filling, word_of(seat.turn, kEmpty)); };
    if (!window_.take(seat.offset, bytes)) {
        give_up();
        return decode_apart(bytes, decode);
    }
    const auto room = window_.bytes().subspan(seat.offset, bytes);
    try {
        decode(room);
    } catch (...) {
        give_up();
        throw;
    }
    const uint64_t ready = word_of(seat.turn, kReady) + kReader;
    if (word.compare_exchange_strong(filling, ready, std::memory_order_acq_rel)) return seated(seat);
    return {room.data(), nullptr};  // others lost patience: from here on the seat is nobody's, and its voxels stay
}

/// The calling thread was counted among the seat's readers, until the chunk is let go of.
DecodedChunk NodeCache::seated(const CachePlan::Seat& seat) const {
    const std::byte* const voxels = window_.bytes().data() + seat.offset;
    uint64_t* const word = &this->word(seat.number);
    const auto leave = [word](const void*) {
        std::atomic_ref<uint64_t>(*word).fetch_sub(kReader, std::memory_order_release);
    };
    return {voxels, std::shared_ptr<const void>(voxels, leave)};
}

ChunkStore::Figures NodeCache::figures() const {
    const size_t used = std::atomic_ref<uint64_t>(word(plan_.seats())).load();
    return {used, used, plan_.bytes()};
}

std::string share_on_node(ShardReader& reader, comm::World& world, const Options& options) {
    std::vector<StoredArray> training, others;
    for (const auto& array : reader.arrays())
        (reader.cases()[array.case_index].split == "train" ? training : others).push_back(array);
    const auto all = static_cast<double>(CachePlan::bytes_for_all(training, others));
    const auto most =
        static_cast<size_t>(std::min(static_cast<double>(options.cache_bytes()), options.cache_rate * all));
    CachePlan plan(training, others, most, options.replace_rate);
    const auto text = [](size_t bytes) { return core::human_bytes(static_cast<double>(bytes)); };
    const std::string said = core::concat(
        "cache: one copy a node of ", plan.seats(), " of ", plan.chunks(), " chunks, ", text(plan.bytes()), " of ",
        text(static_cast<size_t>(all)), " decoded; budget ", text(most), " a node",
        plan.moves() ? core::concat(", of which ", options.replace_rate, " is replaced each epoch") : std::string());
    reader.keep_in(std::make_unique<NodeCache>(world, std::move(plan)));
    return said;
}

}  // namespace vox::data
