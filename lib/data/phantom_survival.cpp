#include "data/phantom_survival.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <numbers>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/phantom_shapes.hpp"

namespace vox::data {
namespace {

using core::Double3;

constexpr double box_mm = 192;
constexpr double smallest_share = 30.0 / (24 * 24 * 24);  // of the box: 30 voxels at the coarsest size
constexpr double largest_to_smallest = 20;
constexpr double mean_age = 62, age_deviation = 10;
constexpr double hazard_per_year = 0.21, lost_per_year = 0.04;
constexpr double shortest_study_years = 5, longest_study_years = 11;

// Hounsfield units.
constexpr double air = -1000, tissue = 30, lesion = 150, smooth_noise = 10, voxel_noise = 8;

ops::RandomKey key_of(uint64_t seed, uint32_t case_number) { return {.seed = seed, .position = case_number}; }

double box_ml() { return box_mm * box_mm * box_mm / 1000; }

/// An exponential time of rate 1, never 0 or infinite.
double waiting_time(PhantomNumbers& numbers) { return -std::log(1 - numbers.uniform(0x1p-40, 1)); }

/// Where the body and its lesion lie; places are -1 to 1 over the box.
class Figure {
public:
    Figure(const ops::RandomKey& key, const SurvivalPerson& person)
        : body_(key, PhantomPart::person_body), lesion_(key, PhantomPart::person_lesion), shade_(body_, 1.5) {
        const double share = std::exp(person.log_volume) / box_ml();
        const double radius = std::cbrt(share * 6 / std::numbers::pi);  // of a ball, whose box has the volume 8
        const std::array<double, 2> stretch{lesion_.uniform(0.9, 1.12), lesion_.uniform(0.9, 1.12)};
        lesion_radii_ = {radius * stretch[0], radius * stretch[1], radius / (stretch[0] * stretch[1])};
        for (size_t axis = 0; axis < 3; ++axis) {
            body_radii_[axis] = body_.uniform(0.82, 0.95);
            // Inside of the body even where all three are at their ends, whatever the lesion's shape.
            const double reach = std::max(0.0, body_radii_[axis] - 1.3 * radius) / std::sqrt(3.0);
            centre_[axis] = reach * lesion_.uniform(-1, 1);
        }
    }
    bool in_body(const Double3& p) const { return ellipsoid(p, {0, 0, 0}, body_radii_) < 1; }
    /// The lesion's voxels are those where this is least.
    double from_lesion(const Double3& p) const { return ellipsoid(p, centre_, lesion_radii_); }
    double shade(const Double3& p) const { return shade_.at(p); }

private:
    PhantomNumbers body_, lesion_;
    SmoothField shade_;
    Double3 body_radii_{}, lesion_radii_{}, centre_{};
};

Double3 place_of(size_t at, int64_t edge) {
    const auto voxel = static_cast<int64_t>(at);
    return {phantom_coordinate(voxel % edge, edge), phantom_coordinate(voxel / edge % edge, edge),
            phantom_coordinate(voxel / (edge * edge), edge)};
}

/// The `count` voxels that are closest to the lesion's centre, as ellipsoids go: 1, and 0 elsewhere.
std::vector<uint8_t> lesion_voxels(const Figure& figure, int64_t count, int64_t edge) {
    std::vector<std::pair<double, size_t>> order(static_cast<size_t>(edge * edge * edge));
    for (size_t at = 0; at < order.size(); ++at) order[at] = {figure.from_lesion(place_of(at, edge)), at};
    std::nth_element(order.begin(), order.begin() + count, order.end());
    std::vector<uint8_t> inside(order.size());
    for (int64_t i = 0; i < count; ++i) inside[order[static_cast<size_t>(i)].second] = 1;
    return inside;
}

void write_table(const std::filesystem::path& file, const std::string& text) {
    std::ofstream out(file);
    out << text;
    if (!out.flush()) throw core::WriteError(core::concat(file.string(), ": cannot be written"));
}

std::string number(double value, int digits) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return text.data();
}

}  // namespace

