#include "data/phantom_prompted.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/phantom_shapes.hpp"

namespace vox::data {
namespace {

using core::Double3;
using core::Index3;

constexpr double box_mm = 192;
constexpr int dark_ones = 3, rods = 3;

// Hounsfield units.
constexpr double air = -1000, tissue = 30, contrast = 60, smooth_noise = 10, voxel_noise = 15;

enum class Part : uint8_t { nothing, body, dark, rod, lesion };

/// The parts of a body, i fastest; a later one covers an earlier one.
class Figure {
public:
    Figure(const ops::RandomKey& key, int64_t edge)
        : edge_(edge),
          half_(static_cast<double>(edge) / 2),
          body_(key, PhantomPart::prompted_body),
          lesions_(key, PhantomPart::prompted_lesions),
          others_(key, PhantomPart::prompted_distractors),
          parts_(static_cast<size_t>(edge * edge * edge)) {
        for (double& radius : body_radii_) radius = half_ * body_.uniform(0.9, 0.98);
        const double radius = static_cast<double>(edge) * lesions_.uniform(0.065, 0.095);
        for (double& own : lesion_radii_) own = radius * lesions_.uniform(0.85, 1.15);
        paint(middle(), body_radii_, Part::body);
        for (int i = 0; i < dark_ones; ++i) paint(draw_place(others_, 0, 0), lesion_radii_, Part::dark);
        for (int i = 0; i < rods; ++i) paint_rod();
        // LPS: i grows to the left.
        for (const int side : {1, -1}) paint(draw_place(lesions_, side, 1), lesion_radii_, Part::lesion);
    }
    const std::vector<Part>& parts() const { return parts_; }
    PhantomNumbers& numbers() { return body_; }

private:
    Index3 middle() const { return {edge_ / 2, edge_ / 2, edge_ / 2}; }

    /// The middle voxel of something of a lesion's size within the body; `side` 1 or -1: in the half of larger or smaller i.  It keeps
    /// `gap` voxels between itself and the middle planes, where that is not 0.
    Index3 draw_place(PhantomNumbers& numbers, int side, int64_t gap) {
        for (int attempt = 0; attempt < 100000; ++attempt) {
            Index3 place{};
            Double3 from_middle{}, room{};
            bool in_one_octant = true;
            for (size_t axis = 0; axis < 3; ++axis) {
                const bool high = numbers.uniform(0, 1) < 0.5;
                const double offset = half_ * numbers.uniform(0, 1);
                place[axis] = static_cast<int64_t>(half_ + (axis == 0 && side != 0 ? side : high ? 1 : -1) * offset);
                const double from_plane = std::abs(static_cast<double>(place[axis]) + 0.5 - half_);
                in_one_octant = in_one_octant && from_plane >= lesion_radii_[axis] + 0.5 + static_cast<double>(gap);
                from_middle[axis] = from_plane;
                room[axis] = body_radii_[axis] - lesion_radii_[axis];
            }
            if ((gap == 0 || in_one_octant) && ellipsoid(from_middle, {0, 0, 0}, room) < 1) return place;
        }
        throw core::InternalError("a phantom's body has no place for a lesion");
    }

    void paint(const Index3& centre, const Double3& radii, Part part) {
        Index3 low{}, high{};
        for (size_t axis = 0; axis < 3; ++axis) {
            low[axis] = std::max<int64_t>(0, centre[axis] - static_cast<int64_t>(radii[axis]));
            high[axis] = std::min(edge_ - 1, centre[axis] + static_cast<int64_t>(radii[axis]));
        }
        for (int64_t k = low[2]; k <= high[2]; ++k)
            for (int64_t j = low[1]; j <= high[1]; ++j)
                for (int64_t i = low[0]; i <= high[0]; ++i) {
                    const Double3 off{static_cast<double>(i - centre[0]), static_cast<double>(j - centre[1]),
                                      static_cast<double>(k - centre[2])};
                    if (ellipsoid(off, {0, 0, 0}, radii) < 1) set(i, j, k, part);
                }
    }

