#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/geometry.hpp"
#include "data/case_info.hpp"
#include "ops/random_key.hpp"
#include "ops/view.hpp"

namespace vox::data {

/// This rank's contiguous slice of one global micro-batch, on the training device.  It may be empty: image [0,C,D,H,W].
struct Batch {
    at::Tensor image;  // [B,C,D,H,W] float32 (float64 where training is fp64)
    at::Tensor label;  // [B,D,H,W] uint8
    at::Tensor views;  // [B,V,h,w] of the image's type, as stored; undefined where the data set has none
    std::vector<ops::View> view_kinds;  // V
    std::vector<ops::RandomKey> keys;  // one an item
    std::vector<std::string> case_ids;  // one an item
    std::vector<core::Double3> spacing_mm;  // D,H,W of the voxels as read (before data.spatial moves them), one an item
    int64_t size() const { return image.defined() ? image.size(0) : 0; }
};

/// One whole case for validation and inference, on the host.
struct Sample {
    const CaseInfo* info = nullptr;
    at::Tensor image;  // [C,D,H,W] float32, intensities normalised
    at::Tensor label;  // [D,H,W] uint8; undefined where there is none
    at::Tensor views{};  // [V,h,w] float32, as stored; undefined where there are none
};

}  // namespace vox::data
