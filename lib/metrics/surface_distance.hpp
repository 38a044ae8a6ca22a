#pragma once
// Hausdorff and average surface distances of two masks, in mm.  Libraries give different meanings the same name; here
// each meaning has its own, and a table says which one it shows.

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/geometry.hpp"

namespace vox::metrics {

/// Which percentile of which distances.  At percentile 100 both are the same: the Hausdorff distance.  (A third one,
/// which weights by surface area as the package surface-distance does, is not here.)
enum class HausdorffDefinition {
    pooled,        // of both directions' distances together: medpy's hd95, nnU-Net's BraTS scripts
    max_directed,  // larger one of the directions' percentiles: MONAI's HausdorffDistanceMetric
};

/// Which mean.  The first two differ where the surfaces have different numbers of voxels.
enum class AverageDefinition {
    pooled,            // over both directions together: medpy's assd since 0.5, MONAI's symmetric=True
    mean_of_directed,  // half the sum of the directions' means: medpy's assd up to 0.4
    to_truth,          // prediction to truth only: medpy's asd, MONAI's default
};

/// What a distance is where a mask holds no voxel, so that there is none.  NaN means leave out: a structure that was
/// missed then costs nothing.
enum class EmptySurfaceRule {
    skip,      // NaN (nnU-Net's evaluation)
    infinite,  // one empty: infinity; both: NaN (MONAI, but its percentiles are NaN in both cases)
    diagonal,  // one empty: the diagonal of the volume; both: 0
    brats,     // one empty: 373.13 mm, the diagonal of BraTS's 240x240x155 mm; both: 0
};

/// For tables: "percentile of both directions together", ...
std::string_view describe(HausdorffDefinition definition);
std::string_view describe(AverageDefinition definition);
std::string_view describe(EmptySurfaceRule rule);
/// By the names of the enumerators, for configurations; ConfigError for another text.
HausdorffDefinition hausdorff_definition(const std::string& name);
AverageDefinition average_definition(const std::string& name);
EmptySurfaceRule empty_surface_rule(const std::string& name);

/// What all figures come from: how far each surface voxel of one mask is from the nearest one of the other; infinitely
/// far where that is empty.  A surface voxel of a mask has one of its six face neighbours outside of the mask or of the
/// volume (in medpy and MONAI by default too).
struct SurfaceDistances {
    std::vector<double> to_truth;  // mm, ascending: from the prediction's surface
    std::vector<double> to_prediction;  // mm, ascending: from the truth's surface
    double diagonal_mm = 0;  // of the volume, from corner to corner
};

/// Masks [D,H,W] of any type and device; a voxel is inside where it is not 0.  `spacing_mm` in D,H,W order.  Works on
/// the host, on the box around both masks, with some ten bytes per voxel of it.  Any rank, no communication.  Throws
/// InternalError where the shapes differ, or a spacing is not a positive number.
SurfaceDistances surface_distances(const at::Tensor& predicted, const at::Tensor& truth,
                                   const core::Double3& spacing_mm);

/// In mm; `percentile` in [0, 100], between two distances by linear interpolation (numpy's default): 95 for HD95.
double hausdorff_distance(const SurfaceDistances& distances, double percentile, HausdorffDefinition definition,
                          EmptySurfaceRule rule);

/// In mm.
double average_surface_distance(const SurfaceDistances& distances, AverageDefinition definition, EmptySurfaceRule rule);

}  // namespace vox::metrics
