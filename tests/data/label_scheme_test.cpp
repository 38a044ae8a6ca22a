#include "data/label_scheme.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace vox::data {
namespace {

/// Paints nested regions as `infer` does: outermost first, a voxel belongs to a set of regions.
int paint(const LabelScheme& scheme, const std::set<std::string>& inside) {
    int value = 0;
    for (const auto& step : paint_order(scheme)) {
        if (inside.contains(scheme.regions[step.region].name)) value = step.value;
    }
    return value;
}

TEST(LabelScheme, BratsRegionsAreNestedInTheFixedOrder) {
    for (const char* name : {"brats2020", "brats2023", "msd_brats", "brats2013"}) {
        const LabelScheme scheme = label_scheme(name);
        ASSERT_EQ(scheme.regions.size(), 3U) << name;
        EXPECT_EQ(scheme.regions[0].name, "TC");
        EXPECT_EQ(scheme.regions[1].name, "WT");
        EXPECT_EQ(scheme.regions[2].name, "ET");
        EXPECT_EQ(scheme.regions[1].values, scheme.values) << name;
    }
    EXPECT_EQ(label_scheme("brats2020").regions[0].values, (std::set<int>{1, 4}));
    EXPECT_EQ(label_scheme("brats2023").regions[0].values, (std::set<int>{1, 3}));
    EXPECT_EQ(label_scheme("msd_brats").regions[0].values, (std::set<int>{2, 3}));
    EXPECT_EQ(label_scheme("brats2013").regions[0].values, (std::set<int>{1, 3, 4}));
}

TEST(LabelScheme, PaintingGivesOedemaNecrosisAndEnhancingOfEachScheme) {
    struct Row {
        const char* name;
        int oedema, necrosis, enhancing;
    };
    for (const Row& row :
         {Row{"brats2020", 2, 1, 4}, Row{"brats2023", 2, 1, 3}, Row{"msd_brats", 1, 2, 3}, Row{"brats2013", 2, 1, 4}}) {
        const LabelScheme scheme = label_scheme(row.name);
        EXPECT_EQ(paint(scheme, {}), 0);
        EXPECT_EQ(paint(scheme, {"WT"}), row.oedema) << row.name;
        EXPECT_EQ(paint(scheme, {"WT", "TC"}), row.necrosis) << row.name;
        EXPECT_EQ(paint(scheme, {"WT", "TC", "ET"}), row.enhancing) << row.name;
    }
}

TEST(LabelScheme, ProstateZonesKeepTheirPlaceWhateverTheirValues) {
    for (const char* name : {"prostate158_anatomy", "prostate_pz_tz"}) {
        const LabelScheme scheme = label_scheme(name);
        EXPECT_EQ(scheme.regions[0].name, "TZ");
        EXPECT_EQ(scheme.regions[1].name, "PZ");
        EXPECT_EQ(scheme.values, (std::set<int>{1, 2}));
    }
    EXPECT_EQ(paint(label_scheme("prostate158_anatomy"), {"TZ"}), 1);
    EXPECT_EQ(paint(label_scheme("prostate158_anatomy"), {"PZ"}), 2);
    EXPECT_EQ(paint(label_scheme("prostate_pz_tz"), {"TZ"}), 2);
    EXPECT_EQ(paint(label_scheme("prostate158_tumor"), {"tumor"}), 1);
    // Translating values must not move a voxel into another region.
    const auto translation = label_translation("prostate_pz_tz");
    ASSERT_TRUE(translation.has_value());
    const LabelScheme from = label_scheme("prostate_pz_tz"), to = label_scheme(translation->scheme);
    for (size_t region = 0; region < 2; ++region) {
        EXPECT_EQ(to.regions[region].values,
                  (std::set<int>{translation->values.at(*from.regions[region].values.begin())}));
    }
    EXPECT_FALSE(label_translation("prostate158_anatomy").has_value());
}

TEST(LabelScheme, GenericHasOneRegionAValueAndNoBackground) {
    const LabelScheme scheme = generic_scheme({0, 3, 7});
    EXPECT_EQ(scheme.values, (std::set<int>{3, 7}));
    ASSERT_EQ(scheme.regions.size(), 2U);
    EXPECT_EQ(scheme.regions[1].name, "label_7");
    EXPECT_EQ(paint(scheme, {"label_3"}), 3);
}

TEST(LabelScheme, RegionsExcludeEachOtherWhereEachIsOneValueOfItsOwn) {
    EXPECT_TRUE(regions_exclude(label_scheme("prostate158_anatomy")));
    EXPECT_TRUE(regions_exclude(label_scheme("prostate158_tumor")));
    EXPECT_TRUE(regions_exclude(generic_scheme({2, 7})));
    EXPECT_FALSE(regions_exclude(label_scheme("brats2020")));
    EXPECT_FALSE(regions_exclude({"twice", {1}, {{"a", {1}}, {"b", {1}}}}));
}

TEST(LabelScheme, UnknownNamesAndRegionsWithoutOwnValuesAreRefused) {
    EXPECT_THROW(label_scheme("brats1999"), core::DataError);
    EXPECT_THROW(paint_order({"twins", {1, 2}, {{"outer", {1, 2}}, {"a", {1}}, {"b", {2}}}}), core::DataError);
}

}  // namespace
}  // namespace vox::data
