#pragma once
// A whole case in memory on its way into a shard.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "data/case_info.hpp"
#include "data/layouts.hpp"
#include "data/shard_reader.hpp"

namespace vox::data {

struct CaseData {
    CaseInfo info;
    std::vector<std::byte> image;  // [C,D,H,W] of info.type
    std::vector<uint8_t> label;    // [D,H,W]; empty where info.has_label is false
    std::vector<float> views;      // [V,h,w] of info.views; empty where there are none
    std::vector<ForegroundPositions> foreground;  // one a label value of info.label_voxels, in its order
    std::map<int, double> stored_labels;          // label value -> the voxel value of the source file (0 included)
    std::string fingerprint;                      // of the source files and of how they were converted
};

/// One channel of a case as it was read.
struct NamedVolume {
    std::string name;
    NiftiImage image;
};

/// The volumes of a case's channels, each file read once; `spacing_mm` D,H,W is that of .npy files.  Throws DataError as `read_nifti`,
/// and where a 4-D file holds another number of volumes than expected.
std::vector<NamedVolume> read_channels(const CaseFiles& files, const core::Double3& spacing_mm = {});

/// Brings the channels to RAS and to one lossless type, and measures what the shard records of a case.  `label` may be null.
/// `translation`: value in the file -> value in the shard; others stay.  Throws DataError, without the case's name, for grids
/// that do not match, types that have no common lossless type, and label values that are not whole numbers of 0 to 255
/// (within 1e-3).
CaseData build_case(std::string id, const std::vector<NamedVolume>& channels, const NiftiImage* label,
                    const std::map<int, int>& translation = {});

/// Channels and label onto the reference's grid, then to the spacing: images linear, as float32 after slope and intercept,
/// labels by the nearest voxel; what lies there already is not touched.  Where that is so of all, or without a reference, this
/// is build_case.  `sources` of a resampled case tell the files' own geometry.  Throws as build_case, and DataError where a
/// volume does not hold the centre of the reference.
CaseData build_resampled_case(std::string id, const std::vector<NamedVolume>& channels, const NiftiImage* label,
                              const CommonGrid& common, const std::map<int, int>& translation = {});

/// Fills info.label_voxels and foreground from `label`.
void count_labels(CaseData& data);

/// The image [C,D,H,W] as networks see it: every channel after its slope and intercept, as ShardReader::read_image gives it.
std::vector<float> image_values(const CaseData& data);

/// The values of a label file after slope and intercept, rounded where within 1e-3 of a whole number, in file order.
/// Throws DataError for another value, or one outside 0 to 255.
std::vector<uint8_t> label_values(const NiftiImage& label);

/// Voxels as another type.  Throws DataError where a value would change.
std::vector<std::byte> convert_voxels(std::span<const std::byte> voxels, VoxelType from, VoxelType to);

/// The shard type that holds every voxel of all channels unchanged.
VoxelType common_type(const std::vector<NamedVolume>& channels);

}  // namespace vox::data
