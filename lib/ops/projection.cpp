#include "ops/projection.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/grid_sampler_3d.h>
#include <ATen/ops/max.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/min.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::ops {
namespace {

constexpr int64_t samples_at_once = 1 << 22;

// Of [D,H,W].
constexpr size_t head = 0;

/// The axis that rays follow, and the one that columns run along, downwards.
struct Axes {
    size_t along, columns;
};
Axes axes_of(View view) { return view == View::ap ? Axes{1, 2} : Axes{2, 1}; }

void check_input(const at::Tensor& volume, std::span<const core::Double3> spacing_mm, std::span<const View> views) {
    core::check(volume.dim() == 5 && volume.size(1) == 1 && volume.is_floating_point(),
                "project: the volume is not [B,1,D,H,W] of floating type");
    core::check(static_cast<int64_t>(spacing_mm.size()) == volume.size(0), "project: one spacing an item is needed");
    core::check(volume.size(2) * volume.size(3) * volume.size(4) > 0 && !views.empty(),
                "project: no voxels or no views");
    for (const auto& spacing : spacing_mm) {
        core::check(*std::min_element(spacing.begin(), spacing.end()) > 0,
                    core::concat("project: a spacing of [", core::join(spacing, ", "), "] mm"));
    }
}

at::Tensor resized(const at::Tensor& view, const ParallelGeometry& geometry) {
    const std::array<int64_t, 2> size{geometry.view_size[0] > 0 ? geometry.view_size[0] : view.size(2),
                                      geometry.view_size[1] > 0 ? geometry.view_size[1] : view.size(3)};
    if (view.sizes().slice(2) == at::IntArrayRef(size)) return view;
    // ATen's kernels refuse a batch of none.
    if (view.size(0) == 0) return at::empty({0, 1, size[0], size[1]}, view.options());
    if (geometry.resize == ViewResize::area) return at::adaptive_avg_pool2d(view, size);
    return at::upsample_bilinear2d(view, size, /*align_corners=*/false);
}

/// What a ray is, in mm from the volume's centre along D, H, W.
struct Rays {
    core::Double3 source{};
    at::Tensor direction;  // [h,w,3] float64, from the source to the pixel
};

Rays rays_of(View view, const PerspectiveGeometry& geometry, at::Device device) {
    const auto [along, columns] = axes_of(view);
    const auto options = at::TensorOptions(at::kDouble).device(device);
    const auto [h, w] = geometry.view_size;
    // In front of the patient (+H), or at the right side (+W).
    Rays rays;
    rays.source[along] = geometry.source_isocentre_mm;
    const auto down = (at::arange(h, options) - 0.5 * static_cast<double>(h - 1)) * geometry.pixel_mm;
    const auto across = (at::arange(w, options) - 0.5 * static_cast<double>(w - 1)) * geometry.pixel_mm;
    std::array<at::Tensor, 3> parts;
    parts[head] = down.neg().view({h, 1}).expand({h, w});        // row 0 is towards the head
    parts[columns] = across.neg().view({1, w}).expand({h, w});   // column 0 is the right side, or the front
    parts[along] = at::full_like(parts[head], -geometry.source_detector_mm);
    rays.direction = at::stack({parts[0], parts[1], parts[2]}, 2);
    return rays;
}

/// The stretch of each ray inside the box of half edges `half`, as shares of `direction`: [h,w] each; equal where it misses.
std::pair<at::Tensor, at::Tensor> inside_box(const core::Double3& source, const at::Tensor& direction,
                                             const core::Double3& half) {
    at::Tensor enter = at::zeros(direction.sizes().slice(0, 2), direction.options());
    at::Tensor leave = at::full_like(enter, 1.0);
    for (size_t axis = 0; axis < 3; ++axis) {
        const auto step = direction.select(2, static_cast<int64_t>(axis));
        // A ray along a face divides by 0, and the infinities have the right signs.  0 / 0 would need a source on a face's plane,
        // but the source lies outside along the rays' axis and in the middle along the others.
        const auto low = (-half[axis] - source[axis]) / step, high = (half[axis] - source[axis]) / step;
        enter = at::maximum(enter, at::minimum(low, high));
        leave = at::minimum(leave, at::maximum(low, high));
    }
    return {enter, at::maximum(enter, leave)};
}

/// One item and view, rays of some rows: volume [1,1,D,H,W], direction [r,w,3]; returns [r,w].
at::Tensor integrals(const at::Tensor& volume, const core::Double3& spacing, const core::Double3& source,
                     const at::Tensor& direction, double step_mm) {
    core::Double3 half{};
    for (size_t axis = 0; axis < 3; ++axis) {
        half[axis] = 0.5 * spacing[axis] * static_cast<double>(volume.size(static_cast<int64_t>(axis) + 2));
    }
    const auto [enter, leave] = inside_box(source, direction, half);
    // The same number of samples for every ray: no ray is longer than the box's diagonal.
    const double longest = 2 * std::hypot(half[0], half[1], half[2]);
    const auto samples = std::max<int64_t>(1, std::llround(std::ceil(longest / step_mm)));
    const auto share = (at::arange(samples, direction.options()) + 0.5) / static_cast<double>(samples);
    const auto at_share = enter.unsqueeze(2) + (leave - enter).unsqueeze(2) * share;  // [r,w,n]
    std::array<at::Tensor, 3> place;
    for (size_t axis = 0; axis < 3; ++axis) {
        const auto step = direction.select(2, static_cast<int64_t>(axis)).unsqueeze(2);
        place[axis] = ((source[axis] + at_share * step) / half[axis]).to(volume.scalar_type());  // the box is -1 .. 1
    }
    const auto grid = at::stack({place[2], place[1], place[0]}, 3).unsqueeze(0);
    const int64_t linear = 0, border = 1;
    const auto values = at::grid_sampler_3d(volume, grid, linear, border, /*align_corners=*/false);
    const auto length = ((leave - enter) * direction.square().sum(2).sqrt()).to(volume.scalar_type());
    return values.view({direction.size(0), direction.size(1), samples}).mean(2) * length;
}

at::Tensor perspective_view(const at::Tensor& volume, const core::Double3& spacing, View view,
                            const PerspectiveGeometry& geometry) {
    const Rays rays = rays_of(view, geometry, volume.device());
    const double finest = *std::min_element(spacing.begin(), spacing.end());
    const double step_mm = geometry.step_mm > 0 ? geometry.step_mm : finest / 2;
    core::Double3 edge{};
    for (size_t axis = 0; axis < 3; ++axis) {
        edge[axis] = spacing[axis] * static_cast<double>(volume.size(static_cast<int64_t>(axis) + 2));
    }
    core::check(0.5 * edge[axes_of(view).along] < geometry.source_isocentre_mm,
                core::concat("project: the source, ", geometry.source_isocentre_mm,
                             " mm from the middle, is inside the volume of ", edge[axes_of(view).along], " mm"));
    const double samples_a_row =
        static_cast<double>(geometry.view_size[1]) * std::hypot(edge[0], edge[1], edge[2]) / step_mm;
    const auto rows = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(samples_at_once) / samples_a_row));
    std::vector<at::Tensor> slabs;
    for (int64_t row = 0; row < geometry.view_size[0]; row += rows) {
        const int64_t count = std::min(rows, geometry.view_size[0] - row);
        slabs.push_back(integrals(volume, spacing, rays.source, rays.direction.narrow(0, row, count), step_mm));
    }
    return at::cat(slabs, 0);
}

}  // namespace

