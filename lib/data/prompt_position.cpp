#include "data/prompt_position.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {
namespace {

using core::concat;

constexpr double kNear = 0.2;  // of the grid's width
constexpr const char* kAtTheCentre = "at the centre";

std::string distance_text(bool near) { return near ? "near the centre" : "far from the centre"; }

// Sides are named from left to right, then from front to back or top to bottom, as readers expect of each space.
std::string side_text(const PromptPosition& position, PositionSpace space) {
    std::vector<std::string> words;
    for (const auto& pair : side_pairs(space)) words.push_back(position.high[pair.axis] ? pair.high : pair.low);
    return concat("in the ", core::join(words, " "), space == PositionSpace::image ? " quadrant" : " octant");
}

}  // namespace

const std::vector<SidePair>& side_pairs(PositionSpace space) {
    static const std::vector<SidePair> of_images{{1, "top", "bottom"}, {2, "left", "right"}};
    static const std::vector<SidePair> of_patients{
        {2, "left", "right"}, {1, "posterior", "anterior"}, {0, "inferior", "superior"}};
    return space == PositionSpace::image ? of_images : of_patients;
}

std::optional<PromptPosition> position_of(const core::Box& box, const core::Index3& size,
                                          const core::Double3& spacing_mm, PositionSpace space) {
    bool centre = true, upon_a_plane = false;
    double squared_mm = 0;
    PromptPosition position;
    for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t begin = box.start[axis], end = begin + box.size[axis];
        core::check(begin >= 0 && end > begin && end <= size[axis],
                    concat("a box from ", begin, " to ", end, " along axis ", axis, " of ", size[axis], " voxels"));
        if (axis == 0 && space == PositionSpace::image) {
            core::check(size[0] == 1, concat("an image of ", size[0], " planes"));
            continue;
        }
        const int64_t twice_offset = begin + end - size[axis];  // twice, so that it is a whole number
        centre = centre && 2 * begin < size[axis] && size[axis] < 2 * end;
        upon_a_plane = upon_a_plane || twice_offset == 0;
        position.high[axis] = twice_offset > 0;
        squared_mm += std::pow(static_cast<double>(twice_offset) / 2 * spacing_mm[axis], 2);
    }
    if (centre) return PromptPosition{.centre = true};
    if (upon_a_plane) return std::nullopt;
    position.near = std::sqrt(squared_mm) < kNear * static_cast<double>(size[2]) * spacing_mm[2];
    return position;
}

int64_t position_classes(PositionSpace space) { return space == PositionSpace::image ? 9 : 17; }

int64_t position_class(const PromptPosition& position) {
    if (position.centre) return 0;
    int64_t octant = 0;
    for (const bool high : position.high) octant = 2 * octant + (high ? 1 : 0);
    return 1 + 2 * octant + (position.near ? 0 : 1);
}

PromptPosition position_of_class(int64_t number, PositionSpace space) {
    core::check(number >= 0 && number < position_classes(space),
                concat("class ", number, " of ", position_classes(space), " positions"));
    if (number == 0) return {.centre = true};
    const int64_t octant = (number - 1) / 2;
    return {.high = {(octant & 4) != 0, (octant & 2) != 0, (octant & 1) != 0}, .near = number % 2 == 1};
}

std::string position_text(const PromptPosition& position, PositionSpace space, PositionDetail detail) {
    if (position.centre) return kAtTheCentre;
    if (detail == PositionDetail::side) return side_text(position, space);
    if (detail == PositionDetail::distance) return distance_text(position.near);
    return concat(side_text(position, space), " ", distance_text(position.near));
}

std::vector<std::string> position_texts(PositionSpace space) {
    std::vector<std::string> texts;
    for (const auto detail : {PositionDetail::side, PositionDetail::distance, PositionDetail::whole}) {
        for (int64_t number = 0; number < position_classes(space); ++number) {
            auto text = position_text(position_of_class(number, space), space, detail);
            if (std::ranges::find(texts, text) == texts.end()) texts.push_back(std::move(text));
        }
    }
    return texts;
}

PromptPosition flipped(const PromptPosition& position, const std::array<bool, 3>& flips) {
    PromptPosition result = position;
    for (size_t axis = 0; axis < 3 && !position.centre; ++axis) result.high[axis] = position.high[axis] != flips[axis];
    return result;
}

core::Box flipped(const core::Box& box, const core::Index3& size, const std::array<bool, 3>& flips) {
    core::Box result = box;
    for (size_t axis = 0; axis < 3; ++axis) {
        if (flips[axis]) result.start[axis] = size[axis] - box.start[axis] - box.size[axis];
    }
    return result;
}

core::Double3 flipped(const core::Double3& point, const core::Index3& size, const std::array<bool, 3>& flips) {
    core::Double3 result = point;
    for (size_t axis = 0; axis < 3; ++axis) {
        if (flips[axis]) result[axis] = static_cast<double>(size[axis]) - point[axis];
    }
    return result;
}

}  // namespace vox::data
