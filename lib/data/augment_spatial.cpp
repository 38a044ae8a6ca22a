#include "data/augment_spatial.hpp"

#include <ATen/ops/rot90.h>
#include <ATen/ops/tensor.h>

#include <utility>
#include <vector>

#include "core/error.hpp"
#include "ops/random_tensor.hpp"

namespace vox::data {
namespace {

using ops::Purpose;

// Numbers of each purpose: layer 0 says whether and how much, layer 1 holds an affine's parameters, layer 2 elastic's noise.
constexpr uint32_t choice_layer = 0, affine_layer = 1, noise_layer = 2;
enum ChoiceIndex : uint32_t { is_drawn = 0, first_value = 1, second_value = 2 };
enum AffineIndex : uint32_t { rotate = 0, shear = 3, translate = 9, scale = 12 };

bool drawn(double probability, const ops::RandomKey& key, Purpose purpose) {
    return ops::random_uniform(key, purpose, choice_layer, is_drawn) < probability;
}

double between(double low, double high, const ops::RandomKey& key, Purpose purpose, ChoiceIndex index) {
    return low + (high - low) * ops::random_uniform(key, purpose, choice_layer, index);
}

template <size_t N>
void fill_symmetric(std::array<double, N>& out, const std::vector<double>& ranges, const ops::RandomKey& key,
                    Purpose purpose, AffineIndex first) {
    for (uint32_t i = 0; i < N; ++i) {
        out[i] += ranges.at(i) * (2 * ops::random_uniform(key, purpose, affine_layer, first + i) - 1);
    }
}

core::Affine draw_affine(const AffineRanges& ranges, const ops::RandomKey& key, Purpose purpose) {
    AffineParameters parameters;
    fill_symmetric(parameters.rotate, ranges.rotate, key, purpose, rotate);
    fill_symmetric(parameters.shear, ranges.shear, key, purpose, shear);
    fill_symmetric(parameters.translate, ranges.translate, key, purpose, translate);
    fill_symmetric(parameters.scale, ranges.scale, key, purpose, scale);
    return affine_matrix(parameters);
}

core::Affine draw_zoom(const SpatialOptions& options, const ops::RandomKey& key) {
    const double zoom = between(options.zoom_min, options.zoom_max, key, Purpose::zoom, first_value);
    AffineParameters parameters;
    parameters.scale = {1 / zoom, 1 / zoom, 1 / zoom};
    return affine_matrix(parameters);
}

core::Index3 spatial_size(const at::Tensor& volume) { return {volume.size(-3), volume.size(-2), volume.size(-1)}; }

/// The middle `crop` voxels of the last three axes; the same tensor where that is all.
at::Tensor middle(at::Tensor volume, const core::Index3& crop) {
    for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t dimension = volume.dim() - 3 + static_cast<int64_t>(axis);
        volume = volume.narrow(dimension, (volume.size(dimension) - crop[axis]) / 2, crop[axis]);
    }
    return volume.contiguous();
}

/// Sets what lies outside of `inside` to 0 along the last three axes.
void clear_outside(const at::Tensor& volume, const core::Box& inside) {
    for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t dimension = volume.dim() - 3 + static_cast<int64_t>(axis);
        const int64_t end = inside.start[axis] + inside.size[axis];
        volume.narrow(dimension, 0, inside.start[axis]).zero_();
        volume.narrow(dimension, end, volume.size(dimension) - end).zero_();
    }
}

void turn(const at::Tensor& volume, int64_t quarter_turns, const std::vector<int64_t>& axes) {
    const int64_t first = volume.dim() - 3;
    volume.copy_(at::rot90(volume, quarter_turns, {first + axes[0], first + axes[1]}));
}

/// Those items of a batch that are moved, and how.
struct Moved {
    std::vector<int64_t> items;
    std::vector<Movement> movements;
};

Moved moved_items(const Batch& batch, std::span<const SpatialDraw> draws, const core::Index3& crop,
                  std::span<const core::Box> inside) {
    Moved moved;
    for (size_t item = 0; item < draws.size(); ++item) {
        const SpatialDraw& draw = draws[item];
        if (!draw.moved) continue;
        at::Tensor offsets;
        if (draw.elastic) {
            const at::Tensor noise = elastic_noise(batch.keys[item], crop, batch.image.options());
            offsets = elastic_offsets(noise[0], draw.elastic->sigma, draw.elastic->magnitude);
        }
        moved.items.push_back(static_cast<int64_t>(item));
        moved.movements.push_back({draw.matrix, std::move(offsets), inside[item]});
    }
    return moved;
}

