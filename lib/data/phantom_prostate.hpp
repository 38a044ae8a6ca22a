#pragma once
// Prostates that were never anybody's: T2, ADC and DWI on grids of their own, zones and lesions, made from numbers alone.

#include <cstdint>
#include <filesystem>

#include "data/nifti.hpp"

namespace vox::data {

/// T2 is int16 of 0.5x0.5x3 mm, `edge` voxels along rows and columns; ADC and DWI (int16) are 1.4x1.4x3.6 mm on a somewhat larger
/// box.  All are LPS and tilted around the left-right axis, another angle in every case.  Labels are uint8.
struct PhantomProstate {
    NiftiImage t2, adc, dwi;
    NiftiImage zones;  // on T2: 1 transition zone, 2 peripheral zone
    NiftiImage t2_tumour, adc_tumour;  // 1 lesion, on each grid
    NiftiImage second_zones, second_adc_tumour;  // another reader, who draws a little wider
    bool has_tumour = false;  // four of five cases
};

/// A pure function of (seed, case number, voxel).  Made so that no voxel by itself tells the answer: noise as strong as the
/// contrasts; nodules in the transition zone look like the peripheral zone, fat nearly so, and muscle like the transition
/// zone; capsule and haemorrhage are as dark on T2 as a lesion; nodes outside the gland look like lesions on every image.
/// `edge`: 48 to 512 voxels.
PhantomProstate make_prostate_phantom(uint64_t seed, uint32_t case_number, int64_t edge);

/// Writes one case, counted from 1, as Prostate158 names it: folder/001/t2.nii.gz, adc, dwi, t2_anatomy_reader1, and where
/// there is a lesion t2_tumor_reader1 and adc_tumor_reader1, else empty.nii.gz; of test cases also those of reader 2.  Creates the
/// folders.  Throws WriteError.
void write_prostate158_phantom(const std::filesystem::path& folder, uint32_t case_number, uint32_t cases, int64_t edge,
                               uint64_t seed);
/// Writes train.csv, valid.csv and test.csv for cases 1 to `cases`: the last 15 % (rounded down, at least one of three or more) are
/// the test cases, as many before them the validation cases.  Throws WriteError.
void write_prostate158_tables(const std::filesystem::path& folder, uint32_t cases, uint64_t seed);

}  // namespace vox::data
