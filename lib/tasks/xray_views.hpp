#pragma once
// X-ray views as a network sees them.

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

#include "loss/projection.hpp"
#include "ops/view.hpp"

namespace vox::tasks {

/// What the views of a data set are called ("attenuation", "none": grey values), and back.  Throws DataError for another name.
loss::ViewUnit view_unit(const std::string& name);

/// views [B,V,h,w] as they are stored, `stored` their kinds -> those that are `wanted`, in that order.  Throws DataError, with what to
/// do, where one is missing.
at::Tensor choose_views(const at::Tensor& views, std::span<const ops::View> stored, std::span<const ops::View> wanted);

/// views [B,V,h,w] of that unit -> [B,V,size,size], about -1 .. 1: line integrals of 0 .. 8 (no body, 40 cm of water), or grey values of
/// 0 .. 1.  Made smaller by means, larger linearly.
at::Tensor views_for_network(const at::Tensor& views, loss::ViewUnit unit, int64_t size);

}  // namespace vox::tasks
