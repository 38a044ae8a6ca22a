#include "metrics/distance_transform.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::metrics {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
// Lines along H or D that are copied together: eight doubles of a row are one cache line.
constexpr int64_t lines_at_once = 8;

// A row of the mask needs no parabolas: the nearest voxel is the last one seen from the left or from the right.
void transform_row(const uint8_t* mask, int64_t length, double spacing_mm, double* squared) {
    double steps = infinity;
    for (int64_t x = 0; x < length; ++x) {
        steps = mask[x] ? 0 : steps + 1;
        squared[x] = steps;
    }
    steps = infinity;
    for (int64_t x = length - 1; x >= 0; --x) {
        steps = mask[x] ? 0 : steps + 1;
        const double mm = std::min(steps, squared[x]) * spacing_mm;
        squared[x] = mm * mm;
    }
}

// The lowest, at each voxel x of a line, of the parabolas height(q) + (spacing (x - q))^2 that stand at the voxels q.
class LowerEnvelope {
public:
    LowerEnvelope(int64_t length, double spacing_mm) : spacing_mm_(spacing_mm), pieces_(static_cast<size_t>(length)) {}

    // The line holds heights and then values of the envelope.
    void apply(double* line) {
        const auto length = static_cast<int64_t>(pieces_.size());
        size_t count = 0;
        for (int64_t q = 0; q < length; ++q) {
            if (line[q] < infinity) count = add({line[q], static_cast<double>(q), -infinity}, count);
        }
        if (count == 0) return;
        size_t k = 0;
        for (int64_t x = 0; x < length; ++x) {
            while (k + 1 < count && pieces_[k + 1].begin < static_cast<double>(x)) ++k;
            const double mm = (static_cast<double>(x) - pieces_[k].centre) * spacing_mm_;
            line[x] = pieces_[k].height + mm * mm;
        }
    }

private:
    struct Piece {
        double height;
        double centre;
        double begin;  // the parabola is the lowest one from here to the next piece's begin
    };

    // A new parabola, right of all others, is the lowest from where it crosses the last one; pieces that begin later
    // vanish.
    size_t add(Piece piece, size_t count) {
        while (count > 0) {
            const Piece& last = pieces_[count - 1];
            // Written around the middle of both, so that large squares of positions do not cancel.
            piece.begin = (piece.centre + last.centre) / 2 +
                          (piece.height - last.height) / (2 * spacing_mm_ * spacing_mm_) / (piece.centre - last.centre);
            if (piece.begin > last.begin) break;
            --count;
        }
        if (count == 0) piece.begin = -infinity;
        pieces_[count] = piece;
        return count + 1;
    }

    double spacing_mm_;
    std::vector<Piece> pieces_;
};

// values [outer, length, inner]: the envelope along the axis in the middle.  Lines are copied out in groups, since
// single ones would take a cache line for each of their values.
void transform_axis(std::vector<double>& values, int64_t length, int64_t inner, double spacing_mm) {
    LowerEnvelope envelope(length, spacing_mm);
    std::vector<double> lines(static_cast<size_t>(lines_at_once * length));
    const auto outer_step = length * inner, total = static_cast<int64_t>(values.size());
    for (int64_t outer = 0; outer < total; outer += outer_step) {
        for (int64_t first = 0; first < inner; first += lines_at_once) {
            const int64_t count = std::min(lines_at_once, inner - first);
            double* const corner = values.data() + outer + first;
            for (int64_t q = 0; q < length; ++q)
                for (int64_t l = 0; l < count; ++l) lines[l * length + q] = corner[q * inner + l];
            for (int64_t l = 0; l < count; ++l) envelope.apply(lines.data() + l * length);
            for (int64_t q = 0; q < length; ++q)
                for (int64_t l = 0; l < count; ++l) corner[q * inner + l] = lines[l * length + q];
        }
    }
}

}  // namespace

std::vector<double> squared_distance_transform(std::span<const uint8_t> mask, const core::Index3& size,
                                               const core::Double3& spacing_mm) {
    const auto [depth, height, width] = size;
    core::check(std::ranges::all_of(size, [](int64_t n) { return n > 0; }) &&
                    static_cast<int64_t>(mask.size()) == depth * height * width,
                core::concat("distance transform: ", mask.size(), " voxels for a grid of [", core::join(size), "]"));
    core::check(std::ranges::all_of(spacing_mm, [](double mm) { return mm > 0 && std::isfinite(mm); }),
                core::concat("distance transform: a spacing of [", core::join(spacing_mm), "] mm"));
    std::vector<double> squared(mask.size());
    for (int64_t row = 0; row < depth * height; ++row)
        transform_row(mask.data() + row * width, width, spacing_mm[2], squared.data() + row * width);
    transform_axis(squared, height, width, spacing_mm[1]);
    transform_axis(squared, depth, height * width, spacing_mm[0]);
    return squared;
}

}  // namespace vox::metrics
