#pragma once
// The best that one voxel's intensities can tell: the yardstick beside which a network's Dice means something.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/label_scheme.hpp"

namespace vox::tools {

/// The voxels of one case that belong to the body: intensities z-scored over each channel's non-zero voxels, and labels.  Where
/// there are fewer than four channels the others are 0.
struct VoxelTable {
    std::string id;
    std::vector<std::array<float, 4>> intensities;
    std::vector<int> labels;
};

/// Every case folder (ID/ID_t1.nii.gz, _t1ce, _t2, _flair, _seg) in `folder`, sorted by name.  Throws DataError.
std::vector<VoxelTable> read_brats_folder(const std::filesystem::path& folder);
/// The labelled cases of one split of a folder of shards, of at most four channels.  Throws DataError, also where there is none.
std::vector<VoxelTable> read_shards(const std::filesystem::path& folder, const std::string& split);

/// For every region the posterior in a four-dimensional histogram (quantile bins along each axis, smoothed), and the threshold
/// on it that gives the largest Dice over all training voxels.
class VoxelwiseClassifier {
public:
    VoxelwiseClassifier(const std::vector<VoxelTable>& training, const data::LabelScheme& scheme);
    /// Dice of each region on one case; 1 where neither truth nor prediction has a voxel.
    std::vector<double> dice(const VoxelTable& table) const;

private:
    static constexpr size_t bins_ = 16;
    size_t bin_of(const std::array<float, 4>& intensities) const;
    void fit_region(const std::vector<VoxelTable>& training, const data::Region& region,
                    const std::vector<double>& counts);

    std::array<std::vector<float>, 4> edges_;
    std::vector<data::Region> regions_;
    std::vector<std::vector<bool>> inside_;  // per region and bin: does a voxel there count as inside?
};

}  // namespace vox::tools
