#include "data/loader.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/fault_points.hpp"
#include "core/text.hpp"
#include "data/augment_intensity.hpp"
#include "data/augment_spatial.hpp"
#include "data/crop.hpp"
#include "data/device_copy.hpp"
#include "data/prefetcher.hpp"

namespace vox::data {
namespace {

/// Puts a box of `channels` volumes into the middle of padded ones.
template <class Voxel>
void pad_into(std::span<const Voxel> box, std::span<Voxel> out, int64_t channels, const Crop& crop,
              const core::Index3& size) {
    std::fill(out.begin(), out.end(), Voxel{0});
    const auto& [d, h, w] = crop.box.size;
    const auto& before = crop.pad_before;
    for (int64_t row = 0; row < channels * d * h; ++row) {
        const int64_t channel = row / (d * h), k = row / h % d, j = row % h;
        const int64_t to = ((channel * size[0] + k + before[0]) * size[1] + j + before[1]) * size[2] + before[2];
        std::copy_n(box.begin() + row * w, w, out.begin() + to);
    }
}

/// Reads a box with `read(span)`, padded to the crop's size where the volume is smaller.
template <class Voxel, class Read>
void read_padded(std::span<Voxel> out, int64_t channels, const Crop& crop, const core::Index3& size, Read read) {
    if (crop.box.size == size) return read(out);
    std::vector<Voxel> box(static_cast<size_t>(channels * crop.box.voxels()));
    read(std::span<Voxel>(box));
    pad_into<Voxel>(box, out, channels, crop, size);
}

/// All cases of a batch become one tensor, so they need the same channels.
int64_t common_channels(const ShardReader& reader, const std::vector<size_t>& cases) {
    if (cases.empty()) throw core::DataError("no training cases: the split 'train' of the data set is empty");
    const CaseInfo& first = reader.cases()[cases.front()];
    for (const size_t index : cases) {
        const CaseInfo& info = reader.cases()[index];
        if (info.channels() != first.channels()) {
            throw core::DataError(core::concat("case ", info.id, " has ", info.channels(), " channels, case ", first.id,
                                               " has ", first.channels(),
                                               "; a training split needs the same channels in every case"));
        }
    }
    return first.channels();
}

/// V, h, w.
core::Index3 view_shape(const ViewSet& views) {
    return {static_cast<int64_t>(views.names.size()), views.size[0], views.size[1]};
}

}  // namespace

struct Loader::State {
    State(const ShardReader& data, const Options& settings, int64_t global_micro_batch, int rank, int world_size,
          at::Device device, at::ScalarType image_type, const Stratum& stratum)
        : reader(data),
          crop_size(settings.crop()),
          read_size(settings.read_size()),
          foreground_ratio(settings.foreground_ratio),
          intensities(settings.intensities()),
          resize(settings.whole()),
          spatial(settings.spatial),
          augmentation(settings.augmentation()),
          intensity(settings.intensity),
          dtype(image_type),
          view_kinds(kinds_of(data.views())),
          channels(common_channels(data, settings.first_cases(data.split("train")))),
          sampler(settings.first_cases(data.split("train")), settings.sampler(global_micro_batch, stratum)),
          copy(device),
          prefetcher(sampler, rank, world_size,
                     {channels, read_size, view_shape(data.views()), settings.threads, settings.prefetch_bytes()}, copy,
                     [this](const Item& item, const Prefetcher::Room& room) { read_item(item, room); }) {
        if (spatial.any() && !view_kinds.empty()) {
            throw core::ConfigError(
                "data.spatial moves what volumes show, but this data set has radiographs of its cases, which would "
                "show "
                "them elsewhere; set the probabilities of data.spatial to 0");
        }
    }

    core::Index3 volume_of(const Item& item) const;
    Crop crop_of(const Item& item) const;
    void read_whole(const Item& item, const Prefetcher::Room& room) const;
    void read_item(const Item& item, const Prefetcher::Room& room) const;
    Batch next_batch();

