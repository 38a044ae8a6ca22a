#pragma once
// Where something lies, in few classes and in words: what prompts state, answers tell, and a network is asked for.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/geometry.hpp"

namespace vox::data {

/// Whose sides words are about.
enum class PositionSpace {
    image,  // a picture [1,H,W] as it is looked at: top, bottom, left, right; row 0 is the top, column 0 the left
    patient,  // a volume [D,H,W] = superior, anterior, right, as shards have it: the patient's sides, the low half of W is the left
};

/// A class of places.  Of one that is `centre` the rest does not count and has its default.
struct PromptPosition {
    bool centre = false;
    std::array<bool, 3> high{};  // along D, H, W: in the half of larger indices.  D is false in an image
    bool near = false;  // to the centre
    bool operator==(const PromptPosition&) const = default;
};

/// Where the box (of voxels, within a grid of `size`) lies, by the rule of PRS-Med's data (arXiv 2505.11872): `centre` where the
/// box has the grid's middle inside; else the quadrant or octant of the box's own middle, `near` where that is closer to the
/// grid's middle than 0.2 of the grid's width (W), in mm of `spacing_mm` (D,H,W; ones for pictures).  Nothing where the box's
/// middle lies exactly upon a middle plane of the grid, so that neither side is right.  Throws InternalError for a box that is
/// empty or reaches out of the grid.
std::optional<PromptPosition> position_of(const core::Box& box, const core::Index3& size,
                                          const core::Double3& spacing_mm, PositionSpace space);

/// 9 in an image, 17 in a patient: the centre, and near and far of each quadrant or octant.
int64_t position_classes(PositionSpace space);
/// 0: centre; 1 + 2 * (4 D + 2 H + W) where high along D, H, W, and one more where far.
int64_t position_class(const PromptPosition& position);
/// The position of that class.  Throws InternalError where there is no such class.
PromptPosition position_of_class(int64_t number, PositionSpace space);

/// How much of a position words state.
enum class PositionDetail {
    side,  // "in the top left quadrant", "in the left anterior superior octant"
    distance,  // "near the centre", "far from the centre"
    whole,  // "in the top left quadrant near the centre"
};
/// In words, which follow "the liver is"; "at the centre" in every detail.
std::string position_text(const PromptPosition& position, PositionSpace space, PositionDetail detail);
/// All texts that `position_text` may return, each once.
std::vector<std::string> position_texts(PositionSpace space);

/// Two words that a flip along `axis` (0, 1, 2: D, H, W) exchanges.
struct SidePair {
    size_t axis;
    std::string low, high;
};
const std::vector<SidePair>& side_pairs(PositionSpace space);

/// The place after the volume was flipped along the axes (D, H, W) that are true.
PromptPosition flipped(const PromptPosition& position, const std::array<bool, 3>& flips);
core::Box flipped(const core::Box& box, const core::Index3& size, const std::array<bool, 3>& flips);
/// Of a point in voxels from the grid's corner: voxel v reaches from v to v + 1.
core::Double3 flipped(const core::Double3& point, const core::Index3& size, const std::array<bool, 3>& flips);

}  // namespace vox::data
