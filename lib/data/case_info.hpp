#pragma once
// What is known about a case without reading its voxels.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/geometry.hpp"
#include "data/case_prompts.hpp"
#include "data/nifti.hpp"
#include "data/voxel_type.hpp"
#include "ops/view.hpp"

namespace vox::data {

/// Intensity figures of one channel over its non-zero voxels, after slope and intercept (float64 sums).
struct ChannelStatistics {
    double mean = 0,
           standard_deviation = 0;  // population standard deviation (divided by n), as MONAI's NormalizeIntensity
    double minimum = 0, maximum = 0;
    double p01 = 0, p99 = 0;  // percentiles, linear interpolation as numpy's default
    int64_t voxels = 0;
};

/// One source file of a case, for the way back to NIfTI.
struct SourceVolume {
    std::string channel;      // "t1", "flair", ...; "label" for the label
    core::Index3 size{};      // i, j, k of the file
    VoxelType type = VoxelType::int16;
    double scl_slope = 1.0, scl_inter = 0.0;
    NiftiGeometry geometry;
};

/// How files on several grids come to one: what the converter did, and what `infer` does with files that come later.
struct CommonGrid {
    std::string reference;       // the channel onto whose grid the others come first; empty: nothing is resampled
    core::Double3 spacing_mm{};  // D,H,W of the stored grid; 0: as the reference has it
    bool operator==(const CommonGrid&) const = default;
};

/// Radiographs of a case: float32 [V,h,w], the same names, size and unit in every case of a data set that has them.
struct ViewSet {
    std::vector<std::string> names;  // "ap", "lateral" (ops/view.hpp says how they lie); empty: there are none
    std::array<int64_t, 2> size{0, 0};  // h, w
    std::string unit;  // "attenuation": line integrals; "none": grey values, 0 .. 1 of the file's range
    bool empty() const { return names.empty(); }
    int64_t pixels() const { return static_cast<int64_t>(names.size()) * size[0] * size[1]; }
    bool operator==(const ViewSet&) const = default;
};

/// What its names mean, in their order.  Throws DataError for an unknown one.
std::vector<ops::View> kinds_of(const ViewSet& views);
/// "2 of 512x512 (ap, lateral, attenuation)", "none", for messages.
std::string describe(const ViewSet& views);
/// Throws DataError unless names are different ones that are known, at most `format::kMaxViews`, sizes within the format's limits
/// and the unit known; no names go with no size and no unit.
void check_views(const ViewSet& views);

struct CaseInfo {
    std::string id;
    std::array<int64_t, 4> shape{};  // C, D, H, W of the image in the shard (RAS)
    VoxelType type = VoxelType::int16;
    bool has_label = false;
    core::Affine affine{};  // (i,j,k) of the RAS grid to mm
    core::Double3 spacing_mm{};  // D, H, W
    std::string reference;  // resampled cases: the channel whose file's grid results go to
    std::vector<SourceVolume> sources;  // one a channel, in channel order, as the files were
    SourceVolume label_source;  // where has_label
    std::vector<ChannelStatistics> statistics;  // one a channel
    core::Box foreground_box;  // smallest box around the voxels where any channel is not 0
    std::map<int, int64_t> label_voxels;  // label value -> number of voxels, 0 excluded
    ViewSet views;
    std::map<std::string, std::string> columns;  // clinical columns, as text
    CasePrompts prompts;  // what may be asked of it
    std::string split;  // "train", "val", "test"; empty: it is left out
    core::Index3 size() const { return {shape[1], shape[2], shape[3]}; }
    int64_t channels() const { return shape[0]; }
};

/// Throws DataError unless `id` can be a case's name: 1 to 200 bytes, no slash, no control character, no leading dot.
void check_case_id(const std::string& id);

}  // namespace vox::data
