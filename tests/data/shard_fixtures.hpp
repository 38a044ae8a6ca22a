#pragma once
// Small cases with every voxel type and awkward geometry, and data sets made of them.

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "data/case_data.hpp"
#include "data/checksum.hpp"
#include "data/dataset_index.hpp"
#include "data/orientation.hpp"
#include "data/shard_writer.hpp"
#include "data/voxel_dispatch.hpp"

namespace vox::test {

using namespace vox::data;

/// Axes in the order (P, S, L), 0.5 x 3 x 0.7 mm, slightly rotated: every step of the reorientation matters.
inline core::Affine awkward_affine() {
    const double c = std::cos(0.02), s = std::sin(0.02);
    return {{{{0.0, -s * 3.0, -0.7 * c, 31.5}},
             {{-0.5, 0.0, 0.0, -12.25}},
             {{0.0, c * 3.0, -0.7 * s, 4.0}},
             {{0, 0, 0, 1}}}};
}

/// A ball of noise in a background of zeros, so that some chunks are absent; integers use the whole range of small types.
inline NiftiImage make_image(core::Index3 size, VoxelType type, unsigned seed, const core::Affine& affine) {
    NiftiImage image;
    image.size = size;
    image.type = type;
    image.geometry = geometry_from_affine(affine);
    image.voxels.resize(static_cast<size_t>(image.voxel_count()) * voxel_bytes(type));
    std::mt19937_64 random(seed);
    with_voxel_type(type, [&]<class T>() {
        auto* voxels = reinterpret_cast<T*>(image.voxels.data());
        for (int64_t k = 0, at = 0; k < size[2]; ++k) {
            for (int64_t j = 0; j < size[1]; ++j) {
                for (int64_t i = 0; i < size[0]; ++i, ++at) {
                    const double r = std::hypot(2.0 * static_cast<double>(i) / static_cast<double>(size[0]) - 1,
                                                2.0 * static_cast<double>(j) / static_cast<double>(size[1]) - 1,
                                                2.0 * static_cast<double>(k) / static_cast<double>(size[2]) - 1);
                    if (r > 0.7) continue;
                    const uint64_t bits = random();
                    if constexpr (std::is_floating_point_v<T>) {
                        voxels[at] = static_cast<T>(static_cast<double>(static_cast<int64_t>(bits)) * 1e-15);
                    } else if constexpr (sizeof(T) == 8) {
                        voxels[at] = static_cast<T>(bits >> 12);
                    } else {
                        voxels[at] = static_cast<T>(bits >> 7);
                    }
                }
            }
        }
    });
    return image;
}

/// Nested blocks with the values given.
inline NiftiImage make_label(core::Index3 size, const std::vector<int>& values, const core::Affine& affine) {
    NiftiImage image;
    image.size = size;
    image.type = VoxelType::uint8;
    image.geometry = geometry_from_affine(affine);
    image.voxels.resize(static_cast<size_t>(image.voxel_count()));
    for (size_t n = 0; n < values.size(); ++n) {
        for (int64_t k = size[2] / 4; k < size[2] / 2; ++k) {
            for (int64_t j = size[1] / 4; j < size[1] / 2; ++j) {
                const int64_t from = size[0] / 4 + static_cast<int64_t>(n) * size[0] / 8;
                for (int64_t i = from; i < from + size[0] / 8; ++i) {
                    image.voxels[static_cast<size_t>((k * size[1] + j) * size[0] + i)] =
                        static_cast<std::byte>(values[n]);
                }
            }
        }
    }
    return image;
}

inline CaseData make_case(const std::string& id, VoxelType type, unsigned seed, core::Index3 size = {45, 38, 50}) {
    const auto affine = awkward_affine();
    std::vector<NamedVolume> channels{{"a", make_image(size, type, seed, affine)},
                                      {"b", make_image(size, type, seed + 1, affine)}};
    const NiftiImage label = make_label(size, {1, 2, 4}, affine);
    CaseData data = build_case(id, channels, &label);
    data.fingerprint = "made by a test";
    data.info.columns = {{"age", "61.5"}, {"note", "quoted, with a comma"}};
    return data;
}

/// Two views of known numbers, another for every case.
inline void add_views(CaseData& data, unsigned seed, std::array<int64_t, 2> size = {300, 40}) {
    data.info.views = {{"ap", "lateral"}, size, "attenuation"};
    std::mt19937 random(seed);
    data.views.resize(static_cast<size_t>(data.info.views.pixels()));
    for (auto& pixel : data.views) pixel = static_cast<float>(random() % 100'000) * 1e-4F;
    std::fill(data.views.begin(), data.views.begin() + 256 * size[1],
              0.0F);  // a chunk that is absent from the second view's
}

/// All cases in one shard, each in the split that it says, or else in "train".
inline void make_dataset(const std::filesystem::path& folder, const std::vector<CaseData>& cases,
                         Codec codec = Codec::zstd, int64_t edge = 16) {
    std::filesystem::create_directories(folder);
    DatasetIndex index;
    index.scheme = label_scheme("brats2020");
    for (const auto& source : cases.front().info.sources) index.channels.push_back(source.channel);
    index.views = cases.front().info.views;
    ShardWriter writer(folder / "shard_00000.h5", codec, index.scheme.name, edge);
    for (const auto& one : cases) {
        writer.add(one);
        index.cases.push_back({one.info.id, "shard_00000.h5", one.info.split.empty() ? "train" : one.info.split});
    }
    writer.finish();
    index.shards.push_back({"shard_00000.h5", std::filesystem::file_size(folder / "shard_00000.h5"),
                            hex(xxh3_64_of_file(folder / "shard_00000.h5"))});
    write_dataset_index(folder, index);
}

}  // namespace vox::test