SurvivalPerson make_survival_person(uint64_t seed, uint32_t case_number) {
    const auto key = key_of(seed, case_number);
    PhantomNumbers numbers(key, PhantomPart::person);
    SurvivalPerson person;
    const double span = std::log(largest_to_smallest), position = numbers.uniform(0, 1);
    person.log_volume = std::log(smallest_share * box_ml()) + span * position;
    person.z_volume = (position - 0.5) * std::sqrt(12.0);
    person.female = numbers.uniform(0, 1) < 0.5;
    person.age = std::round(10 * (mean_age + age_deviation * phantom_noise(key, PhantomPart::person_age, 0)[0])) / 10;
    person.z_age = (person.age - mean_age) / age_deviation;
    person.log_hazard = 1.0 * person.z_volume + 0.7 * person.z_age;
    const double until_event = waiting_time(numbers) / (hazard_per_year * std::exp(person.log_hazard));
    const double until_lost = waiting_time(numbers) / lost_per_year;
    const double until_end = numbers.uniform(shortest_study_years, longest_study_years);
    const double seen = std::min(until_lost, until_end);
    person.event = until_event <= seen;
    person.time = std::max(1e-4, std::round(1e4 * std::min(until_event, seen)) / 1e4);
    return person;
}

int64_t survival_lesion_voxels(const SurvivalPerson& person, int64_t edge) {
    const auto voxels = static_cast<double>(edge * edge * edge);
    return std::llround(std::exp(person.log_volume) / box_ml() * voxels);
}

NiftiImage make_survival_phantom(uint64_t seed, uint32_t case_number, int64_t edge) {
    core::check(edge >= 24 && edge <= 512, core::concat("a survival phantom of ", edge, " voxels an edge"));
    const auto key = key_of(seed, case_number);
    const auto person = make_survival_person(seed, case_number);
    const Figure figure(key, person);
    const auto in_lesion = lesion_voxels(figure, survival_lesion_voxels(person, edge), edge);
    NiftiImage image;
    image.size = {edge, edge, edge};
    image.type = VoxelType::int16;
    image.geometry = geometry_from_affine(phantom_affine(edge, box_mm / static_cast<double>(edge)));
    image.description = "phantom";
    std::vector<int16_t> voxels(in_lesion.size());
    for (size_t at = 0; at < voxels.size(); ++at) {
        const Double3 p = place_of(at, edge);
        double value = air;
        if (in_lesion[at] || figure.in_body(p))
            value = (in_lesion[at] ? lesion : tissue) + smooth_noise * figure.shade(p);
        value += voxel_noise * phantom_noise(key, PhantomPart::person_noise, at)[0];
        voxels[at] = static_cast<int16_t>(std::clamp(std::lround(value), -1024L, 3071L));
    }
    image.voxels.resize(voxels.size() * sizeof(int16_t));
    std::memcpy(image.voxels.data(), voxels.data(), image.voxels.size());
    return image;
}

std::string survival_id(uint32_t case_number) {
    std::array<char, 32> id{};
    std::snprintf(id.data(), id.size(), "survival_%04u", case_number);
    return id.data();
}

void write_survival_phantom(const std::filesystem::path& folder, uint32_t case_number, int64_t edge, uint64_t seed) {
    const auto place = folder / "images";
    std::error_code failed;
    std::filesystem::create_directories(place, failed);
    if (failed) throw core::WriteError(core::concat(place.string(), ": cannot be created: ", failed.message()));
    write_nifti(place / (survival_id(case_number) + ".nii.gz"), make_survival_phantom(seed, case_number, edge));
}

void write_survival_tables(const std::filesystem::path& folder, uint32_t cases, uint64_t seed) {
    std::string table = "path,time,event,age,sex\n", truth = "id,log_hazard,log_volume,z_volume,z_age\n";
    for (uint32_t i = 1; i <= cases; ++i) {
        const auto one = make_survival_person(seed, i);
        table += core::concat("images/", survival_id(i), ".nii.gz,", number(one.time, 4), ',', one.event ? 1 : 0, ',',
                              number(one.age, 1), ',', one.female ? 'F' : 'M', '\n');
        truth += core::concat(survival_id(i), ',', number(one.log_hazard, 6), ',', number(one.log_volume, 6), ',',
                              number(one.z_volume, 6), ',', number(one.z_age, 6), '\n');
    }
    write_table(folder / "table.csv", table);
    write_table(folder / "truth.csv", truth);
}

}  // namespace vox::data
