#pragma once
// Which decoded chunks a bounded memory keeps, and where each lies: a pure function of data set, budget, rate and epoch, never of
// who reads what when, so that ranks agree without a word.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/chunked_array.hpp"

namespace vox::data {

/// A chunked array of the data set.
struct StoredArray {
    enum class Kind : uint8_t { image, label, views };
    size_t case_index = 0;  // into ShardReader::cases()
    Kind kind = Kind::image;
    const ChunkedArray* chunks = nullptr;
};

/// Memory is cut into seats, for images, labels and views apart, each as large as the largest chunk of its kind.  Where there is a
/// seat for every chunk, each has its own.  Else the chunks stand in a circle, and those within a stretch as long as there are
/// seats are kept; the stretch moves on by `replace_rate` of its length an epoch, so that every chunk has its turn.
class CachePlan {
public:
    /// `training` come first and take part in replacing; `others` (validation) are kept where room is left and nothing moves.
    /// `replace_rate` within 0 .. 1; above 0 at least one chunk a kind is replaced.
    CachePlan(std::span<const StoredArray> training, std::span<const StoredArray> others, size_t budget_bytes,
              double replace_rate);

    struct Seat {
        size_t number = 0;  // of all seats
        size_t offset = 0;  // bytes from the start of the memory
        size_t bytes = 0;
        /// Says whose turn it is in this seat: a later one is larger.  Never 0.
        uint64_t turn = 0;
    };
    /// Nothing where the chunk is not to be kept in this epoch.
    std::optional<Seat> seat(uint64_t key, int64_t epoch) const;

    size_t seats() const;
    size_t words_bytes() const;  // what the memory begins with: a word a seat and one more, then come the seats
    size_t bytes() const;  // of the memory: never more than the budget, but for what holds no seat
    /// Whether chunks are replaced: there is a rate, and not all fit.
    bool moves() const;
    size_t chunks() const { return chunks_; }  // of the data set that are stored
    size_t chunk_bytes() const { return chunk_bytes_; }  // of those, decoded
    /// What holds all of these chunks.
    static size_t bytes_for_all(std::span<const StoredArray> training, std::span<const StoredArray> others);

private:
    struct Pool {
        size_t seat_bytes = 0;
        size_t chunks = 0, seats = 0;
        size_t first_seat = 0, offset = 0;
        uint64_t moved = 0;  // chunks an epoch
    };
    static constexpr size_t kKinds = 3;
    using Pools = std::array<Pool, kKinds>;
    static size_t needed(const Pools& pools);
    static Pools count(std::span<const StoredArray> training, std::span<const StoredArray> others);
    void number(std::span<const StoredArray> arrays);
    void share_out(size_t budget_bytes, double replace_rate);

    Pools pools_;
    std::vector<uint32_t> number_of_key_;  // kind above kKindShift, number within its pool below; kNowhere
    size_t chunks_ = 0, chunk_bytes_ = 0;
};

}  // namespace vox::data
