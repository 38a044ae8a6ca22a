#include "data/case_attributes.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/orientation.hpp"
#include "data/shard_format.hpp"

namespace vox::data {
namespace {

using core::concat;
using hdf5::Id;
using hdf5::put;
using hdf5::StrictReader;

// One row a source file: shape [n, ...], n channels for the image and 1 for the label.
void write_sources(Id object, std::span<const SourceVolume> sources) {
    const size_t n = sources.size();
    std::vector<std::string> channels, types, orientations;
    std::vector<int64_t> sizes, qform_codes, sform_codes;
    std::vector<double> slopes, inters, qfacs, pixdims, quaterns, qoffsets, srows;
    for (const auto& source : sources) {
        const NiftiGeometry& g = source.geometry;
        channels.push_back(source.channel);
        types.emplace_back(voxel_type_name(source.type));
        NiftiImage header;  // for the affine that these fields mean
        header.size = source.size;
        header.geometry = g;
        orientations.push_back(orientation_code(header.affine()));
        sizes.insert(sizes.end(), source.size.begin(), source.size.end());
        qform_codes.push_back(g.qform_code);
        sform_codes.push_back(g.sform_code);
        slopes.push_back(source.scl_slope);
        inters.push_back(source.scl_inter);
        qfacs.push_back(g.qfac);
        pixdims.insert(pixdims.end(), g.pixdim_mm.begin(), g.pixdim_mm.end());
        quaterns.insert(quaterns.end(), g.quatern.begin(), g.quatern.end());
        qoffsets.insert(qoffsets.end(), g.qoffset_mm.begin(), g.qoffset_mm.end());
        for (const auto& row : g.srow) srows.insert(srows.end(), row.begin(), row.end());
    }
    put(object, "channels", channels);
    put(object, "source_type", types);
    put(object, "source_orientation", orientations);
    put(object, "source_size", sizes, {n, 3});
    put(object, "qform_code", qform_codes, {n});
    put(object, "sform_code", sform_codes, {n});
    put(object, "scl_slope", slopes, {n});
    put(object, "scl_inter", inters, {n});
    put(object, "qfac", qfacs, {n});
    put(object, "pixdim_mm", pixdims, {n, 3});
    put(object, "quatern", quaterns, {n, 3});
    put(object, "qoffset_mm", qoffsets, {n, 3});
    put(object, "srow", srows, {n, 3, 4});
}

/// Where nothing was resampled, a file's axes are those of the shard in another order.
void check_source_size(const StrictReader& from, core::Index3 size, core::Index3 ras_size, bool resampled) {
    std::sort(size.begin(), size.end());
    std::sort(ras_size.begin(), ras_size.end());
    if (!resampled && size != ras_size) from.fail("source_size is not the size of the stored volume");
    const bool in_limits = size[0] >= 1 && size[2] <= format::kMaxAxis;  // sorted
    if (!in_limits || size[0] * size[1] * size[2] > format::kMaxVoxels) from.fail("source_size is over the limits");
}

VoxelType source_type(const StrictReader& from, const std::string& name) {
    try {
        return voxel_type(name);
    } catch (const core::DataError& error) {
        from.fail(concat("source_type: ", error.what()));
    }
}

void check_source_geometry(const StrictReader& from, const NiftiGeometry& geometry) {
    NiftiImage header;  // for the affine that these fields mean
    header.geometry = geometry;
    if (core::is_singular(header.affine()))
        from.fail("the source's geometry is singular: voxels have no place in space");
}

std::vector<SourceVolume> read_sources(const StrictReader& from, size_t n, const CaseInfo& info) {
    const auto channels = from.texts("channels"), types = from.texts("source_type");
    if (channels.size() != n || types.size() != n) from.fail(concat("there are not ", n, " channel names and types"));
    const auto sizes = from.integers("source_size", hdf5::Shape{n, 3});
    const auto qform_codes = from.integers("qform_code", hdf5::Shape{n});
    const auto sform_codes = from.integers("sform_code", hdf5::Shape{n});
    const auto slopes = from.doubles("scl_slope", {n}), inters = from.doubles("scl_inter", {n});
    const auto qfacs = from.doubles("qfac", {n}), pixdims = from.doubles("pixdim_mm", {n, 3});
    const auto quaterns = from.doubles("quatern", {n, 3}), qoffsets = from.doubles("qoffset_mm", {n, 3});
    const auto srows = from.doubles("srow", {n, 3, 4});
    std::vector<SourceVolume> sources(n);
    for (size_t i = 0; i < n; ++i) {
        SourceVolume& s = sources[i];
        s.channel = channels[i];
        s.type = source_type(from, types[i]);
        std::copy_n(&sizes[3 * i], 3, s.size.begin());
        check_source_size(from, s.size, info.size(), !info.reference.empty());
        s.scl_slope = slopes[i];
        s.scl_inter = inters[i];
        if (!std::isfinite(s.scl_slope) || !std::isfinite(s.scl_inter) || s.scl_slope == 0) {
            from.fail("scl_slope or scl_inter is not a usable number");
        }
        s.geometry.qform_code = static_cast<int>(qform_codes[i]);
        s.geometry.sform_code = static_cast<int>(sform_codes[i]);
        s.geometry.qfac = qfacs[i];
        std::copy_n(&pixdims[3 * i], 3, s.geometry.pixdim_mm.begin());
        std::copy_n(&quaterns[3 * i], 3, s.geometry.quatern.begin());
        std::copy_n(&qoffsets[3 * i], 3, s.geometry.qoffset_mm.begin());
        for (size_t row = 0; row < 3; ++row) std::copy_n(&srows[12 * i + 4 * row], 4, s.geometry.srow[row].begin());
        check_source_geometry(from, s.geometry);
    }
    return sources;
}

void write_statistics(Id image, const std::vector<ChannelStatistics>& statistics) {
    std::vector<double> rows;
    for (const auto& s : statistics) {
        rows.insert(rows.end(),
                    {s.mean, s.standard_deviation, s.minimum, s.maximum, s.p01, s.p99, static_cast<double>(s.voxels)});
    }
    put(image, "statistics", rows, {statistics.size(), 7});
}

std::vector<ChannelStatistics> read_statistics(const StrictReader& image, size_t channels) {
    const auto rows = image.doubles("statistics", hdf5::Shape{channels, 7});
    std::vector<ChannelStatistics> statistics;
    for (size_t c = 0; c < channels; ++c) {
        const std::span row(&rows[7 * c], 7);
        if (!std::all_of(row.begin(), row.end(), [](double v) { return std::isfinite(v); })) {
            image.fail("statistics holds a number that is not finite");
        }
        statistics.push_back({row[0], row[1], row[2], row[3], row[4], row[5], static_cast<int64_t>(row[6])});
    }
    return statistics;
}

void read_geometry(const StrictReader& from, CaseInfo& info) {
    const auto affine = from.doubles("affine", {4, 4});
    const auto spacing = from.doubles("spacing_mm", hdf5::Shape{3});
    for (const double value : affine) {
        if (!std::isfinite(value)) from.fail("affine holds a number that is not finite");
    }
    for (const double value : spacing) {
        if (!(value > 0) || !std::isfinite(value)) from.fail(concat("spacing_mm holds ", value));
    }
    for (size_t row = 0; row < 4; ++row) std::copy_n(&affine[4 * row], 4, info.affine[row].begin());
    std::copy_n(spacing.begin(), 3, info.spacing_mm.begin());
    const auto box = from.integers("foreground_box", hdf5::Shape{2, 3});
    for (size_t a = 0; a < 3; ++a) {
        info.foreground_box.start[a] = box[a];
        info.foreground_box.size[a] = box[3 + a];
        if (box[a] < 0 || box[3 + a] < 0 || box[a] > info.size()[a] - box[3 + a]) {
            from.fail("foreground_box is not inside the case");
        }
    }
}

void read_labels(const StrictReader& from, CaseInfo& info) {
    const auto values = from.integers("label_values", 256);
    const auto voxels = from.integers("label_voxels", hdf5::Shape{values.size()});
    for (size_t i = 0; i < values.size(); ++i) {
        if (values[i] < 1 || values[i] > 255 || voxels[i] < 1 || !info.has_label) from.fail("label_values is wrong");
        info.label_voxels[static_cast<int>(values[i])] = voxels[i];
    }
}

}  // namespace

void write_case_attributes(Id group, Id image, Id label, const CaseInfo& info,
                           const std::map<int, double>& stored_labels) {
    std::vector<double> affine;
    for (const auto& row : info.affine) affine.insert(affine.end(), row.begin(), row.end());
    put(group, "affine", affine, {4, 4});
    put(group, "spacing_mm", info.spacing_mm, {3});
    std::vector<int64_t> box(info.foreground_box.start.begin(), info.foreground_box.start.end());
    box.insert(box.end(), info.foreground_box.size.begin(), info.foreground_box.size.end());
    put(group, "foreground_box", box, {2, 3});
    std::vector<int64_t> values, voxels;
    for (const auto& [value, count] : info.label_voxels) {
        values.push_back(value);
        voxels.push_back(count);
    }
    put(group, "label_values", values, {values.size()});
    put(group, "label_voxels", voxels, {voxels.size()});
    std::vector<std::string> names, texts;
    for (const auto& [name, text] : info.columns) {
        names.push_back(name);
        texts.push_back(text);
    }
    put(group, "column_names", names);
    put(group, "column_values", texts);
    if (!info.reference.empty()) put(group, "reference", info.reference);
    write_sources(image, info.sources);
    write_statistics(image, info.statistics);
    if (label < 0) return;
    write_sources(label, std::span(&info.label_source, 1));
    std::vector<double> pairs;
    for (const auto& [value, stored] : stored_labels) pairs.insert(pairs.end(), {static_cast<double>(value), stored});
    put(label, "stored_labels", pairs, {stored_labels.size(), 2});
}

void read_case_attributes(Id group, Id image, Id label, const std::string& where, CaseInfo& info,
                          std::map<int, double>& stored_labels) {
    const StrictReader of_group(group, where), of_image(image, concat(where, ": image"));
    read_geometry(of_group, info);
    read_labels(of_group, info);
    const auto names = of_group.texts("column_names"), texts = of_group.texts("column_values");
    if (names.size() != texts.size()) of_group.fail("column_names and column_values differ in length");
    for (size_t i = 0; i < names.size(); ++i) info.columns[names[i]] = texts[i];
    const auto channels = static_cast<size_t>(info.channels());
    if (hdf5::has_attribute(group, "reference", where)) info.reference = of_group.text("reference");
    info.sources = read_sources(of_image, channels, info);
    if (!info.reference.empty() &&
        std::ranges::find(info.sources, info.reference, &SourceVolume::channel) == info.sources.end()) {
        of_group.fail(concat("reference is '", info.reference, "', which is none of the channels"));
    }
    info.statistics = read_statistics(of_image, channels);
    if (label < 0) return;
    const StrictReader of_label(label, concat(where, ": label"));
    info.label_source = read_sources(of_label, 1, info).front();
    const auto pairs = of_label.doubles("stored_labels", 2, 256);
    for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
        if (!(pairs[i] >= 0 && pairs[i] <= 255) || !std::isfinite(pairs[i + 1]))
            of_label.fail("stored_labels is wrong");
        stored_labels[static_cast<int>(pairs[i])] = pairs[i + 1];
    }
}

}  // namespace vox::data
