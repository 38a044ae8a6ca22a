#pragma once
// What a cascade from X-rays to CT means by its numbers.  Kept in checkpoints, so that `infer` needs no training data.

#include <ATen/core/Tensor.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "core/geometry.hpp"
#include "data/shard_reader.hpp"
#include "loss/projection.hpp"
#include "ops/view.hpp"

namespace vox::tasks {

struct XrayToCtFacts {
    std::array<double, 2> window{-1000, 3000};  // HU that are -1 and 1
    std::vector<ops::View> views;  // in the network's order
    loss::ViewUnit unit = loss::ViewUnit::attenuation;
    core::Double3
        extent_mm{};  // D, H, W of a case: the median of the training cases, for X-rays that come without a CT
    std::vector<std::string> objectives;  // of each stage up to the one that trains

    std::map<std::string, std::string> to_texts() const;
    /// Throws DataError for texts that `to_texts` did not write.
    static XrayToCtFacts from_texts(const std::map<std::string, std::string>& texts);

    /// -1 .. 1 to Hounsfield units.  Any shape, floating.
    at::Tensor to_hu(const at::Tensor& values) const;
    double hu_range() const { return window[1] - window[0]; }
};

/// Any rank: of the training cases; `objectives` stay empty.  Throws DataError where they have no CT, or not the first `num_views` of ap
/// and lateral.
XrayToCtFacts xray_to_ct_facts(const data::ShardReader& reader, const std::array<double, 2>& window, int64_t num_views);

}  // namespace vox::tasks