    const ShardReader& reader;
    core::Index3 crop_size, read_size;
    double foreground_ratio;
    Intensities intensities;
    Resize resize;
    SpatialOptions spatial;
    Augmentation augmentation;
    IntensityOptions intensity;
    at::ScalarType dtype;
    std::vector<ops::View> view_kinds;
    int64_t channels;
    EpochSampler sampler;
    DeviceCopy copy;
    Counters counters;
    Prefetcher prefetcher;  // last: its threads use the rest
};

/// What crops are taken of: the case, or all of it as it was resized.
core::Index3 Loader::State::volume_of(const Item& item) const {
    return resize.any() ? resize.size : reader.cases()[item.case_index].size();
}

/// A thread holds one case as stored beside what it makes of it.
void Loader::State::read_whole(const Item& item, const Prefetcher::Room& room) const {
    const CaseInfo& info = reader.cases()[item.case_index];
    const core::Box whole{{0, 0, 0}, info.size()};
    std::vector<float> image(static_cast<size_t>(channels * whole.voxels()));
    reader.read_image(item.case_index, whole, image, item.key.epoch);
    resize_image(image, channels, info.size(), resize, room.image);
    if (!info.has_label) return std::fill(room.label.begin(), room.label.end(), uint8_t{0});
    std::vector<uint8_t> label(static_cast<size_t>(whole.voxels()));
    reader.read_label(item.case_index, whole, label, item.key.epoch);
    resize_label(label, info.size(), resize.size, room.label);
}

Crop Loader::State::crop_of(const Item& item) const {
    if (resize.any()) return crop_at(resize.size, resize.size, {0, 0, 0});
    return choose_crop(reader.cases()[item.case_index].size(), crop_size, foreground_ratio,
                       reader.foreground(item.case_index), item.key);
}

void Loader::State::read_item(const Item& item, const Prefetcher::Room& room) const {
    const CaseInfo& info = reader.cases()[item.case_index];
    const core::Activity activity(core::concat("reading a crop of ", info.id), core::Waits::for_data,
                                  /*recorded=*/false);
    core::fault_point("loader:item");
    const Crop crop = with_margin(crop_of(item), volume_of(item), crop_size, spatial.margins());
    try {
        if (!room.views.empty()) reader.read_views(item.case_index, room.views, item.key.epoch);
        if (resize.any()) return read_whole(item, room);
        read_padded(room.image, channels, crop, read_size,
                    [&](std::span<float> out) { reader.read_image(item.case_index, crop.box, out, item.key.epoch); });
        if (!info.has_label) return std::fill(room.label.begin(), room.label.end(), uint8_t{0});
        read_padded(room.label, 1, crop, read_size,
                    [&](std::span<uint8_t> out) { reader.read_label(item.case_index, crop.box, out, item.key.epoch); });
    } catch (const core::DataError& error) {
        throw core::DataError(core::concat(error.what(), " (training crop of case ", info.id, ", start [",
                                           core::join(crop.box.start), "], size [", core::join(crop.box.size),
                                           "], epoch ", item.key.epoch, ", position ", item.key.position, ")"),
                              error.where());
    }
}

Batch Loader::State::next_batch() {
    Prefetcher::Result read = prefetcher.take();
    Batch batch;
    std::vector<const CaseInfo*> cases;
    std::vector<core::Box> inside;
    for (const Item& item : read.items) {
        cases.push_back(&reader.cases()[item.case_index]);
        inside.push_back(inside_volume(crop_of(item), volume_of(item), crop_size, spatial.margins()));
        batch.keys.push_back(item.key);
        batch.case_ids.push_back(cases.back()->id);
        const CaseInfo& info = *cases.back();
        batch.spacing_mm.push_back(resize.any() ? resized_spacing(info.spacing_mm, info.size(), resize.size)
                                                : info.spacing_mm);
    }
    counters.items += static_cast<int64_t>(cases.size());
    counters.batch_bytes += static_cast<int64_t>(read.image.nbytes() + read.label.nbytes());
    if (read.views.defined()) {
        counters.batch_bytes += static_cast<int64_t>(read.views.nbytes());
        batch.views = read.views.to(dtype);
        batch.view_kinds = view_kinds;
    }
    batch.image = normalise(read.image.to(dtype), cases, intensities);
    batch.label = std::move(read.label);
    augment_intensity_before(batch, intensity);
    if (spatial.any()) augment_spatial(batch, spatial, crop_size, inside);
    flip(batch, augmentation);
    augment_intensity_after(batch, intensity, augmentation);
    return batch;
}

Loader::Loader(const ShardReader& reader, const Options& options, int64_t global_micro_batch, int rank, int world_size,
               at::Device device, at::ScalarType dtype, const Stratum& stratum)
    : state_(std::make_unique<State>(reader, options, global_micro_batch, rank, world_size, device, dtype, stratum)) {}

Loader::~Loader() = default;

std::vector<Batch> Loader::next(int64_t accumulation) {
    std::vector<Batch> group;
    const int64_t size = state_->sampler.group_size(position(), accumulation);
    while (static_cast<int64_t>(group.size()) < size) group.push_back(state_->next_batch());
    return group;
}

Position Loader::position() const { return state_->prefetcher.position(); }
void Loader::seek(Position position) { state_->prefetcher.seek(position); }
int64_t Loader::steps_per_epoch(int64_t accumulation) const { return state_->sampler.steps_per_epoch(accumulation); }
const EpochSampler& Loader::sampler() const { return state_->sampler; }
const ShardReader& Loader::reader() const { return state_->reader; }
double Loader::wait_seconds() const { return state_->prefetcher.wait_seconds(); }

Loader::Counters Loader::counters() const {
    Counters counters = state_->counters;
    counters.prefetch_peak_bytes = static_cast<int64_t>(state_->prefetcher.peak_bytes());
    return counters;
}

Sample load_case(const ShardReader& reader, size_t case_index, const Intensities& intensities, const Resize& resize) {
    const CaseInfo& info = reader.cases().at(case_index);
    const core::Box whole{{0, 0, 0}, info.size()};
    const auto voxels = static_cast<size_t>(whole.voxels());
    Sample sample{&info, at::empty(info.shape, at::kFloat), {}};
    reader.read_image(case_index, whole,
                      {sample.image.mutable_data_ptr<float>(), voxels * static_cast<size_t>(info.channels())});
    if (info.has_label) {
        sample.label = at::empty(info.size(), at::kByte);
        reader.read_label(case_index, whole, {sample.label.mutable_data_ptr<uint8_t>(), voxels});
    }
    if (!info.views.empty()) {
        sample.views = at::empty(view_shape(info.views), at::kFloat);
        reader.read_views(case_index,
                          {sample.views.mutable_data_ptr<float>(), static_cast<size_t>(info.views.pixels())});
    }
    if (resize.any()) sample = resized(sample, resize);
    const std::array<const CaseInfo*, 1> cases{&info};
    sample.image = normalise(sample.image.unsqueeze(0), cases, intensities).squeeze(0);
    return sample;
}

}  // namespace vox::data
