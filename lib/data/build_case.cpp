// From the volumes of one case, as read, to what a shard stores of it.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"
#include "data/case_grid.hpp"
#include "data/orientation.hpp"
#include "data/shard_format.hpp"
#include "data/voxel_dispatch.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;
using ops::VoxelGrid;

void check_same_grid(const std::string& first, const VoxelGrid& a, const std::string& other, const VoxelGrid& b) {
    if (a.size != b.size) {
        throw DataError(concat("the grids do not match: ", first, " has ", core::join(a.size, "x"), " voxels, ", other,
                               " ", core::join(b.size, "x"), ".  Resample them to one grid first."));
    }
    if (!same_grid(a, b)) {
        throw DataError(concat("the grids do not match: ", first, " and ", other, " have the same size but lie up to ",
                               ops::corner_distance_mm(a, b), " mm apart.  Resample them to one grid first."));
    }
}

SourceVolume source_of(const std::string& name, const NiftiImage& image) {
    return {name, image.size, image.type, image.scl_slope, image.scl_inter, image.geometry};
}

/// numpy's default percentile: linear between the two nearest values.  Reorders `values`.
double percentile(std::vector<float>& values, double fraction) {
    const double position = fraction * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::ptrdiff_t>(position);
    std::nth_element(values.begin(), values.begin() + below, values.end());
    const double low = values[static_cast<size_t>(below)];
    if (static_cast<size_t>(below) + 1 == values.size()) return low;
    const double high = *std::min_element(values.begin() + below + 1, values.end());
    return low + (high - low) * (position - static_cast<double>(below));
}

ChannelStatistics measure(const std::vector<float>& scaled) {
    std::vector<float> values;
    std::copy_if(scaled.begin(), scaled.end(), std::back_inserter(values), [](float v) { return v != 0; });
    ChannelStatistics s;
    s.voxels = static_cast<int64_t>(values.size());
    if (values.empty()) return s;
    const double n = static_cast<double>(values.size());
    s.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    double squares = 0;
    for (const float v : values) squares += (v - s.mean) * (v - s.mean);
    s.standard_deviation = std::sqrt(squares / n);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    s.minimum = *low;
    s.maximum = *high;
    s.p01 = percentile(values, 0.01);
    s.p99 = percentile(values, 0.99);
    return s;
}

/// Grows the box [first, last] by the non-zero voxels of one channel, [D,H,W] in RAS.
struct BoxFinder {
    core::Index3 first, last{-1, -1, -1};
    explicit BoxFinder(const core::Index3& size) : first(size) {}

    void add(const std::vector<float>& voxels, const core::Index3& size) {
        size_t i = 0;
        for (int64_t d = 0; d < size[0]; ++d) {
            for (int64_t h = 0; h < size[1]; ++h) {
                for (int64_t w = 0; w < size[2]; ++w) {
                    if (voxels[i++] != 0) include({d, h, w});
                }
            }
        }
    }
    void include(const core::Index3& at) {
        for (size_t a = 0; a < 3; ++a) {
            first[a] = std::min(first[a], at[a]);
            last[a] = std::max(last[a], at[a]);
        }
    }
    core::Box box() const {
        if (last[0] < 0) return {};  // nothing but zeros
        return {first, {last[0] - first[0] + 1, last[1] - first[1] + 1, last[2] - first[2] + 1}};
    }
};

std::vector<float> scaled_ras(std::span<const std::byte> ras, VoxelType type, double slope, double inter) {
    return with_stored_type(type, [&]<class T>() {
        std::vector<float> out(ras.size() / sizeof(T));
        const auto* in = reinterpret_cast<const T*>(ras.data());
        for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(static_cast<double>(in[i]) * slope + inter);
        return out;
    });
}

/// Label value -> voxel value of the file, so that the file can be written back as it was.  Where several voxel values were
/// rounded to one label, the first stands for all of them, and that is said.
std::map<int, double> stored_labels(const std::string& id, const NiftiImage& label,
                                    const std::vector<uint8_t>& values) {
    std::map<int, double> stored;
    with_voxel_type(label.type, [&]<class T>() {
        const auto* voxels = reinterpret_cast<const T*>(label.voxels.data());
        std::array<std::optional<T>, 256> first{};
        std::set<int> several;
        for (size_t i = 0; i < values.size(); ++i) {
            auto& known = first[values[i]];
            if (!known) stored[values[i]] = static_cast<double>(*(known = voxels[i]));
            if (*known != voxels[i]) several.insert(values[i]);
        }
        if (!several.empty()) {
            core::log::warning("case ", id, ": several voxel values were rounded to label ", core::join(several),
                               "; a label written back holds the first of them");
        }
    });
    return stored;
}