at::Tensor attenuation_of_hu(const at::Tensor& hu, double mu_water_per_mm) {
    return (hu.div(1000).add(1)).mul(mu_water_per_mm).clamp_min(0);
}

at::Tensor project_parallel(const at::Tensor& attenuation, std::span<const core::Double3> spacing_mm,
                            std::span<const View> views, const ParallelGeometry& geometry) {
    check_input(attenuation, spacing_mm, views);
    std::vector<at::Tensor> images;
    for (const View view : views) {
        const auto [along, columns] = axes_of(view);
        const int64_t axis = static_cast<int64_t>(along) + 2;
        std::vector<double> lengths;
        for (const auto& spacing : spacing_mm) lengths.push_back(spacing[along]);
        const auto length = at::from_blob(lengths.data(), {attenuation.size(0), 1, 1, 1}, at::kDouble)
                                .to(attenuation.options(), /*non_blocking=*/false, /*copy=*/true);
        // Indices run towards the head and to the right, or to the front: rows and columns run the other way.
        images.push_back(resized((attenuation.sum(axis) * length).flip({2, 3}), geometry));
    }
    for (const auto& image : images) {
        core::check(image.sizes() == images.front().sizes(),
                    "project: views along axes of different lengths need a view_size");
    }
    return at::cat(images, 1);
}

at::Tensor project_perspective(const at::Tensor& attenuation, std::span<const core::Double3> spacing_mm,
                               std::span<const View> views, const PerspectiveGeometry& geometry) {
    check_input(attenuation, spacing_mm, views);
    core::check(
        geometry.view_size[0] > 0 && geometry.view_size[1] > 0 && geometry.pixel_mm > 0 &&
            geometry.source_isocentre_mm > 0 && geometry.source_detector_mm > geometry.source_isocentre_mm &&
            geometry.step_mm >= 0,
        "project: a perspective needs a view size, a pixel size, and a source that is further from the detector "
        "than from the middle");
    std::vector<at::Tensor> items;
    for (int64_t item = 0; item < attenuation.size(0); ++item) {
        std::vector<at::Tensor> images;
        for (const View view : views) {
            images.push_back(perspective_view(attenuation.narrow(0, item, 1), spacing_mm[static_cast<size_t>(item)],
                                              view, geometry));
        }
        items.push_back(at::stack(images, 0));
    }
    if (!items.empty()) return at::stack(items, 0);
    return at::empty({0, static_cast<int64_t>(views.size()), geometry.view_size[0], geometry.view_size[1]},
                     attenuation.options());
}

}  // namespace vox::ops
