#pragma once
// What phantoms are built of: random numbers by purpose, smooth fields, and the tissues' map.

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/geometry.hpp"
#include "ops/random_key.hpp"

namespace vox::data {

/// What a number of a phantom is for; stands in the random key's layer, so that no two uses share numbers.
enum class PhantomPart : uint32_t {
    brain,
    bias,
    ventricles,
    sulci,
    vessels,
    tumour,
    noise,
    gland,
    zones,
    lesion,
    lookalikes,
    tilt,
    t2_noise,
    adc_noise,
    dwi_noise,
    body,
    body_lesions,
    ct_noise,
    person,
    person_age,
    person_body,
    person_lesion,
    person_noise,
    prompted_body,
    prompted_lesions,
    prompted_distractors,
    prompted_noise
};

/// Four standard normal numbers of one voxel (Box and Muller, "A note on the generation of random normal deviates", 1958).
std::array<double, 4> phantom_noise(const ops::RandomKey& key, PhantomPart part, size_t voxel);
/// 1 on the surface of the ellipsoid, less inside.
double ellipsoid(const core::Double3& p, const core::Double3& centre, const core::Double3& radii);

/// The numbers of one part of one phantom, in order.
class PhantomNumbers {
public:
    PhantomNumbers(const ops::RandomKey& key, PhantomPart part) : key_(key), layer_(static_cast<uint32_t>(part)) {}
    double uniform(double low, double high) {
        return low + (high - low) * ops::random_uniform(key_, ops::Purpose::phantom, layer_, next_++);
    }

private:
    ops::RandomKey key_;
    uint32_t layer_;
    uint32_t next_ = 0;
};

/// A smooth random function of space with mean 0 and variance about 1: a sum of plane waves.
class SmoothField {
public:
    /// `waves_across`: about how many periods lie between -1 and 1.
    SmoothField(PhantomNumbers& numbers, double waves_across);
    double at(const core::Double3& p) const;

private:
    struct Wave {
        core::Double3 direction;
        double phase;
    };
    std::array<Wave, 6> waves_;
};

/// A scanner's gain and a smooth bias, another for every modality and case.
class PhantomScanner {
public:
    explicit PhantomScanner(PhantomNumbers& numbers) : gain_(numbers.uniform(0.7, 1.4)), bias_(numbers, 0.5) {}
    double at(const core::Double3& p) const { return gain_ * (1 + 0.02 * bias_.at(p)); }

private:
    double gain_;
    SmoothField bias_;
};

enum class Tissue : uint8_t { outside, white, grey, fluid, vessel, oedema, rim, necrosis };

/// One tissue a voxel, i fastest; coordinates of voxel centres run from -1 to 1 along each axis.
std::vector<Tissue> phantom_tissues(const ops::RandomKey& key, int64_t edge);

/// Voxels to mm of a cube of `edge` voxels an edge: LPS, the middle at 0 mm.
core::Affine phantom_affine(int64_t edge, double spacing_mm);

/// Coordinate of voxel `index` on an axis of `edge` voxels.
inline double phantom_coordinate(int64_t index, int64_t edge) {
    return (2.0 * static_cast<double>(index) + 1.0) / static_cast<double>(edge) - 1.0;
}

}  // namespace vox::data
