// What MONAI makes of a crop (tools/golden/augment_spatial.py), each part alone and all together.

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.hpp"
#include "data/augment_spatial.hpp"
#include "support/golden.hpp"

namespace vox::data {
namespace {

using nlohmann::json;

core::Index3 index3(const json& value) { return {value[0], value[1], value[2]}; }

/// The image [1,1,D,H,W] float64 and the label [1,D,H,W] of tools/golden/augment_spatial.py.
at::Tensor golden_image(const core::Index3& size) { return test::uniform({1, 1, size[0], size[1], size[2]}, 1000); }
at::Tensor golden_label(const core::Index3& size) {
    return test::uniform({1, size[0], size[1], size[2]}, 1001).mul(4).floor().to(at::kByte);
}

core::Affine part(const json& golden, const std::string& name) {
    const json& values = golden["parts"][name];
    AffineParameters parameters;
    parameters.rotate = values["rotate"];
    if (values.contains("shear")) parameters.shear = values["shear"];
    if (values.contains("translate")) parameters.translate = values["translate"];
    if (values.contains("scale")) parameters.scale = values["scale"];
    return affine_matrix(parameters);
}

core::Affine zoom_by(double factor) { return affine_matrix({{}, {}, {}, {1 / factor, 1 / factor, 1 / factor}}); }

/// What the draw would be for one of MONAI's cases.
Movement movement(const json& golden, const json& one, const core::Index3& size) {
    const std::string name = one["name"];
    Movement out{identity(), {}, {{0, 0, 0}, size}};
    const bool all = name == "composed", affines = all || name == "lazy";
    if (affines || name == "affine") out.matrix = out.matrix * part(golden, "affine");
    if (affines || name == "rotate") out.matrix = out.matrix * part(golden, "rotate");
    if (affines || name == "zoom") out.matrix = out.matrix * zoom_by(one["factor"]);
    if (all || name == "elastic") {
        out.matrix = out.matrix * part(golden, "elastic");
        const at::Tensor noise = test::uniform({3, size[0], size[1], size[2]}, 1002).mul(2).sub(1);
        out.offsets = elastic_offsets(noise, golden["elastic"]["sigma"], golden["elastic"]["magnitude"]);
    }
    return out;
}

at::Tensor part_of(at::Tensor volume, const json& one) {
    if (!one.contains("zoomed")) return volume;
    for (int64_t axis = 0; axis < 3; ++axis) {
        volume = volume.narrow(volume.dim() - 3 + axis, one["zoomed"][0][axis], one["zoomed"][1][axis]);
    }
    return volume;
}

/// MONAI works on matrices of float32: 1e-7 of the seven voxels from the centre to an edge, on noise that changes by up to 1
/// from voxel to voxel along each axis, twice that where it zooms out; Rand3DElastic's places are float32 too.  Seen: 8e-7.
constexpr double monai_rounding = 2e-6;

TEST(AugmentSpatialGolden, EachPartAndTheirCompositionAreMonais) {
    const json golden = test::golden_json("augment_spatial");
    test::GoldenArrays arrays("augment_spatial");
    std::set<std::string> seen;
    for (const json& one : golden["cases"]) {
        const core::Index3 size = index3(one["size"]);
        const at::Tensor image = arrays.next({1, 1, size[0], size[1], size[2]});
        const at::Tensor label = arrays.next({1, size[0], size[1], size[2]}).to(at::kByte);
        if (one["name"] == "rotate90") continue;
        const std::array<Movement, 1> movements{movement(golden, one, size)};
        const Padding padding = one["padding"] == "zeros" ? Padding::zeros : Padding::border;
        const at::Tensor grid = sampling_grid(movements, size, size, padding, at::kDouble);
        const at::Tensor sampled = sample_linear(golden_image(size), grid, padding);
        EXPECT_EQ(sampled.scalar_type(), at::kDouble);
        EXPECT_LE(part_of(sampled - image, one).abs().max().item<double>(), monai_rounding) << one;
        EXPECT_TRUE(at::equal(part_of(sample_nearest(golden_label(size), grid, padding), one), part_of(label, one)))
            << one;
        seen.insert(one["name"]);
    }
    EXPECT_TRUE(arrays.at_end());
    EXPECT_EQ(seen, (std::set<std::string>{"affine", "rotate", "zoom", "elastic", "lazy", "composed"}));
}

/// A key whose draw makes `turns` quarter turns.
ops::RandomKey key_of_turns(const SpatialOptions& options, int64_t turns) {
    for (uint32_t position = 0; position < 100; ++position) {
        const ops::RandomKey key{1, 0, position, 0};
        if (draw_spatial(options, key).quarter_turns == turns) return key;
    }
    throw core::InternalError("no key draws these turns");
}

TEST(AugmentSpatialGolden, QuarterTurnsAreMonaisBitForBit) {
    const json golden = test::golden_json("augment_spatial");
    test::GoldenArrays arrays("augment_spatial");
    int turns = 0;
    for (const json& one : golden["cases"]) {
        const core::Index3 size = index3(one["size"]);
        const at::Tensor image = arrays.next({1, 1, size[0], size[1], size[2]});
        const at::Tensor label = arrays.next({1, size[0], size[1], size[2]}).to(at::kByte);
        if (one["name"] != "rotate90") continue;
        SpatialOptions options;
        options.rotate90_probability = 1;
        options.rotate90_axes = {one["axes"][0], one["axes"][1]};
        const at::Tensor single = golden_image(size).to(at::kFloat);
        Batch batch;
        batch.image = single;
        batch.label = golden_label(size);
        batch.keys = {key_of_turns(options, one["k"])};
        const std::array<core::Box, 1> inside{{{{0, 0, 0}, size}}};
        augment_spatial(batch, options, size, inside);
        EXPECT_TRUE(at::equal(batch.image, image.to(at::kFloat))) << one;
        EXPECT_TRUE(at::equal(batch.label, label)) << one;
        ++turns;
    }
    EXPECT_EQ(turns, 9);
}

}  // namespace
}  // namespace vox::data