/// The moved items' crops, put into `image` and `label`, which hold the middle of every item.
void sample_into(const at::Tensor& image, const at::Tensor& label, const Batch& batch, const Moved& moved,
                 Padding padding) {
    const at::Tensor items = at::tensor(moved.items).to(batch.image.device());
    const at::Tensor source = batch.image.index_select(0, items);
    if (padding == Padding::zeros) {
        for (size_t i = 0; i < moved.items.size(); ++i) {
            clear_outside(source.select(0, static_cast<int64_t>(i)), moved.movements[i].inside);
        }
    }
    const at::Tensor grid =
        sampling_grid(moved.movements, spatial_size(image), spatial_size(batch.image), padding, batch.image.options());
    image.index_copy_(0, items, sample_linear(source, grid, padding));
    if (!label.defined()) return;
    // What is read outside of a volume has label 0 already.
    label.index_copy_(0, items, sample_nearest(batch.label.index_select(0, items), grid, padding));
}

}  // namespace

SpatialDraw draw_spatial(const SpatialOptions& options, const ops::RandomKey& key) {
    SpatialDraw draw;
    const auto compose = [&draw](const core::Affine& next) {
        draw.matrix = draw.matrix * next;
        draw.moved = true;
    };
    if (drawn(options.affine_probability, key, Purpose::affine)) {
        compose(draw_affine(options.affine, key, Purpose::affine));
    }
    if (drawn(options.rotate_probability, key, Purpose::rotate)) {
        AffineRanges ranges;
        ranges.rotate = options.rotate_range;
        compose(draw_affine(ranges, key, Purpose::rotate));
    }
    if (drawn(options.zoom_probability, key, Purpose::zoom)) compose(draw_zoom(options, key));
    if (drawn(options.elastic_probability, key, Purpose::elastic)) {
        const auto& [sigma, magnitude] = std::pair(options.elastic_sigma, options.elastic_magnitude);
        draw.elastic = {between(sigma[0], sigma[1], key, Purpose::elastic, first_value),
                        between(magnitude[0], magnitude[1], key, Purpose::elastic, second_value)};
        compose(draw_affine(options.elastic, key, Purpose::elastic));
    }
    if (drawn(options.rotate90_probability, key, Purpose::rotate90)) {
        draw.quarter_turns = 1 + ops::random_below(key, Purpose::rotate90, choice_layer, first_value, 3);
    }
    return draw;
}

at::Tensor elastic_noise(const ops::RandomKey& key, const core::Index3& crop, const at::TensorOptions& options) {
    return ops::random_uniform_tensor({&key, 1}, Purpose::elastic, noise_layer, {1, 3, crop[0], crop[1], crop[2]},
                                      options)
        .mul_(2)
        .sub_(1);
}

void augment_spatial(Batch& batch, const SpatialOptions& options, const core::Index3& crop,
                     std::span<const core::Box> inside) {
    const auto items = static_cast<size_t>(batch.size());
    const core::Index3 read = spatial_size(batch.image), margin = options.margins();
    core::check(batch.keys.size() == items && inside.size() == items, "augment_spatial: one key and one box an item");
    for (size_t axis = 0; axis < 3; ++axis) {
        core::check(read[axis] == crop[axis] + 2 * margin[axis], "augment_spatial: not a crop with its margin");
    }
    std::vector<SpatialDraw> draws;
    draws.reserve(items);
    for (const ops::RandomKey& key : batch.keys) draws.push_back(draw_spatial(options, key));
    const at::Tensor image = middle(batch.image, crop);
    const at::Tensor label = batch.label.defined() ? middle(batch.label, crop) : at::Tensor();
    const Moved moved = moved_items(batch, draws, crop, inside);
    const Padding padding = options.padding == "zeros" ? Padding::zeros : Padding::border;
    if (!moved.items.empty()) sample_into(image, label, batch, moved, padding);
    for (size_t item = 0; item < items; ++item) {
        if (draws[item].quarter_turns == 0) continue;
        const auto row = static_cast<int64_t>(item);
        turn(image.select(0, row), draws[item].quarter_turns, options.rotate90_axes);
        if (label.defined()) turn(label.select(0, row), draws[item].quarter_turns, options.rotate90_axes);
    }
    batch.image = image;
    batch.label = label;
}

}  // namespace vox::data
