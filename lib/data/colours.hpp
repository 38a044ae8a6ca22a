#pragma once
// Pictures in colour or grey, .png by libpng and .jpg by libjpeg-turbo: the images of two-dimensional data sets, and their masks.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/case_data.hpp"

namespace vox::data {

struct Colours {
    int64_t height = 0, width = 0;
    int64_t channels = 0;  // 3: red, green, blue; 1: grey
    std::vector<uint8_t> samples;  // [h,w,c], row 0 at the top
};

/// Whether its name ends in .png, .jpg or .jpeg, in any case of letters.
bool is_picture(const std::filesystem::path& file);

/// The samples as stored, whatever gamma or profile the file names; palettes as colours, fewer than 8 bits widened to 0 .. 255.
/// What the file is, its first bytes say, not its name.  Throws DataError, with the file's name, for 16 bits a sample, four colours
/// (CMYK), transparent pixels, an EXIF orientation that is not upright, files that are damaged, cut short or over 8192 pixels
/// wide or high.
Colours read_colours(const std::filesystem::path& file);

/// Whether the file's header says that it has one channel; its pixels are not read.  Throws DataError as `read_colours`.
bool is_grey_picture(const std::filesystem::path& file);

/// Names of the channels of a data set of pictures: {"grey"}, or {"red", "green", "blue"}.
std::vector<std::string> colour_channels(bool grey);

/// The picture as `channels` uint8 volumes, 1 or 3, of which build_case makes a case [C,1,H,W] whose row 0 is the top and whose
/// pixels are 1 mm: i and j of a volume are column and row.  A grey picture has three equal colours.  `read_channels` calls it.
/// Throws DataError as `read_colours`, and where one channel is wanted of a coloured picture.
std::vector<NiftiImage> read_picture_volumes(const std::filesystem::path& file, int64_t channels);

/// A case of one picture, for `read_channels`; `channels` as `colour_channels` has them.  `infer` makes its cases by it.
CaseFiles picture_case(std::string id, const std::filesystem::path& file, const std::vector<std::string>& channels);

/// On the grid of a picture, one voxel a pixel.
NiftiImage picture_volume(const Colours& picture, std::vector<std::byte> voxels);

}  // namespace vox::data