    /// Two voxels wide and high, through half of the body along one axis.
    void paint_rod() {
        const Index3 start = draw_place(others_, 0, 0);
        const auto along = static_cast<size_t>(others_.uniform(0, 3));
        const auto length = static_cast<int64_t>(half_ * others_.uniform(0.6, 1));
        for (int64_t step = 0; step < length; ++step) {
            for (int64_t a = 0; a < 2; ++a) {
                for (int64_t b = 0; b < 2; ++b) {
                    Index3 at = start;
                    at[along] += step - length / 2;
                    at[(along + 1) % 3] += a;
                    at[(along + 2) % 3] += b;
                    if (std::ranges::all_of(at, [&](int64_t v) { return v >= 0 && v < edge_; }) && in_body(at))
                        set(at[0], at[1], at[2], Part::rod);
                }
            }
        }
    }
    bool in_body(const Index3& at) const { return parts_[index(at[0], at[1], at[2])] != Part::nothing; }
    size_t index(int64_t i, int64_t j, int64_t k) const { return static_cast<size_t>((k * edge_ + j) * edge_ + i); }
    void set(int64_t i, int64_t j, int64_t k, Part part) { parts_[index(i, j, k)] = part; }

    int64_t edge_;
    double half_;
    PhantomNumbers body_, lesions_, others_;
    std::vector<Part> parts_;
    Double3 body_radii_{}, lesion_radii_{};
};

double hounsfield(Part part) {
    switch (part) {
        case Part::nothing: return air;
        case Part::dark: return tissue - contrast;
        case Part::rod:
        case Part::lesion: return tissue + contrast;
        default: return tissue;
    }
}

NiftiImage empty_volume(int64_t edge, VoxelType type) {
    NiftiImage volume;
    volume.size = {edge, edge, edge};
    volume.type = type;
    volume.geometry = geometry_from_affine(phantom_affine(edge, box_mm / static_cast<double>(edge)));
    volume.description = "phantom";
    volume.voxels.resize(static_cast<size_t>(edge * edge * edge) * voxel_bytes(type));
    return volume;
}

}  // namespace

PromptedPhantom make_prompted_phantom(uint64_t seed, uint32_t case_number, int64_t edge) {
    core::check(edge >= 32 && edge <= 512, core::concat("a prompted phantom of ", edge, " voxels an edge"));
    const ops::RandomKey key{.seed = seed, .position = case_number};
    Figure figure(key, edge);
    const SmoothField shade(figure.numbers(), 1.5);
    PromptedPhantom phantom{empty_volume(edge, VoxelType::int16), empty_volume(edge, VoxelType::uint8)};
    for (size_t at = 0; at < figure.parts().size(); ++at) {
        const Part part = figure.parts()[at];
        const auto voxel = static_cast<int64_t>(at);
        const Double3 p{phantom_coordinate(voxel % edge, edge), phantom_coordinate(voxel / edge % edge, edge),
                        phantom_coordinate(voxel / (edge * edge), edge)};
        double value = hounsfield(part) + voxel_noise * phantom_noise(key, PhantomPart::prompted_noise, at)[0];
        if (part != Part::nothing) value += smooth_noise * shade.at(p);
        const auto stored = static_cast<int16_t>(std::clamp(std::lround(value), -1024L, 3071L));
        std::memcpy(phantom.image.voxels.data() + at * sizeof stored, &stored, sizeof stored);
        phantom.label.voxels[at] = static_cast<std::byte>(part == Part::lesion ? 1 : 0);
    }
    return phantom;
}

void write_prompted_phantom(const std::filesystem::path& folder, uint32_t case_number, int64_t edge, uint64_t seed) {
    std::array<char, 32> id{};
    std::snprintf(id.data(), id.size(), "prompted_%04u", case_number);
    const auto place = folder / id.data();
    std::error_code failed;
    std::filesystem::create_directories(place, failed);
    if (failed) throw core::WriteError(core::concat(place.string(), ": cannot be created: ", failed.message()));
    const auto phantom = make_prompted_phantom(seed, case_number, edge);
    write_nifti(place / "ct.nii.gz", phantom.image);
    write_nifti(place / "label.nii.gz", phantom.label);
}

}  // namespace vox::data
