#include "data/phantom_prostate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <numbers>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/phantom_shapes.hpp"
#include "ops/resample.hpp"

namespace vox::data {
namespace {

using core::Double3;
using ops::VoxelGrid;

enum class Matter : uint8_t { fat, muscle, capsule, transition, nodule, peripheral, haemorrhage, lesion, node };

// Contrasts in units of `contrast_unit`, one row a Matter: t2, adc, dwi.  Equal rows are equal on purpose.
constexpr std::array<std::array<double, 3>, 9> contrasts{{
    {0.6, 0.6, -0.2},   // fat
    {-0.1, 0.1, 0.0},   // muscle
    {-0.7, 0.1, 0.0},   // capsule
    {-0.1, 0.1, 0.0},   // transition
    {0.9, 0.7, -0.2},   // nodule
    {0.9, 0.7, -0.2},   // peripheral
    {-0.7, 0.5, -0.1},  // haemorrhage
    {-0.7, -0.9, 1.0},  // lesion
    {-0.7, -0.9, 1.0},  // node
}};
constexpr std::array<double, 3> levels{400, 1200, 300};
constexpr double contrast_unit = 0.25, noise_units = 0.6;  // of the level
constexpr double capsule_mm = 1.2;
constexpr Double3 t2_spacing_mm{0.5, 0.5, 3.0}, adc_spacing_mm{1.4, 1.4, 3.6};

struct Ball {
    Double3 centre;
    double radius;
    bool holds(const Double3& p) const { return ellipsoid(p, centre, {radius, radius, radius}) < 1; }
};

ops::RandomKey key_of(uint64_t seed, uint32_t case_number) { return {.seed = seed, .position = case_number}; }

bool tumour_in(const ops::RandomKey& key) {
    PhantomNumbers numbers(key, PhantomPart::lesion);
    return numbers.uniform(0, 1) < 0.8;
}

/// The gland and its surroundings; places are -1 to 1 over T2's box, x to the right, y to the front, z up.
class Pelvis {
public:
    Pelvis(const ops::RandomKey& key, double half_mm)
        : gland_(key, PhantomPart::gland),
          zones_(key, PhantomPart::zones),
          outline_(gland_, 1.5),
          border_(zones_, 2.0),
          nodules_(zones_, 4.0),
          walls_(gland_, 1.0) {
        for (size_t axis = 0; axis < 3; ++axis) {
            radii_[axis] = gland_.uniform(0.92, 1.08) * mean_radii[axis];
            inner_[axis] = radii_[axis] * zones_.uniform(0.62, 0.74);
        }
        capsule_ = capsule_mm / (mean_radii[1] * half_mm);
        inner_centre_ = {0, 0.3 * radii_[1], 0.05};
        PhantomNumbers lesion(key, PhantomPart::lesion), others(key, PhantomPart::lookalikes);
        lesion.uniform(0, 1);  // the number that decides whether there is one
        lesion_ = {in_peripheral_zone(lesion), lesion.uniform(0.15, 0.21)};
        if (!tumour_in(key)) lesion_.radius = 0;
        for (Ball& one : haemorrhages_) one = {in_peripheral_zone(others), others.uniform(0.10, 0.15)};
        for (Ball& one : nodes_) {
            const double side = others.uniform(0, 1) < 0.5 ? -1 : 1;
            one = {{side * others.uniform(0.72, 0.9), others.uniform(-0.7, 0.7), others.uniform(-0.6, 0.6)},
                   others.uniform(0.12, 0.18)};
        }
    }

    /// 0 outside, 1 transition, 2 peripheral zone.  `wider` draws the gland larger by this share.
    int zone(const Double3& p, double wider = 0) const {
        if (depth(p) > 1 + wider) return 0;
        return ellipsoid(p, inner_centre_, inner_) * (1 + 0.06 * border_.at(p)) < 1 ? 1 : 2;
    }
    bool tumour(const Double3& p, double wider = 0) const {
        return lesion_.radius > 0 && zone(p) != 0 && Ball{lesion_.centre, lesion_.radius * (1 + wider)}.holds(p);
    }
    Matter at(const Double3& p) const {
        const int here = zone(p);
        if (here != 0 && tumour(p)) return Matter::lesion;
        if (here == 1) return nodules_.at(p) > 0.9 ? Matter::nodule : Matter::transition;
        const auto in = [&](const Ball& ball) { return ball.holds(p); };
        if (here == 2) return std::ranges::any_of(haemorrhages_, in) ? Matter::haemorrhage : Matter::peripheral;
        if (depth(p) < 1 + capsule_) return Matter::capsule;  // or nothing would show where the gland ends
        if (std::ranges::any_of(nodes_, in)) return Matter::node;
        return std::abs(p[0]) + 0.08 * walls_.at(p) > 0.75 || walls_.at(p) > 1.2 ? Matter::muscle : Matter::fat;
    }

private:
    /// 1 on the gland's surface, less inside.
    double depth(const Double3& p) const { return ellipsoid(p, {0, 0, 0}, radii_) * (1 + 0.04 * outline_.at(p)); }
    /// Behind and beside the transition zone.
    Double3 in_peripheral_zone(PhantomNumbers& numbers) const {
        const double angle = std::numbers::pi * numbers.uniform(1.1, 1.9), out = 0.78;
        return {out * radii_[0] * std::cos(angle), out * radii_[1] * std::sin(angle), numbers.uniform(-0.25, 0.25)};
    }

