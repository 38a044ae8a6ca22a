#include "loss/projection.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <array>

#include "core/error.hpp"
#include "loss/per_item.hpp"
#include "ops/projection.hpp"

namespace vox::loss {
namespace {

/// [B,h,w] at the radiograph's resolution.
at::Tensor at_resolution(const at::Tensor& view, const at::Tensor& radiograph) {
    if (view.sizes() == radiograph.sizes()) return view;
    if (view.size(0) == 0)
        return at::empty(radiograph.sizes(), view.options());  // ATen's kernel refuses a batch of none
    return at::adaptive_avg_pool2d(view.unsqueeze(1), radiograph.sizes().slice(1)).squeeze(1);
}

at::Tensor mean_of_pixels(const at::Tensor& image) { return image.mean(at::IntArrayRef({1, 2}), /*keepdim=*/true); }

/// What the best line from `radiograph` to `view` leaves over, as a share of the view's variance: 1 - correlation^2.  [B].
at::Tensor unexplained_share(const at::Tensor& radiograph, const at::Tensor& view) {
    const at::Tensor x = radiograph - mean_of_pixels(radiograph), y = view - mean_of_pixels(view);
    const at::Tensor of_x = mean_of_pixels(x * x), of_y = mean_of_pixels(y * y), together = mean_of_pixels(x * y);
    // A radiograph that is one grey explains nothing, and a view that is one grey has nothing to explain.
    const at::Tensor usable = (of_x > 0).logical_and(of_y > 0);
    const at::Tensor product = (of_x * of_y).masked_fill(usable.logical_not(), 1);
    const at::Tensor explained = (together * together / product).masked_fill(usable.logical_not(), 0);
    return (1 - explained).masked_fill(of_y <= 0, 0).flatten();
}

}  // namespace

at::Tensor projection_errors_per_item(const at::Tensor& attenuation, std::span<const core::Double3> spacing_mm,
                                      const at::Tensor& views, std::span<const ops::View> kinds, ViewUnit unit) {
    core::check(views.dim() == 4 && views.size(0) == attenuation.size(0) &&
                    views.size(1) == static_cast<int64_t>(kinds.size()) && !kinds.empty(),
                "views must be [B,V,h,w], a kind for each of V");
    const auto dtype = loss_dtype(attenuation);
    at::Tensor errors = at::zeros({attenuation.size(0)}, attenuation.options().dtype(dtype));
    for (size_t v = 0; v < kinds.size(); ++v) {
        const std::array<ops::View, 1> kind{kinds[v]};
        const at::Tensor radiograph = ops::project_parallel(attenuation.to(dtype), spacing_mm, kind, {}).squeeze(1);
        const at::Tensor view = at_resolution(views.select(1, static_cast<int64_t>(v)).to(dtype), radiograph);
        const at::Tensor difference = radiograph - view;
        errors = errors + (unit == ViewUnit::grey ? unexplained_share(radiograph, view)
                                                  : mean_of_pixels(difference * difference).flatten());
    }
    return errors / static_cast<double>(kinds.size());
}

}  // namespace vox::loss
