// The figures of cases and their summary; distances against medpy and MONAI (tools/golden/surface_distance.py).

#include "tasks/segmentation_figures.hpp"

#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "metrics/known_masks.hpp"

namespace vox::tasks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr double inf = std::numeric_limits<double>::infinity();

metrics::Options with_distances() {
    metrics::Options options;
    options.surface_distances = true;
    return options;
}

data::LabelScheme zones() { return data::label_scheme("prostate158_anatomy"); }

std::vector<std::string> names(const metrics::Figures& figures) {
    std::vector<std::string> result;
    for (const auto& [name, value] : figures) result.push_back(name);
    return result;
}

double value_of(const metrics::Figures& figures, const std::string& name) {
    for (const auto& [other, value] : figures)
        if (other == name) return value;
    throw std::out_of_range(name);
}

train::CaseFigures one_case(const metrics::Figures& figures) { return {"a", figures, std::nullopt}; }

// TZ is the pair, PZ the pair with truth and prediction exchanged.
TEST(SegmentationFigures, DistancesEqualMedpyAndMonaiUnderTheirDefinitions) {
    const auto golden = test::golden_json("surface_distance");
    for (const std::string name : {"balls", "anisotropic", "satellite", "noise", "border", "voxels"}) {
        SCOPED_TRACE(name);
        const auto& pair = golden.at("pairs").at(name);
        const auto size = pair.at("size").get<std::vector<int64_t>>();
        const auto p = test::mask_of(size, pair.at("predicted")), t = test::mask_of(size, pair.at("truth"));
        const JudgedCase judged{at::stack({p, t}), at::stack({t, p}), pair.at("spacing_mm").get<core::Double3>(),
                                at::Tensor()};
        const auto expect = [&](const metrics::Options& options, const std::string& ours, const std::string& theirs,
                                double tolerance) {
            const double expected = pair.at("figures").at(theirs).get<double>();
            const auto figures = SegmentationFigures(options, zones()).of_case(judged);
            EXPECT_NEAR(value_of(figures, ours), expected, tolerance * expected) << ours << " " << theirs;
        };
        auto options = with_distances();
        expect(options, "hd95/TZ", "monai_hd95", 1e-6);
        expect(options, "hd95/PZ", "monai_hd95", 1e-6);
        expect(options, "hd100/TZ", "monai_hd", 1e-6);
        expect(options, "assd/PZ", "medpy_assd", 1e-12);
        options.hausdorff_definition = "pooled";
        options.average_definition = "mean_of_directed";
        expect(options, "hd95/TZ", "medpy_hd95", 1e-12);
        expect(options, "hd100/PZ", "medpy_hd", 1e-12);
        expect(options, "assd/TZ", "medpy_mean_of_asd", 1e-12);
        options.average_definition = "to_truth";
        expect(options, "asd/TZ", "medpy_asd", 1e-12);
    }
}

TEST(SegmentationFigures, AreNamedByFigureThenRegionInCasesTablesAndSummary) {
    auto options = with_distances();
    options.hausdorff_percentiles = {97.5};
    const SegmentationFigures figures(options, data::label_scheme("brats2020"), {true, true, false});  // no ET
    const auto masks = at::ones({3, 2, 3, 4}, at::kBool);
    const auto of_case = figures.of_case({masks, masks, {1, 1, 1}, at::Tensor()});
    EXPECT_THAT(names(of_case), ElementsAre("dice/TC", "dice/WT", "hd97.5/TC", "hd97.5/WT", "assd/TC", "assd/WT"));
    EXPECT_THAT(figures.columns(),
                ElementsAre("TC", "WT", "mean", "hd97.5/TC", "hd97.5/WT", "hd97.5", "assd/TC", "assd/WT", "assd"));
    EXPECT_THAT(figures.row(of_case), ElementsAre(1, 1, 1, 0, 0, 0, 0, 0, 0));
    EXPECT_THAT(
        names(figures.summarise(std::vector{one_case(of_case)})),
        ElementsAre("dice", "dice/TC", "dice/WT", "hd97.5", "hd97.5/TC", "hd97.5/WT", "assd", "assd/TC", "assd/WT"));
    EXPECT_THAT(figures.note(), HasSubstr("hd97.5: Hausdorff distance in mm, larger one"));
}

TEST(SegmentationFigures, MeansLeaveOutWhatHasNoFigureAndKeepWhatIsInfinite) {
    auto options = with_distances();
    options.hausdorff_percentiles = {95};
    options.empty_rule = "skip";
    const SegmentationFigures figures(options, zones());
    const double none = std::nan("");
    const auto numbers = [&](double tz, double pz, double hd_tz, double hd_pz) {
        return one_case({{"dice/TZ", tz},
                         {"dice/PZ", pz},
                         {"hd95/TZ", hd_tz},
                         {"hd95/PZ", hd_pz},
                         {"assd/TZ", none},
                         {"assd/PZ", none}});
    };
    const std::vector<train::CaseFigures> cases{numbers(0.2, none, 2, 3), numbers(0.4, none, 4, inf),
                                                numbers(none, none, none, 5)};
    const auto summary = figures.summarise(cases);
    EXPECT_DOUBLE_EQ(value_of(summary, "dice/TZ"), 0.3);
    EXPECT_TRUE(std::isnan(value_of(summary, "dice/PZ")));
    EXPECT_DOUBLE_EQ(value_of(summary, "dice"), 0.3);
    EXPECT_DOUBLE_EQ(value_of(summary, "hd95/TZ"), 3);
    EXPECT_EQ(value_of(summary, "hd95/PZ"), inf);
    EXPECT_EQ(value_of(summary, "hd95"), inf);
    EXPECT_TRUE(std::isnan(value_of(summary, "assd")));
    EXPECT_DOUBLE_EQ(figures.row(cases[0].figures)[2], 0.2);  // mean over the regions that have one
}

