#include "data/phantom_body.hpp"

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

constexpr double box_mm = 384;

// Hounsfield units.
constexpr double air = -1000, skin = 20, fat = -95, muscle = 50, lung = -830, heart = 45, aorta = 55, cortex = 700,
                 marrow = 220, rib = 450, lesion = 35;
constexpr double noise_hu = 12;

struct Body {
    Double3 centre, radii;  // x to the right, y to the front, z up
    double depth(const Double3& p) const { return ellipsoid(p, centre, radii); }
    bool holds(const Double3& p) const { return depth(p) < 1; }
};

/// Where a cylinder along z is.
struct Column {
    double x, y, radius;
    double distance(const Double3& p) const { return std::hypot(p[0] - x, p[1] - y) / radius; }
};

/// The chest of one case; places are -1 to 1 over the box.
class Chest {
public:
    explicit Chest(const ops::RandomKey& key) {
        PhantomNumbers n(key, PhantomPart::body), lesions(key, PhantomPart::body_lesions);
        const double wide = n.uniform(0.72, 0.88), thick = n.uniform(0.48, 0.62);
        trunk_ = {{0, 0, -0.5}, {wide, thick, 1.7}};  // narrower towards the neck
        fat_ = n.uniform(0.06, 0.14);
        const double lung_height = n.uniform(0.5, 0.65), lung_place = n.uniform(-0.05, 0.1);
        for (const double side : {-1.0, 1.0}) {
            const Double3 centre{side * wide * n.uniform(0.46, 0.52), n.uniform(-0.04, 0.06), lung_place};
            lungs_[side < 0 ? 0 : 1] = {centre,
                                        {wide * n.uniform(0.32, 0.38), thick * n.uniform(0.62, 0.72), lung_height}};
        }
        const double heart_size = n.uniform(0.85, 1.15);
        heart_ = {{-wide * n.uniform(0.1, 0.2), thick * n.uniform(0.2, 0.35),
                   lung_place - lung_height * n.uniform(0.35, 0.5)},
                  {0.3 * heart_size, 0.26 * heart_size, 0.3 * heart_size}};
        spine_ = {n.uniform(-0.03, 0.03), -thick * n.uniform(0.6, 0.68), n.uniform(0.09, 0.12)};
        aorta_ = {spine_.x - n.uniform(0.1, 0.14), spine_.y + n.uniform(0.1, 0.14), n.uniform(0.045, 0.065)};
        rib_step_ = n.uniform(0.14, 0.17);
        rib_start_ = n.uniform(0, 1);
        place_lesions(lesions);
    }

    double hu(const Double3& p) const {
        const double depth = trunk_.depth(p);
        if (depth > 1) return air;
        if (depth > 0.97) return skin;
        if (spine_.distance(p) < 1) return spine_.distance(p) > 0.75 ? cortex : marrow;
        for (const Body& one : lesions_) {
            if (one.holds(p)) return lesion;
        }
        if (heart_.holds(p)) return heart;
        if (aorta_.distance(p) < 1) return aorta;
        if (lungs_[0].holds(p) || lungs_[1].holds(p)) return lung;
        if (depth > 1 - fat_) return fat;
        return in_rib(p, depth) ? rib : muscle;
    }

private:
    void place_lesions(PhantomNumbers& numbers) {
        const auto count = static_cast<int>(numbers.uniform(0, 4));
        for (int i = 0; i < count; ++i) {
            const Body& home = lungs_[numbers.uniform(0, 1) < 0.5 ? 0 : 1];
            Body one;
            const double size = numbers.uniform(0.05, 0.13);
            for (size_t axis = 0; axis < 3; ++axis) {
                one.centre[axis] = home.centre[axis] + home.radii[axis] * numbers.uniform(-0.55, 0.55);
                one.radii[axis] = size * numbers.uniform(0.8, 1.2);
            }
            lesions_.push_back(one);
        }
    }
    /// Rings around the chest inside of the fat, lower at the front than at the back.
    bool in_rib(const Double3& p, double depth) const {
        if (depth < 1 - fat_ - 0.12 || p[2] < lungs_[0].centre[2] - lungs_[0].radii[2]) return false;
        const double along = (p[2] + 0.25 * p[1]) / rib_step_ + rib_start_;
        return along - std::floor(along) < 0.45;
    }

    Body trunk_, heart_;
    std::array<Body, 2> lungs_;
    std::vector<Body> lesions_;
    Column spine_{}, aorta_{};
    double fat_ = 0, rib_step_ = 0, rib_start_ = 0;
};

}  // namespace

NiftiImage make_body_phantom(uint64_t seed, uint32_t case_number, int64_t edge) {
    core::check(edge >= 32 && edge <= 512, core::concat("a phantom of ", edge, " voxels an edge"));
    const ops::RandomKey key{.seed = seed, .position = case_number};
    const Chest chest(key);
    NiftiImage image;
    image.size = {edge, edge, edge};
    image.type = VoxelType::int16;
    image.geometry = geometry_from_affine(phantom_affine(edge, box_mm / static_cast<double>(edge)));
    image.description = "phantom";
    std::vector<int16_t> voxels(static_cast<size_t>(image.voxel_count()));
    for (size_t at = 0; at < voxels.size(); ++at) {
        const auto voxel = static_cast<int64_t>(at);
        // i runs to the left and j to the back (LPS).
        const Double3 p{-phantom_coordinate(voxel % edge, edge), -phantom_coordinate(voxel / edge % edge, edge),
                        phantom_coordinate(voxel / (edge * edge), edge)};
        const double value = chest.hu(p) + noise_hu * phantom_noise(key, PhantomPart::ct_noise, at)[0];
        voxels[at] = static_cast<int16_t>(std::clamp(std::lround(value), -1024L, 3071L));
    }
    image.voxels.resize(voxels.size() * sizeof(int16_t));
    std::memcpy(image.voxels.data(), voxels.data(), image.voxels.size());
    return image;
}

void write_body_phantom(const std::filesystem::path& folder, uint32_t case_number, int64_t edge, uint64_t seed) {
    std::array<char, 32> id{};
    std::snprintf(id.data(), id.size(), "body_%03u", case_number);
    const auto place = folder / id.data();
    std::error_code failed;
    std::filesystem::create_directories(place, failed);
    if (failed) throw core::WriteError(core::concat(place.string(), ": cannot be created: ", failed.message()));
    write_nifti(place / core::concat(id.data(), ".nii.gz"), make_body_phantom(seed, case_number, edge));
}

}  // namespace vox::data
