#pragma once
// Data sets on disk whose every voxel is known by a formula.

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "core/geometry.hpp"
#include "data/shard_fixtures.hpp"

namespace vox::test {

/// Voxel (k,j,i) of a case's channel: 0 .. 499, each sixth one 0 (background).
inline int16_t known_voxel(size_t case_index, int64_t channel, int64_t k, int64_t j, int64_t i) {
    const auto mixed = static_cast<uint64_t>(k * 7919 + j * 611 + i * 37 + channel * 131) + case_index * 53;
    return mixed % 6 == 0 ? int16_t{0} : static_cast<int16_t>(mixed * mixed / 7 % 500);
}

/// Label 1 in a block of edge 3 in the middle third, whose place depends on the case; 0 elsewhere.
inline uint8_t known_label(size_t case_index, const core::Index3& size, int64_t k, int64_t j, int64_t i) {
    const auto shift = static_cast<int64_t>(case_index % 3);
    const auto inside = [&](int64_t v, int64_t edge) { return v >= edge / 3 + shift && v < edge / 3 + shift + 3; };
    return inside(k, size[0]) && inside(j, size[1]) && inside(i, size[2]) ? 1 : 0;
}

/// A volume [D,H,W] as NIfTI in RAS, so that its voxels keep their order.
inline NiftiImage ras_image(const core::Index3& size, VoxelType type, const void* voxels, size_t bytes) {
    NiftiImage image;
    image.size = {size[2], size[1], size[0]};
    image.type = type;
    core::Affine identity{};
    for (size_t axis = 0; axis < 4; ++axis) identity[axis][axis] = 1;
    image.geometry = geometry_from_affine(identity);
    image.voxels.resize(bytes);
    std::memcpy(image.voxels.data(), voxels, bytes);
    return image;
}

/// Case "case_<index>" with `channels` channels ("c0", "c1", ...) of `size` [D,H,W], int16.
inline CaseData known_case(size_t index, int64_t channels, const core::Index3& size) {
    const auto count = static_cast<size_t>(size[0] * size[1] * size[2]);
    std::vector<NamedVolume> volumes;
    std::vector<int16_t> voxels(count);
    std::vector<uint8_t> label(count);
    for (int64_t channel = 0; channel < channels; ++channel) {
        size_t v = 0;
        for (int64_t k = 0; k < size[0]; ++k) {
            for (int64_t j = 0; j < size[1]; ++j) {
                for (int64_t i = 0; i < size[2]; ++i, ++v) {
                    voxels[v] = known_voxel(index, channel, k, j, i);
                    label[v] = known_label(index, size, k, j, i);
                }
            }
        }
        volumes.push_back({"c" + std::to_string(channel), ras_image(size, VoxelType::int16, voxels.data(), count * 2)});
    }
    const NiftiImage label_image = ras_image(size, VoxelType::uint8, label.data(), count);
    return build_case("case_" + std::to_string(index), volumes, &label_image);
}

/// One shard in the training split with one case a size.
inline void known_dataset(const std::filesystem::path& folder, int64_t channels, const std::vector<core::Index3>& sizes,
                          Codec codec = Codec::lz4, int64_t edge = 16) {
    std::vector<CaseData> cases;
    for (size_t i = 0; i < sizes.size(); ++i) cases.push_back(known_case(i, channels, sizes[i]));
    make_dataset(folder, cases, codec, edge);
}

}  // namespace vox::test
