// Surface distances against medpy's and MONAI's (tools/golden/surface_distance.py), and where the answer is known.

#include "metrics/surface_distance.hpp"

#include <ATen/Context.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "data/nifti.hpp"
#include "metrics/known_masks.hpp"
#include "support/oracle.hpp"

namespace vox::metrics {
namespace {

using enum EmptySurfaceRule;

double hd(const SurfaceDistances& distances, double percentile, const std::string& definition) {
    return hausdorff_distance(distances, percentile, hausdorff_definition(definition), infinite);
}

double asd(const SurfaceDistances& distances, const std::string& definition) {
    return average_surface_distance(distances, average_definition(definition), infinite);
}

// Numbers, or the text of one that is not finite.
double number(const nlohmann::json& value) {
    return value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>();
}

void expect_figure(double got, const nlohmann::json& figures, const std::string& name, double tolerance) {
    if (!figures.contains(name)) return;  // medpy refuses empty masks
    const double expected = number(figures.at(name));
    if (std::isfinite(expected)) {
        EXPECT_NEAR(got, expected, tolerance * expected) << name;
    } else if (std::isinf(expected)) {
        EXPECT_EQ(got, expected) << name;
    } else if (name != "monai_hd95" || !std::isinf(got)) {  // MONAI interpolates between two infinities, which is NaN
        EXPECT_TRUE(std::isnan(got)) << name;
    }
}

// medpy works in float64, MONAI in float32.
void expect_figures(const SurfaceDistances& distances, const nlohmann::json& figures) {
    expect_figure(hd(distances, 95, "pooled"), figures, "medpy_hd95", 1e-12);
    expect_figure(hd(distances, 100, "pooled"), figures, "medpy_hd", 1e-12);
    expect_figure(asd(distances, "pooled"), figures, "medpy_assd", 1e-12);
    expect_figure(asd(distances, "mean_of_directed"), figures, "medpy_mean_of_asd", 1e-12);
    expect_figure(asd(distances, "to_truth"), figures, "medpy_asd", 1e-12);
    expect_figure(hd(distances, 95, "max_directed"), figures, "monai_hd95", 1e-6);
    expect_figure(hd(distances, 100, "max_directed"), figures, "monai_hd", 1e-6);
    expect_figure(asd(distances, "pooled"), figures, "monai_assd", 1e-6);
    if (!distances.to_truth.empty()) expect_figure(asd(distances, "to_truth"), figures, "monai_asd", 1e-6);
}

TEST(SurfaceDistance, EqualsMedpyAndMonai) {
    const auto golden = test::golden_json("surface_distance");
    EXPECT_GE(golden.at("pairs").size(), 11u);
    for (const auto& [name, pair] : golden.at("pairs").items()) {
        SCOPED_TRACE(name);
        const auto size = pair.at("size").get<std::vector<int64_t>>();
        expect_figures(
            surface_distances(test::mask_of(size, pair.at("predicted")), test::mask_of(size, pair.at("truth")),
                              pair.at("spacing_mm").get<core::Double3>()),
            pair.at("figures"));
    }
}

// The voxels of the label whose value is one of those, [D,H,W] as the file holds them.
at::Tensor real_mask(const std::filesystem::path& folder, const nlohmann::json& which) {
    auto image = data::read_nifti(folder / (which.at(0).get<std::string>() + ".nii.gz"));
    const auto label = at::from_blob(image.voxels.data(), {image.size[2], image.size[1], image.size[0]}, at::kByte);
    auto mask = at::zeros(label.sizes(), at::kBool);
    for (const auto& value : which.at(1)) mask.logical_or_(label.eq(value.get<int>()));
    return mask;
}

TEST(SurfaceDistance, EqualsMedpyAndMonaiOnRealLabels) {
    const auto folder = test::shared_data() / "prostate" / "ProstateX-0000";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
    const auto golden = test::golden_json("surface_distance");
    EXPECT_GE(golden.at("real").size(), 4u);
    for (const auto& pair : golden.at("real")) {
        SCOPED_TRACE(pair.dump());
        expect_figures(surface_distances(real_mask(folder, pair.at("predicted")), real_mask(folder, pair.at("truth")),
                                         pair.at("spacing_mm").get<core::Double3>()),
                       pair.at("figures"));
    }
}

at::Tensor ball(const core::Double3& centre, double radius_mm, const core::Double3& spacing_mm) {
    auto mask = at::zeros({12, 48, 48}, at::kBool);
    test::add_ellipsoid(mask, centre,
                        {radius_mm / spacing_mm[0], radius_mm / spacing_mm[1], radius_mm / spacing_mm[2]});
    return mask;
}

// No voxel is farther from the moved ball than the move, and the one at the end of the axis is no nearer.
TEST(SurfaceDistance, OfABallMovedAlongAnAxisIsTheMove) {
    const core::Double3 mm{3.0, 0.5, 0.5};
    const auto still = ball({5, 20, 20}, 7.7, mm);
    EXPECT_NEAR(hd(surface_distances(still, ball({6, 20, 20}, 7.7, mm), mm), 100, "pooled"), 3.0, 1e-12);
    EXPECT_NEAR(hd(surface_distances(still, ball({5, 27, 20}, 7.7, mm), mm), 100, "pooled"), 3.5, 1e-12);
    EXPECT_NEAR(hd(surface_distances(still, ball({5, 20, 16}, 7.7, mm), mm), 100, "max_directed"), 2.0, 1e-12);
}

// Balls around one centre: the difference of their radii, but for voxels that stand for points of the spheres.
TEST(SurfaceDistance, OfBallsAroundOneCentreIsTheDifferenceOfTheirRadii) {
    const core::Double3 mm{3.0, 0.5, 0.5};
    const auto distances = surface_distances(ball({5.5, 24, 24}, 11.0, mm), ball({5.5, 24, 24}, 5.0, mm), mm);
    const double voxel = std::hypot(3.0, 0.5, 0.5);
    EXPECT_NEAR(hd(distances, 100, "pooled"), 6.0, voxel);
    EXPECT_NEAR(asd(distances, "pooled"), 6.0, voxel / 2);
}

// Two sheets: each distance is 15 mm.
TEST(SurfaceDistance, OfParallelSheetsIsOneNumber) {
    auto a = at::zeros({10, 7, 6}, at::kByte), b = at::zeros({10, 7, 6}, at::kByte);
    a[2].fill_(1);
    b[7].fill_(200);
    const auto distances = surface_distances(a, b, {3.0, 0.5, 0.5});
    EXPECT_EQ(distances.to_truth.size(), 42u);
    for (const std::string definition : {"pooled", "max_directed"})
        for (const double percentile : {0.0, 50.0, 95.0, 100.0}) EXPECT_EQ(hd(distances, percentile, definition), 15.0);
    for (const std::string definition : {"pooled", "mean_of_directed", "to_truth"})
        EXPECT_EQ(asd(distances, definition), 15.0);
}

// A row of 21 voxels against its first one: 0, 1, ..., 20 mm there, 0 back.
TEST(SurfaceDistance, DefinitionsDifferAsTheySay) {
    auto row = at::zeros({1, 1, 21}, at::kBool), first = at::zeros({1, 1, 21}, at::kBool);
    row.fill_(true);
    first[0][0][0] = true;
    const auto distances = surface_distances(row, first, {1.0, 1.0, 1.0});
    EXPECT_DOUBLE_EQ(hd(distances, 95, "max_directed"), 19.0);  // place 19 of 0..20
    EXPECT_DOUBLE_EQ(hd(distances, 95, "pooled"), 0.95 * 21 - 1);  // one more 0 before them
    EXPECT_DOUBLE_EQ(asd(distances, "to_truth"), 10.0);
    EXPECT_DOUBLE_EQ(asd(distances, "mean_of_directed"), 5.0);
    EXPECT_DOUBLE_EQ(asd(distances, "pooled"), 210.0 / 22);
    const auto back = surface_distances(first, row, {1.0, 1.0, 1.0});
    EXPECT_DOUBLE_EQ(asd(back, "to_truth"), 0.0);
    EXPECT_DOUBLE_EQ(hd(back, 95, "max_directed"), 19.0);
}

// The inside of a box is no surface, its border with the volume is.
TEST(SurfaceDistance, TheSurfaceIsWhatHasAFaceOutside) {
    auto box = at::zeros({5, 6, 7}, at::kBool);
    test::add_box(box, {{0, 1, 2}, {3, 4, 5}});
    EXPECT_EQ(surface_distances(box, box, {1, 1, 1}).to_truth.size(), size_t{3 * 4 * 5 - 1 * 2 * 3});
    EXPECT_EQ(surface_distances(box.logical_not(), box, {1, 1, 1}).to_truth.size(), size_t{5 * 6 * 7 - 3 * 4 * 5 - 4});
}

TEST(SurfaceDistance, EmptyMasksFollowTheRule) {
    const auto none = at::zeros({4, 5, 6}, at::kBool);
    auto some = none.clone();
    some[1][2][3] = true;
    const core::Double3 mm{3.0, 2.0, 2.0};  // diagonal of 12 x 10 x 12 mm
    const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
    struct Row {
        EmptySurfaceRule rule;
        double one, both;
    };
    for (const auto& [rule, one, both] : {Row{skip, nan, nan}, Row{infinite, inf, nan},
                                          Row{diagonal, std::sqrt(388.0), 0}, Row{brats, std::sqrt(139225.0), 0}}) {
        SCOPED_TRACE(describe(rule));
        for (const auto& [p, t, expected] : {std::tuple{none, some, one}, {some, none, one}, {none, none, both}}) {
            const auto distances = surface_distances(p, t, mm);
            for (const double got : {hausdorff_distance(distances, 95, HausdorffDefinition::pooled, rule),
                                     hausdorff_distance(distances, 100, HausdorffDefinition::max_directed, rule),
                                     average_surface_distance(distances, AverageDefinition::mean_of_directed, rule),
                                     average_surface_distance(distances, AverageDefinition::to_truth, rule)}) {
                if (std::isnan(expected)) {
                    EXPECT_TRUE(std::isnan(got));
                } else {
                    EXPECT_DOUBLE_EQ(got, expected);
                }
            }
        }
        EXPECT_EQ(hausdorff_distance(surface_distances(some, some, mm), 95, HausdorffDefinition::pooled, rule), 0);
    }
}

TEST(SurfaceDistance, AMaskOnAGpuGivesTheSameFigures) {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no GPU";
    const core::Double3 mm{3.0, 0.5, 0.5};
    const auto a = ball({5, 20, 20}, 7.7, mm), b = ball({6, 24, 19}, 6.1, mm);
    const auto host = surface_distances(a, b, mm), gpu = surface_distances(a.to(at::kCUDA), b.to(at::kCUDA), mm);
    EXPECT_EQ(host.to_truth, gpu.to_truth);
    EXPECT_EQ(host.to_prediction, gpu.to_prediction);
}

TEST(SurfaceDistance, NamesAreUnderstoodAndOthersRefused) {
    EXPECT_EQ(hausdorff_definition("max_directed"), HausdorffDefinition::max_directed);
    EXPECT_EQ(average_definition("to_truth"), AverageDefinition::to_truth);
    EXPECT_EQ(empty_surface_rule("diagonal"), diagonal);
    EXPECT_NE(describe(HausdorffDefinition::pooled), describe(HausdorffDefinition::max_directed));
    EXPECT_NE(describe(AverageDefinition::pooled), describe(AverageDefinition::mean_of_directed));
    EXPECT_THROW(hausdorff_definition("medpy"), core::ConfigError);
    EXPECT_THROW(average_definition("max_directed"), core::ConfigError);
    EXPECT_THROW(empty_surface_rule("zero"), core::ConfigError);
}

TEST(SurfaceDistance, RefusesWhatDoesNotFit) {
    const auto mask = at::zeros({4, 5, 6}, at::kBool);
    const core::Double3 mm{1, 1, 1};
    EXPECT_THROW(surface_distances(mask, at::zeros({4, 6, 5}, at::kBool), mm), core::InternalError);
    EXPECT_THROW(surface_distances(mask[0], mask[0], mm), core::InternalError);
    EXPECT_THROW(surface_distances(mask, mask, {1, -1, 1}), core::InternalError);
    EXPECT_THROW(hd(surface_distances(mask, mask, mm), 100.5, "pooled"), core::InternalError);
}

}  // namespace
}  // namespace vox::metrics
