#pragma once
// People that never were, with a lesion whose volume decides, with their age, how long they live.

#include <cstdint>
#include <filesystem>
#include <string>

#include "data/nifti.hpp"

namespace vox::data {

/// What is known of one of them; all drawn independently of the others and of each other, but for what the hazard ties together.
struct SurvivalPerson {
    double age = 0;  // years, normal of mean 62 and deviation 10, to a tenth
    bool female = false;  // tells nothing
    double log_volume = 0;  // natural logarithm of the lesion's ml, uniform over a factor of 20
    double z_age = 0, z_volume = 0;  // age and log_volume less their distributions' means, by their deviations
    double log_hazard = 0;  // 1.0 z_volume + 0.7 z_age: the hazard is 0.21 exp(log_hazard) a year, constant in time
    double time = 0;  // years until the event or until they were last seen, to four digits and never 0
    bool event =
        false;  // false: censored, for 35 % of them: by the study's end 5 to 11 years after they came, or lost before
};

/// A pure function of seed and case number.
SurvivalPerson make_survival_person(uint64_t seed, uint32_t case_number);

/// How many voxels their lesion has at `edge` voxels along each axis of a box of 192 mm: log_volume rounded to whole voxels, at
/// least 30.
int64_t survival_lesion_voxels(const SurvivalPerson& person, int64_t edge);

/// int16 HU, LPS, `edge` voxels along each axis: an ellipsoid of soft tissue in air, another for everybody, a bright lesion in it
/// that holds exactly survival_lesion_voxels, noise that is smooth and noise of single voxels.  Size and brightness of the body tell
/// nothing of the lesion.  `edge`: 24 to 512 voxels.
NiftiImage make_survival_phantom(uint64_t seed, uint32_t case_number, int64_t edge);

/// "survival_0001", counted from 1.
std::string survival_id(uint32_t case_number);

/// Writes one volume: folder/images/survival_0001.nii.gz.  Creates the folders.  Throws WriteError.
void write_survival_phantom(const std::filesystem::path& folder, uint32_t case_number, int64_t edge, uint64_t seed);

/// Writes table.csv (path, time, event, age, sex), which layout survival takes, and truth.csv (id, log_hazard, log_volume, z_volume,
/// z_age), which is for judging only, of cases 1 to `cases`.  Throws WriteError.
void write_survival_tables(const std::filesystem::path& folder, uint32_t cases, uint64_t seed);

}  // namespace vox::data
