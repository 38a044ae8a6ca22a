#include "data/phantom_shapes.hpp"

#include <algorithm>
#include <numbers>

namespace vox::data {
namespace {

using core::Double3;
using ops::RandomKey;

constexpr double two_pi = 2 * std::numbers::pi;

double distance(const Double3& a, const Double3& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

Double3 direction(PhantomNumbers& numbers) {
    const double z = numbers.uniform(-1, 1), angle = numbers.uniform(0, two_pi), r = std::sqrt(1 - z * z);
    return {r * std::cos(angle), r * std::sin(angle), z};
}

/// Brain with white and grey matter, ventricles, and fluid in the folds of its surface.
class Anatomy {
public:
    Anatomy(const RandomKey& key, int64_t edge)
        : brain_(key, PhantomPart::brain),
          ventricles_(key, PhantomPart::ventricles),
          sulci_(key, PhantomPart::sulci),
          outline_(brain_, 1.5),
          cortex_(brain_, 3.0),
          horns_(ventricles_, 2.0),
          folds_(sulci_, 2.5),
          fold_width_(2.6 / static_cast<double>(edge)) {
        for (size_t axis = 0; axis < 3; ++axis) radii_[axis] = brain_.uniform(0.95, 1.05) * mean_radii[axis];
        gap_ = ventricles_.uniform(0.13, 0.18);
        width_ = ventricles_.uniform(0.08, 0.12);
    }

    Tissue at(const Double3& p) const {
        const double depth = ellipsoid(p, {0, 0, 0}, radii_) * (1 + 0.03 * outline_.at(p));
        if (depth > 1) return Tissue::outside;
        const double side = p[0] < 0 ? -gap_ : gap_;
        if (ellipsoid(p, {side, 0.02, 0.08}, {width_, 0.36, 0.18}) * (1 + 0.12 * horns_.at(p)) < 1)
            return Tissue::fluid;
        // A level set of a smooth field is a sheet; its slope of about pi * waves makes the sheet this many voxels thick.
        if (depth > 0.72 && std::abs(folds_.at(p)) < fold_width_ * 2.5 * std::numbers::pi) return Tissue::fluid;
        return depth * (1 + 0.06 * cortex_.at(p)) > 0.78 ? Tissue::grey : Tissue::white;
    }
    const Double3& radii() const { return radii_; }

private:
    static constexpr Double3 mean_radii{0.80, 0.92, 0.80};
    PhantomNumbers brain_, ventricles_, sulci_;
    SmoothField outline_, cortex_, horns_, folds_;
    Double3 radii_{};
    double fold_width_, gap_ = 0, width_ = 0;
};

/// A core with an enhancing rim, in the middle of its oedema.
class Tumour {
public:
    Tumour(const RandomKey& key, const Double3& brain_radii, int64_t edge)
        : numbers_(key, PhantomPart::tumour), core_shape_(numbers_, 2.5), oedema_shape_(numbers_, 2.0) {
        const Double3 toward = direction(numbers_);
        const double depth = numbers_.uniform(0.30, 0.50);
        for (size_t axis = 0; axis < 3; ++axis) centre_[axis] = depth * toward[axis] * brain_radii[axis];
        core_radius_ = numbers_.uniform(0.22, 0.30);
        oedema_radius_ = core_radius_ * numbers_.uniform(1.5, 1.9);
        rim_width_ = std::max(0.36 * core_radius_, 4.4 / static_cast<double>(edge));  // never thinner than 2.2 voxels
    }

    /// `under`: what the brain is there without a tumour.
    Tissue at(const Double3& p, Tissue under) const {
        const double r = distance(p, centre_);
        if (under == Tissue::outside || r > 2 * oedema_radius_) return under;
        const double core = r * (1 + 0.10 * core_shape_.at(p));
        if (core < core_radius_ - rim_width_) return Tissue::necrosis;
        if (core < core_radius_) return Tissue::rim;
        return r * (1 + 0.14 * oedema_shape_.at(p)) < oedema_radius_ ? Tissue::oedema : under;
    }

private:
    PhantomNumbers numbers_;
    SmoothField core_shape_, oedema_shape_;
    Double3 centre_{};
    double core_radius_ = 0, oedema_radius_ = 0, rim_width_ = 0;
};

/// Draws one bent tube through the brain, a bead at a time, where there is no tumour.
void add_vessel(std::vector<Tissue>& tissues, PhantomNumbers& numbers, int64_t edge) {
    const double half = static_cast<double>(edge) / 2;
    const Double3 start = direction(numbers), end = direction(numbers), bend = direction(numbers);
    const double radius = numbers.uniform(0.9, 1.4);
    const auto reach = static_cast<int64_t>(std::ceil(radius));
    for (int64_t bead = 0; bead <= 2 * edge; ++bead) {
        const double t = static_cast<double>(bead) / static_cast<double>(2 * edge);
        Double3 centre{};  // in voxels
        for (size_t a = 0; a < 3; ++a) {
            const double x = 0.85 * ((1 - t) * start[a] + t * end[a]) + 0.3 * std::sin(std::numbers::pi * t) * bend[a];
            centre[a] = (x + 1) * half - 0.5;
        }
        core::Index3 first{}, last{};
        for (size_t a = 0; a < 3; ++a) {
            first[a] = std::max<int64_t>(0, static_cast<int64_t>(std::floor(centre[a])) - reach);
            last[a] = std::min<int64_t>(edge - 1, static_cast<int64_t>(std::ceil(centre[a])) + reach);
        }
        for (int64_t k = first[2]; k <= last[2]; ++k)
            for (int64_t j = first[1]; j <= last[1]; ++j)
                for (int64_t i = first[0]; i <= last[0]; ++i) {
                    const Double3 voxel{static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)};
                    Tissue& tissue = tissues[static_cast<size_t>((k * edge + j) * edge + i)];
                    if (tissue != Tissue::outside && tissue < Tissue::oedema && distance(voxel, centre) < radius) {
                        tissue = Tissue::vessel;
                    }
                }
    }
}

}  // namespace

std::array<double, 4> phantom_noise(const RandomKey& key, PhantomPart part, size_t voxel) {
    const auto words =
        ops::random_words(key, ops::Purpose::phantom, static_cast<uint32_t>(part), static_cast<uint32_t>(voxel));
    std::array<double, 4> noise{};
    for (size_t pair = 0; pair < 4; pair += 2) {
        const double u = (words.v[pair] + 0.5) / 4294967296.0;  // never 0
        const double angle = two_pi * ops::unit_interval(words.v[pair + 1]);
        noise[pair] = std::sqrt(-2 * std::log(u)) * std::cos(angle);
        noise[pair + 1] = std::sqrt(-2 * std::log(u)) * std::sin(angle);
    }
    return noise;
}

double ellipsoid(const Double3& p, const Double3& centre, const Double3& radii) {
    return std::hypot((p[0] - centre[0]) / radii[0], (p[1] - centre[1]) / radii[1], (p[2] - centre[2]) / radii[2]);
}

core::Affine phantom_affine(int64_t edge, double spacing_mm) {
    const double half = 0.5 * spacing_mm * static_cast<double>(edge - 1);
    return {{{-spacing_mm, 0, 0, half}, {0, -spacing_mm, 0, half}, {0, 0, spacing_mm, -half}, {0, 0, 0, 1}}};
}

SmoothField::SmoothField(PhantomNumbers& numbers, double waves_across) {
    for (Wave& wave : waves_) {
        wave.direction = direction(numbers);
        for (double& part : wave.direction) part *= numbers.uniform(0.6, 1.2) * std::numbers::pi * waves_across;
        wave.phase = numbers.uniform(0, two_pi);
    }
}

double SmoothField::at(const core::Double3& p) const {
    double sum = 0;
    for (const Wave& wave : waves_) {
        sum += std::cos(wave.direction[0] * p[0] + wave.direction[1] * p[1] + wave.direction[2] * p[2] + wave.phase);
    }
    return sum * std::sqrt(2.0 / static_cast<double>(waves_.size()));
}

std::vector<Tissue> phantom_tissues(const ops::RandomKey& key, int64_t edge) {
    const Anatomy anatomy(key, edge);
    const Tumour tumour(key, anatomy.radii(), edge);
    std::vector<Tissue> tissues(static_cast<size_t>(edge * edge * edge));
    size_t at = 0;
    for (int64_t k = 0; k < edge; ++k)
        for (int64_t j = 0; j < edge; ++j)
            for (int64_t i = 0; i < edge; ++i) {
                const Double3 p{phantom_coordinate(i, edge), phantom_coordinate(j, edge), phantom_coordinate(k, edge)};
                tissues[at++] = tumour.at(p, anatomy.at(p));
            }
    PhantomNumbers numbers(key, PhantomPart::vessels);
    const int64_t vessels = 14 + static_cast<int64_t>(numbers.uniform(0, 8));
    for (int64_t n = 0; n < vessels; ++n) add_vessel(tissues, numbers, edge);
    return tissues;
}

}  // namespace vox::data