/// At most `format::kMaxForegroundPositions` of one value's voxels, evenly strided.
ForegroundPositions positions_of(const std::vector<uint8_t>& label, int value, int64_t count) {
    ForegroundPositions found{value, {}};
    const auto keep = std::min(static_cast<uint64_t>(count), uint64_t{format::kMaxForegroundPositions});
    uint64_t seen = 0;
    for (size_t i = 0; i < label.size() && found.flat.size() < keep; ++i) {
        if (label[i] != value) continue;
        if (seen++ == found.flat.size() * static_cast<uint64_t>(count) / keep)
            found.flat.push_back(static_cast<uint32_t>(i));
    }
    return found;
}

void add_label(CaseData& data, const NiftiImage& label, const std::map<int, int>& translation) {
    std::vector<uint8_t> values = label_values(label);
    for (uint8_t& value : values) {
        if (const auto other = translation.find(value); other != translation.end())
            value = static_cast<uint8_t>(other->second);
    }
    data.stored_labels = stored_labels(data.info.id, label, values);
    const auto ras = to_ras(std::as_bytes(std::span(values)), label.size, 1, orientation_of(label.affine()));
    data.label.resize(ras.size());
    std::memcpy(data.label.data(), ras.data(), ras.size());
    data.info.has_label = true;
    data.info.label_source = source_of("label", label);
    count_labels(data);
}

}  // namespace

void count_labels(CaseData& data) {
    data.info.label_voxels.clear();
    data.foreground.clear();
    for (const uint8_t value : data.label) {
        if (value != 0) ++data.info.label_voxels[value];
    }
    for (const auto& [value, count] : data.info.label_voxels) {
        data.foreground.push_back(positions_of(data.label, value, count));
    }
}

CaseData build_case(std::string id, const std::vector<NamedVolume>& channels, const NiftiImage* label,
                    const std::map<int, int>& translation) {
    CaseData data;
    CaseInfo& info = data.info;
    info.id = std::move(id);
    info.type = common_type(channels);
    const VoxelGrid grid = ras_grid(file_grid(channels.front().image));
    for (const auto& channel : channels) {
        check_same_grid(channels.front().name, grid, channel.name, ras_grid(file_grid(channel.image)));
    }
    if (label) check_same_grid(channels.front().name, grid, "the label", ras_grid(file_grid(*label)));
    info.shape = {static_cast<int64_t>(channels.size()), grid.size[2], grid.size[1], grid.size[0]};
    info.affine = grid.affine;
    info.spacing_mm = spacing_dhw(grid.affine);
    BoxFinder box(info.size());
    for (const auto& [name, image] : channels) {
        const auto ras = to_ras(image.voxels, image.size, voxel_bytes(image.type), orientation_of(image.affine()));
        const auto stored = convert_voxels(ras, image.type, info.type);
        data.image.insert(data.image.end(), stored.begin(), stored.end());
        info.sources.push_back(source_of(name, image));
        const auto scaled = scaled_ras(stored, info.type, image.scl_slope, image.scl_inter);
        info.statistics.push_back(measure(scaled));
        box.add(scaled, info.size());
    }
    info.foreground_box = box.box();
    if (label) add_label(data, *label, translation);
    return data;
}

std::vector<float> image_values(const CaseData& data) {
    const auto& sources = data.info.sources;
    const std::span<const std::byte> image(data.image);
    const size_t channel_bytes = image.size() / sources.size();
    std::vector<float> values;
    for (size_t c = 0; c < sources.size(); ++c) {
        const auto scaled = scaled_ras(image.subspan(c * channel_bytes, channel_bytes), data.info.type,
                                       sources[c].scl_slope, sources[c].scl_inter);
        values.insert(values.end(), scaled.begin(), scaled.end());
    }
    return values;
}

}  // namespace vox::data
