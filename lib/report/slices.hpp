#pragma once
// Preview pictures: slices of a case through one point, panel beside panel (inputs, truth, prediction).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/geometry.hpp"
#include "report/png.hpp"

namespace vox::report {

/// One column of a preview: a grey volume and, where given, a label map painted over it.
struct Panel {
    std::string title;                  // "FLAIR", "truth", "prediction"
    std::span<const float> grey;        // [D,H,W]; shown from its 1st to its 99.5th percentile over non-zero voxels
    std::span<const uint8_t> labels;    // [D,H,W] or empty; 0 is not painted
};

struct Preview {
    core::Index3 size{0, 0, 0};               // D,H,W: superior, anterior, right
    core::Double3 spacing_mm{1.0, 1.0, 1.0};  // along D,H,W; pixels are shown square
    std::vector<Panel> panels;                // left to right
    std::vector<std::string> label_names;     // of label 1, 2, ...; for the legend
    std::optional<core::Index3> centre;       // the voxel that the slices go through; none: the middle of the volume
};

/// Rows: axial, coronal, sagittal; columns: the panels.  Shown as a radiologist looks: the patient's right on the left, front
/// (axial) or top (others) upwards, front on the left in the sagittal row.  Titles and legend are texts of the picture
/// ("panels", "legend").  Throws InternalError where a span does not fit the size.  Any thread.
Image draw_preview(const Preview& preview);

/// The axial row of it alone.
Image draw_axial(const Preview& preview);

/// Pictures of the same width and channels one below the other, with the gap that is between panels; the texts of the first.
/// Throws InternalError for none, or for different widths or channels.
Image stack(std::span<const Image> pictures);

/// In each direction the slice with the most labelled voxels; the middle where there is none.  labels [D,H,W].
core::Index3 most_labelled_slices(std::span<const uint8_t> labels, const core::Index3& size);

/// The colour of a label as "#rrggbb"; the same in every picture and in the report's legend.
std::string label_colour(int label);

}  // namespace vox::report
