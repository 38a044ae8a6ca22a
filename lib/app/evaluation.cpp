#include "app/evaluation.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/geometry.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"
#include "data/nifti.hpp"
#include "infer/compose_labels.hpp"
#include "tasks/segmentation_figures.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// "generic" means one region for each value that any reference holds.
data::LabelScheme scheme_of(const std::string& name, const std::map<std::string, LabelPair>& pairs) {
    if (name != "generic") return data::label_scheme(name);
    std::set<int> values;
    for (const auto& [id, pair] : pairs) {
        core::count_progress();
        for (const uint8_t value : data::label_values(data::read_nifti(pair.reference))) values.insert(value);
    }
    return data::generic_scheme(values);
}

void check_same_grid(const data::NiftiImage& a, const data::NiftiImage& b, const std::string& id) {
    if (a.size != b.size)
        throw DataError(concat("case ", id, ": the prediction has ", core::join(a.size, "x"), " voxels, the reference ",
                               core::join(b.size, "x")));
    const auto left = a.affine(), right = b.affine();
    for (size_t row = 0; row < 3; ++row)
        for (size_t column = 0; column < 4; ++column)
            if (std::abs(left[row][column] - right[row][column]) > 1e-3)
                throw DataError(
                    concat("case ", id, ": prediction and reference do not lie on the same grid (affines differ)"));
}

/// [D,H,W] of the file's own axes; checked against the scheme.
std::vector<uint8_t> labels_of(const data::NiftiImage& image, const data::LabelScheme& scheme,
                               const std::string& what) {
    std::vector<uint8_t> values;
    try {
        values = data::label_values(image);
    } catch (const DataError& error) {
        throw DataError(concat(what, ": ", error.what()));
    }
    const std::set<uint8_t> found(values.begin(), values.end());
    for (const uint8_t value : found)
        if (value != 0 && !scheme.values.contains(value))
            throw DataError(concat(what, " holds the label ", int{value}, ", which ", scheme.name, " does not know (",
                                   core::join(scheme.values), ")"));
    return values;
}

/// Of a file's label array, [k,j,i]: of its own axes, whichever way they point.
core::Double3 file_spacing(const data::NiftiImage& image) {
    const auto affine = image.affine();
    return {core::column_length(affine, 2), core::column_length(affine, 1), core::column_length(affine, 0)};
}

}  // namespace

report::FiguresTable evaluate_files(const LabelPlace& predictions, const LabelPlace& references,
                                    const std::string& scheme_name, const metrics::Options& options) {
    const auto pairs = label_pairs(predictions, references);
    const auto scheme = scheme_of(scheme_name, pairs);
    const tasks::SegmentationFigures figures(options, scheme);
    report::FiguresTable table{.columns = figures.columns(), .rows = {}, .note = figures.note(), .all_cases = {}};
    for (const auto& [id, files] : pairs) {
        const core::Activity activity(concat("case ", id));
        const auto predicted_image = data::read_nifti(files.prediction),
                   truth_image = data::read_nifti(files.reference);
        check_same_grid(predicted_image, truth_image, id);
        auto predicted = labels_of(predicted_image, scheme, files.prediction.string());
        auto truth = labels_of(truth_image, scheme, files.reference.string());
        const auto& size = truth_image.size;
        const auto regions = [&](std::vector<uint8_t>& values) {
            return infer::region_masks(at::from_blob(values.data(), {size[2], size[1], size[0]}, at::kByte), scheme);
        };
        table.rows.push_back({id, figures.row(figures.of_case({.predicted = regions(predicted),
                                                               .truth = regions(truth),
                                                               .spacing_mm = file_spacing(truth_image),
                                                               .probabilities = {}}))});
    }
    return table;
}

}  // namespace vox::app
