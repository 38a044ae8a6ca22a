#include "voxelwise_classifier.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/nifti.hpp"
#include "data/shard_reader.hpp"

namespace vox::tools {
namespace {

namespace fs = std::filesystem;
using core::DataError;

constexpr std::array<const char*, 4> modalities{"t1", "t1ce", "t2", "flair"};

/// (v - mean) / standard deviation over the voxels that are not 0; those stay 0.
void normalise(std::vector<float>& values) {
    double sum = 0, squares = 0;
    int64_t count = 0;
    for (const float v : values) {
        if (v == 0) continue;
        sum += v, squares += double{v} * v, ++count;
    }
    if (count == 0) return;
    const double mean = sum / static_cast<double>(count);
    const double deviation = std::sqrt(std::max(squares / static_cast<double>(count) - mean * mean, 1e-12));
    for (float& v : values) {
        if (v != 0) v = static_cast<float>((v - mean) / deviation);
    }
}

/// Channels beyond the last are 0 everywhere, so that they tell nothing.
VoxelTable table_of(const std::string& id, std::vector<std::vector<float>> channels, const std::vector<float>& label) {
    VoxelTable table{id, {}, {}};
    std::vector<bool> body(label.size(), false);
    for (auto& channel : channels) {
        for (size_t at = 0; at < label.size(); ++at) body[at] = body[at] || channel[at] != 0;
        normalise(channel);
    }
    for (size_t at = 0; at < label.size(); ++at) {
        if (!body[at]) continue;
        auto& voxel = table.intensities.emplace_back();
        for (size_t c = 0; c < channels.size(); ++c) voxel[c] = channels[c][at];
        table.labels.push_back(static_cast<int>(std::lround(label[at])));
    }
    return table;
}

VoxelTable read_case(const fs::path& folder) {
    const std::string id = folder.filename().string();
    const auto file = [&](const char* part) { return folder / core::concat(id, "_", part, ".nii.gz"); };
    const auto label = data::read_nifti(file("seg")).scaled();
    std::vector<std::vector<float>> images;
    for (const char* modality : modalities) {
        images.push_back(data::read_nifti(file(modality)).scaled());
        if (images.back().size() != label.size())
            throw DataError(core::concat(file(modality).string(), ": another size than its label"));
    }
    return table_of(id, std::move(images), label);
}

/// Gaussian smoothing (deviation of one bin) along each of the four axes; what would leave the histogram stays at its border.
std::vector<double> smoothed(std::vector<double> histogram, size_t bins) {
    constexpr std::array<double, 4> weights{0.39905, 0.24204, 0.05401, 0.00443};
    for (size_t stride = 1; stride < histogram.size(); stride *= bins) {
        std::vector<double> out(histogram.size());
        for (size_t at = 0; at < histogram.size(); ++at) {
            const auto place = static_cast<int64_t>(at / stride % bins);
            for (int64_t d = -3; d <= 3; ++d) {
                const int64_t other = std::clamp<int64_t>(place + d, 0, static_cast<int64_t>(bins) - 1);
                const auto from = static_cast<int64_t>(at) + (other - place) * static_cast<int64_t>(stride);
                out[at] += weights[static_cast<size_t>(std::abs(d))] * histogram[static_cast<size_t>(from)];
            }
        }
        histogram = std::move(out);
    }
    return histogram;
}

}  // namespace

std::vector<VoxelTable> read_brats_folder(const fs::path& folder) {
    if (!fs::is_directory(folder)) throw DataError(core::concat(folder.string(), ": no such folder"));
    std::vector<fs::path> cases;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.is_directory()) cases.push_back(entry.path());
    }
    if (cases.empty()) throw DataError(core::concat(folder.string(), ": holds no case folder"));
    std::sort(cases.begin(), cases.end());
    std::vector<VoxelTable> tables;
    for (const auto& place : cases) tables.push_back(read_case(place));
    return tables;
}

