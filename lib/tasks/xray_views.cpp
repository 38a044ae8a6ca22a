#include "tasks/xray_views.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::tasks {
namespace {

at::Tensor at_size(const at::Tensor& views, int64_t size) {
    if (views.size(2) == size && views.size(3) == size) return views;
    if (views.size(0) == 0) return at::empty({0, views.size(1), size, size}, views.options());
    const std::array<int64_t, 2> wanted{size, size};
    if (views.size(2) >= size && views.size(3) >= size) return at::adaptive_avg_pool2d(views, wanted);
    return at::upsample_bilinear2d(views, wanted, /*align_corners=*/false);
}

}  // namespace

loss::ViewUnit view_unit(const std::string& name) {
    if (name == "attenuation") return loss::ViewUnit::attenuation;
    if (name == "none") return loss::ViewUnit::grey;
    throw core::DataError(core::concat("views have the unknown unit '", name, "'; there are attenuation and none"));
}

at::Tensor choose_views(const at::Tensor& views, std::span<const ops::View> stored, std::span<const ops::View> wanted) {
    std::vector<at::Tensor> chosen;
    for (const auto kind : wanted) {
        const auto found = std::ranges::find(stored, kind);
        if (found == stored.end())
            throw core::DataError(
                core::concat("there is no view '", ops::view_name(kind),
                             "' among the radiographs; convert with it, or train with xray_to_ct.num_views: 1, "
                             "which needs ap alone"));
        chosen.push_back(views.select(1, found - stored.begin()));
    }
    return at::stack(chosen, 1);
}

at::Tensor views_for_network(const at::Tensor& views, loss::ViewUnit unit, int64_t size) {
    return at_size(unit == loss::ViewUnit::attenuation ? views / 4 - 1 : views * 2 - 1, size);
}

}  // namespace vox::tasks