    static constexpr Double3 mean_radii{0.58, 0.46, 0.66};
    PhantomNumbers gland_, zones_;
    SmoothField outline_, border_, nodules_, walls_;
    double capsule_ = 0;
    Double3 radii_{}, inner_{}, inner_centre_{};
    Ball lesion_{};
    std::array<Ball, 2> haemorrhages_{};
    std::array<Ball, 3> nodes_{};
};

/// LPS axes tilted around x, the box's centre at 0 mm plus `shift_mm` along the axes.
VoxelGrid tilted_grid(const core::Index3& size, const Double3& spacing_mm, double tilt, const Double3& shift_mm) {
    const double c = std::cos(tilt), s = std::sin(tilt);
    const std::array<Double3, 3> directions{{{-1, 0, 0}, {0, -c, -s}, {0, -s, c}}};
    VoxelGrid grid{size, {}};
    grid.affine[3] = {0, 0, 0, 1};
    for (size_t axis = 0; axis < 3; ++axis) {
        const double start = shift_mm[axis] - 0.5 * spacing_mm[axis] * static_cast<double>(size[axis] - 1);
        for (size_t row = 0; row < 3; ++row) {
            grid.affine[row][axis] = spacing_mm[axis] * directions[axis][row];
            grid.affine[row][3] += start * directions[axis][row];
        }
    }
    return grid;
}

/// voxel(place, index) at every voxel of the grid.  Places are taken in the tilted frame: the gland lies straight in its slices.
template <class Voxel, class Value>
NiftiImage painted(const VoxelGrid& grid, double tilt, double half_mm, VoxelType type, Value&& value) {
    NiftiImage image;
    image.size = grid.size;
    image.type = type;
    image.geometry = geometry_from_affine(grid.affine);
    image.description = "phantom";
    image.voxels.resize(static_cast<size_t>(image.voxel_count()) * sizeof(Voxel));
    const double c = std::cos(tilt), s = std::sin(tilt);
    const auto& m = grid.affine;
    size_t at = 0;
    for (int64_t k = 0; k < grid.size[2]; ++k)
        for (int64_t j = 0; j < grid.size[1]; ++j)
            for (int64_t i = 0; i < grid.size[0]; ++i) {
                Double3 mm{};
                for (size_t row = 0; row < 3; ++row) {
                    mm[row] = m[row][0] * static_cast<double>(i) + m[row][1] * static_cast<double>(j) +
                              m[row][2] * static_cast<double>(k) + m[row][3];
                }
                const Double3 p{mm[0] / half_mm, (c * mm[1] + s * mm[2]) / half_mm, (-s * mm[1] + c * mm[2]) / half_mm};
                const auto voxel = static_cast<Voxel>(value(p, at));
                std::memcpy(image.voxels.data() + at++ * sizeof(Voxel), &voxel, sizeof(Voxel));
            }
    return image;
}

std::string id_of(uint32_t case_number) {
    std::array<char, 16> id{};
    std::snprintf(id.data(), id.size(), "%03u", case_number);
    return id.data();
}

/// How many cases are for the test, and as many for validation.
uint32_t held_out(uint32_t cases) { return cases < 3 ? 0 : std::max(1U, cases * 15 / 100); }

}  // namespace

PhantomProstate make_prostate_phantom(uint64_t seed, uint32_t case_number, int64_t edge) {
    core::check(edge >= 48 && edge <= 512, core::concat("a prostate phantom of ", edge, " voxels an edge"));
    const auto key = key_of(seed, case_number);
    PhantomNumbers tilts(key, PhantomPart::tilt), biases(key, PhantomPart::bias);
    const double tilt = tilts.uniform(-0.25, 0.25), box_mm = t2_spacing_mm[0] * static_cast<double>(edge);
    const Pelvis pelvis(key, box_mm / 2);
    const std::array<PhantomScanner, 3> scanners{PhantomScanner(biases), PhantomScanner(biases),
                                                 PhantomScanner(biases)};
    const auto voxels = [](double mm, double spacing) { return std::lround(mm / spacing); };
    const VoxelGrid t2 = tilted_grid({edge, edge, voxels(box_mm, t2_spacing_mm[2])}, t2_spacing_mm, tilt, {});
    const double larger = 1.15 * box_mm;
    const core::Index3 adc_size{voxels(larger, adc_spacing_mm[0]), voxels(larger, adc_spacing_mm[1]),
                                voxels(larger, adc_spacing_mm[2])};
    const VoxelGrid adc =
        tilted_grid(adc_size, adc_spacing_mm, tilt, {tilts.uniform(-1, 1), tilts.uniform(-1, 1), tilts.uniform(-1, 1)});
    const auto image = [&](const VoxelGrid& grid, size_t channel, PhantomPart noise) {
        return painted<int16_t>(grid, tilt, box_mm / 2, VoxelType::int16, [&](const Double3& p, size_t at) {
            const double contrast = contrasts[static_cast<size_t>(pelvis.at(p))][channel];
            const double value = 1 + contrast_unit * (contrast + noise_units * phantom_noise(key, noise, at)[0]);
            return std::clamp(std::lround(levels[channel] * scanners[channel].at(p) * value), 1L, 32767L);
        });
    };
    const auto label = [&](const VoxelGrid& grid, auto&& value) {
        return painted<uint8_t>(grid, tilt, box_mm / 2, VoxelType::uint8,
                                [&](const Double3& p, size_t) { return static_cast<uint8_t>(value(p)); });
    };
    constexpr double wider = 0.05;  // of reader 2
    return {image(t2, 0, PhantomPart::t2_noise),
            image(adc, 1, PhantomPart::adc_noise),
            image(adc, 2, PhantomPart::dwi_noise),
            label(t2, [&](const Double3& p) { return pelvis.zone(p); }),
            label(t2, [&](const Double3& p) { return pelvis.tumour(p); }),
            label(adc, [&](const Double3& p) { return pelvis.tumour(p); }),
            label(t2, [&](const Double3& p) { return pelvis.zone(p, wider); }),
            label(adc, [&](const Double3& p) { return pelvis.tumour(p, wider); }),
            tumour_in(key)};
}

void write_prostate158_phantom(const std::filesystem::path& folder, uint32_t case_number, uint32_t cases, int64_t edge,
                               uint64_t seed) {
    const auto place = folder / id_of(case_number);
    std::error_code failed;
    std::filesystem::create_directories(place, failed);
    if (failed) throw core::WriteError(core::concat(place.string(), ": cannot be created: ", failed.message()));
    auto phantom = make_prostate_phantom(seed, case_number, edge);
    const bool second_reader = case_number > cases - held_out(cases);
    write_nifti(place / "t2.nii.gz", phantom.t2);
    write_nifti(place / "adc.nii.gz", phantom.adc);
    write_nifti(place / "dwi.nii.gz", phantom.dwi);
    write_nifti(place / "t2_anatomy_reader1.nii.gz", phantom.zones);
    if (second_reader) write_nifti(place / "t2_anatomy_reader2.nii.gz", phantom.second_zones);
    if (!phantom.has_tumour) return write_nifti(place / "empty.nii.gz", phantom.t2_tumour);
    write_nifti(place / "t2_tumor_reader1.nii.gz", phantom.t2_tumour);
    write_nifti(place / "adc_tumor_reader1.nii.gz", phantom.adc_tumour);
    if (second_reader) write_nifti(place / "adc_tumor_reader2.nii.gz", phantom.second_adc_tumour);
}

void write_prostate158_tables(const std::filesystem::path& folder, uint32_t cases, uint64_t seed) {
    const uint32_t held = held_out(cases), first_test = cases - held + 1, first_valid = first_test - held;
    const std::array<std::tuple<const char*, uint32_t, uint32_t>, 3> tables{
        {{"train.csv", 1, first_valid}, {"valid.csv", first_valid, first_test}, {"test.csv", first_test, cases + 1}}};
    for (const auto& [name, first, end] : tables) {
        std::ofstream out(folder / name);
        out << "ID,t2,adc,dwi,t2_anatomy_reader1,t2_tumor_reader1,adc_tumor_reader1,t2_anatomy_reader2,adc_tumor_"
               "reader2\n";
        for (uint32_t number = first; number < end; ++number) {
            const std::string id = id_of(number);
            const bool tumour = tumour_in(key_of(seed, number)), second = number >= first_test;
            const auto cell = [&](const char* file) { return core::concat(',', id, '/', file, ".nii.gz"); };
            out << id << cell("t2") << cell("adc") << cell("dwi") << cell("t2_anatomy_reader1")
                << cell(tumour ? "t2_tumor_reader1" : "empty") << cell(tumour ? "adc_tumor_reader1" : "empty")
                << (second ? cell("t2_anatomy_reader2") : ",")
                << (second ? cell(tumour ? "adc_tumor_reader2" : "empty") : ",") << '\n';
        }
        if (!out.flush()) throw core::WriteError(core::concat((folder / name).string(), ": cannot be written"));
    }
}

}  // namespace vox::data