std::vector<VoxelTable> read_shards(const fs::path& folder, const std::string& split) {
    const data::ShardReader reader(folder);
    if (reader.channel_names().size() > modalities.size())
        throw DataError(core::concat(folder.string(), ": ", reader.channel_names().size(),
                                     " channels; the classifier's histogram has four axes"));
    std::vector<VoxelTable> tables;
    for (const size_t index : reader.split(split)) {
        const auto& info = reader.cases()[index];
        if (!info.has_label) continue;
        const core::Box whole{{0, 0, 0}, info.size()};
        const auto voxels = static_cast<size_t>(whole.voxels());
        std::vector<float> image(voxels * static_cast<size_t>(info.channels()));
        std::vector<uint8_t> label(voxels);
        reader.read_image(index, whole, image);
        reader.read_label(index, whole, label);
        std::vector<std::vector<float>> channels;
        for (auto at = image.begin(); at != image.end(); at += static_cast<int64_t>(voxels))
            channels.emplace_back(at, at + static_cast<int64_t>(voxels));
        tables.push_back(table_of(info.id, std::move(channels), {label.begin(), label.end()}));
    }
    if (tables.empty())
        throw DataError(core::concat(folder.string(), ": the split '", split, "' holds no labelled case"));
    return tables;
}

VoxelwiseClassifier::VoxelwiseClassifier(const std::vector<VoxelTable>& training, const data::LabelScheme& scheme)
    : regions_(scheme.regions) {
    for (size_t c = 0; c < 4; ++c) {
        std::vector<float> values;
        for (const auto& table : training)
            for (const auto& voxel : table.intensities) values.push_back(voxel[c]);
        core::check(!values.empty(), "training cases without voxels");
        std::sort(values.begin(), values.end());
        for (size_t edge = 1; edge < bins_; ++edge) edges_[c].push_back(values[edge * values.size() / bins_]);
    }
    std::vector<double> counts(bins_ * bins_ * bins_ * bins_);
    for (const auto& table : training)
        for (const auto& voxel : table.intensities) ++counts[bin_of(voxel)];
    for (const auto& region : regions_) fit_region(training, region, counts);
}

size_t VoxelwiseClassifier::bin_of(const std::array<float, 4>& intensities) const {
    size_t bin = 0;
    for (size_t c = 0; c < 4; ++c) {
        const auto above = std::upper_bound(edges_[c].begin(), edges_[c].end(), intensities[c]) - edges_[c].begin();
        bin = bin * bins_ + static_cast<size_t>(above);
    }
    return bin;
}

void VoxelwiseClassifier::fit_region(const std::vector<VoxelTable>& training, const data::Region& region,
                                     const std::vector<double>& counts) {
    std::vector<double> positives(counts.size());
    for (const auto& table : training)
        for (size_t at = 0; at < table.labels.size(); ++at)
            if (region.values.count(table.labels[at])) ++positives[bin_of(table.intensities[at])];

    const auto smooth_positives = smoothed(positives, bins_), smooth_counts = smoothed(counts, bins_);
    std::vector<double> posterior(counts.size());
    for (size_t bin = 0; bin < counts.size(); ++bin)
        posterior[bin] = smooth_positives[bin] / std::max(smooth_counts[bin], 1e-12);

    // Taking bins in order of their posterior tries every threshold; the best prefix is the answer.
    std::vector<size_t> order(counts.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return posterior[a] > posterior[b]; });
    const double truth = std::accumulate(positives.begin(), positives.end(), 0.0);
    double hits = 0, predicted = 0, best = -1;
    size_t taken = 0;
    for (size_t n = 0; n < order.size(); ++n) {
        hits += positives[order[n]], predicted += counts[order[n]];
        const double dice = 2 * hits / std::max(truth + predicted, 1.0);
        if (dice > best) best = dice, taken = n + 1;
    }
    std::vector<bool> inside(counts.size(), false);
    for (size_t n = 0; n < taken; ++n) inside[order[n]] = true;
    inside_.push_back(std::move(inside));
}

std::vector<double> VoxelwiseClassifier::dice(const VoxelTable& table) const {
    std::vector<double> result;
    for (size_t r = 0; r < regions_.size(); ++r) {
        double hits = 0, sizes = 0;
        for (size_t at = 0; at < table.labels.size(); ++at) {
            const bool truth = regions_[r].values.count(table.labels[at]) > 0;
            const bool predicted = inside_[r][bin_of(table.intensities[at])];
            hits += truth && predicted, sizes += static_cast<double>(truth) + static_cast<double>(predicted);
        }
        result.push_back(sizes == 0 ? 1.0 : 2 * hits / sizes);
    }
    return result;
}

}  // namespace vox::tools