TEST(SegmentationFigures, TheRuleForEmptyMasksReachesBothKinds) {
    const auto none = at::zeros({2, 4, 5, 6}, at::kBool);
    auto some = none.clone();
    some[0][1][2][3] = true;
    auto options = with_distances();
    const auto figure = [&](const std::string& name) {
        return value_of(SegmentationFigures(options, zones()).of_case({some, none, {3, 2, 2}, at::Tensor()}), name);
    };
    EXPECT_EQ(figure("dice/TZ"), 0);
    EXPECT_EQ(figure("dice/PZ"), 1);
    EXPECT_TRUE(std::isnan(figure("hd95/TZ")));
    options.empty_rule = "skip";
    options.empty_surface_rule = "diagonal";
    EXPECT_TRUE(std::isnan(figure("dice/PZ")));
    EXPECT_DOUBLE_EQ(figure("hd95/TZ"), std::sqrt(388.0));
    EXPECT_EQ(figure("assd/PZ"), 0);
    options.empty_surface_rule = "infinite";
    EXPECT_EQ(figure("assd/TZ"), inf);
}

std::string key_refusal(const metrics::Options& options) {
    try {
        SegmentationFigures(options, zones()).key_metric();
    } catch (const core::ConfigError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(SegmentationFigures, AKeyMetricIsOneOfTheSummary) {
    metrics::Options options;
    const auto key = [&] { return SegmentationFigures(options, zones()).key_metric(); };
    EXPECT_EQ(key().name, "dice");
    EXPECT_TRUE(key().higher_is_better);
    options.key_metric = "hd95/TZ";
    EXPECT_THAT(key_refusal(options), HasSubstr("'hd95/TZ'; there are: dice, dice/TZ, dice/PZ (distances come with"));
    options.surface_distances = true;
    EXPECT_THAT(key_refusal(options), HasSubstr("empty_surface_rule: skip"));
    options.empty_surface_rule = "diagonal";
    EXPECT_EQ(key().name, "hd95/TZ");
    EXPECT_FALSE(key().higher_is_better);
    options.key_metric = "assd";
    EXPECT_FALSE(key().higher_is_better);
    options.key_metric = "hd99";
    EXPECT_THAT(key_refusal(options), HasSubstr("hd95, hd95/TZ, hd95/PZ, hd100"));
}

TEST(SegmentationFigures, LesionsAreOfSchemesOfOneRegionAndPooledOverCases) {
    metrics::Options options;
    options.lesions = true;
    options.lesion_threshold = 0.5;
    EXPECT_THROW(SegmentationFigures(options, zones()), core::ConfigError);
    options.key_metric = "lesion_ap";
    const SegmentationFigures figures(options, data::label_scheme("prostate158_tumor"));
    EXPECT_TRUE(figures.key_metric().higher_is_better);
    auto truth = at::zeros({1, 4, 12, 12}, at::kBool);
    truth.narrow(2, 0, 4).narrow(3, 0, 4).fill_(true);
    auto good = truth.to(at::kFloat) * 0.875, bad = at::zeros({1, 4, 12, 12}, at::kFloat);
    bad.narrow(2, 7, 4).narrow(3, 7, 4).fill_(0.625);
    const auto nothing = at::zeros_like(truth);
    const std::vector<train::CaseFigures> cases{
        one_case(figures.of_case({truth, truth, {1, 1, 1}, good})),      // found
        one_case(figures.of_case({nothing, truth, {1, 1, 1}, bad})),     // missed, and a false alarm
        one_case(figures.of_case({nothing, nothing, {1, 1, 1}, bad}))};  // a false alarm
    EXPECT_THAT(names(cases[1].figures),
                ElementsAre("dice/tumor", "lesion/false_alarm", "lesion/missed", "lesion/case"));
    const auto summary = figures.summarise(cases);
    EXPECT_THAT(names(summary), ElementsAre("dice", "dice/tumor", "lesion_ap", "lesion_auroc"));
    EXPECT_DOUBLE_EQ(value_of(summary, "lesion_ap"), 0.5);     // recall reaches 1/2 at precision 1
    EXPECT_DOUBLE_EQ(value_of(summary, "lesion_auroc"), 0.75);  // 0.875 above 0.625, 0.625 beside it
    EXPECT_EQ(figures.beyond_columns(cases).size(), 2u);
    EXPECT_EQ(figures.row(cases[1].figures).size(), figures.columns().size());
}

TEST(SegmentationFigures, NamesOfDefinitionsThatDoNotExistAreRefused) {
    for (auto field : {&metrics::Options::empty_rule, &metrics::Options::hausdorff_definition,
                       &metrics::Options::average_definition, &metrics::Options::empty_surface_rule}) {
        metrics::Options options;
        options.*field = "other";
        EXPECT_THROW(SegmentationFigures(options, zones()), core::ConfigError);
    }
}

}  // namespace
}  // namespace vox::tasks
