#include "data/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/section.hpp"
#include "core/error.hpp"

namespace vox::data {
namespace {

using testing::HasSubstr;

Options read(const std::string& yaml) {
    config::Document document = config::Document::parse("data: {" + yaml + "}", "test.yaml");
    config::Section root = document.root();
    config::Section section = root.section("data", "data");
    Options options;
    options.read(section);
    document.finish();
    return options;
}

std::string refusal(const std::string& yaml) {
    try {
        read(yaml);
    } catch (const core::ConfigError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(DataOptions, EveryKeyArrives) {
    const Options options = read(
        "batch_size: 3, crop_size: [8, 16, 24], samples_per_case: 2, foreground_ratio: 0.25, normalisation: "
        "percentile, "
        "flip_probability: 0.75, flip_axes: [2], intensity_scale: 0.2, intensity_shift: 0.3, threads: 5, prefetch_mb: "
        "6, "
        "cache: node, cache_mb: 7, cache_rate: 0.5, replace_rate: 0.125, drop_last: true");
    EXPECT_EQ(options.batch_size, 3);
    EXPECT_EQ(options.crop(), (core::Index3{8, 16, 24}));
    EXPECT_EQ(options.foreground_ratio, 0.25);
    EXPECT_EQ(normalisation(options.normalisation), Normalisation::percentile);
    const Augmentation augmentation = options.augmentation();
    EXPECT_EQ(augmentation.flip_probability, 0.75);
    EXPECT_EQ(augmentation.flip_axes, std::vector<int64_t>{2});
    EXPECT_EQ(augmentation.intensity_scale, 0.2);
    EXPECT_EQ(augmentation.intensity_shift, 0.3);
    const SamplerOptions sampler = options.sampler(12);
    EXPECT_EQ(sampler.samples_per_case, 2);
    EXPECT_EQ(sampler.global_micro_batch, 12);
    EXPECT_TRUE(sampler.drop_last);
    EXPECT_EQ(options.threads, 5);
    EXPECT_EQ(options.prefetch_bytes(), size_t{6} << 20);
    EXPECT_EQ(options.cache_bytes(), size_t{7} << 20);
    EXPECT_TRUE(options.shares_cache());
    EXPECT_EQ(options.cache_rate, 0.5);
    EXPECT_EQ(options.replace_rate, 0.125);
    EXPECT_EQ(read("cache: none, cache_mb: 7").cache_bytes(), 0);
}

TEST(DataOptions, WholeCasesInsteadOfCrops) {
    EXPECT_FALSE(read("").whole().any());
    const Options options = read("resize: [64, 32, 16], resize_mode: trilinear");
    EXPECT_EQ(options.crop(), (core::Index3{64, 32, 16}));
    EXPECT_EQ(options.read_size(), options.crop());
    EXPECT_EQ(options.whole().size, options.crop());
    EXPECT_EQ(options.whole().mode, ResizeMode::trilinear);
    EXPECT_EQ(options.foreground_ratio, 0);
    EXPECT_TRUE(options.crop_size.empty());
    EXPECT_EQ(read("crop_size: [], resize: [8, 8, 8], foreground_ratio: 0").whole().mode, ResizeMode::area);
    EXPECT_THAT(refusal("resize: [8, 8, 8], crop_size: [8, 8, 8]"), HasSubstr("contradict each other"));
    EXPECT_THAT(refusal("resize: [8, 8, 8], foreground_ratio: 0.5"), HasSubstr("foreground_ratio: 0.5 has nothing"));
    EXPECT_THAT(refusal("resize: [8, 8, 8], spatial: {zoom_probability: 0.5, margin: [1, 0, 0]}"),
                HasSubstr("margin has nothing to read"));
    EXPECT_EQ(refusal("resize: [8, 8, 8], spatial: {zoom_probability: 0.5}"), "accepted");
    EXPECT_THAT(refusal("resize: [8, 8]"), HasSubstr("three positive sizes"));
    EXPECT_THAT(refusal("resize: [8, 8, 0]"), HasSubstr("three positive sizes"));
    EXPECT_THAT(refusal("crop_size: []"), HasSubstr("three positive sizes"));
}

TEST(DataOptions, AWindowIsTwoNumbers) {
    const Intensities intensities = read("normalisation: window, window: [-350, 650]").intensities();
    EXPECT_EQ(intensities.method, Normalisation::window);
    EXPECT_EQ(intensities.window, (std::array<double, 2>{-350, 650}));
    EXPECT_THAT(refusal("window: [1]"), HasSubstr("window: [1] must be two numbers"));
    EXPECT_THAT(refusal("window: [5, 5]"), HasSubstr("the lower first"));
}

TEST(DataOptions, MaxCasesTakesTheFirstOfASplit) {
    const std::vector<size_t> split{4, 1, 7};
    EXPECT_EQ(read("max_cases: 2").first_cases(split), (std::vector<size_t>{4, 1}));
    EXPECT_EQ(read("max_cases: 5").first_cases(split), split);
    EXPECT_EQ(read("max_cases: 0").first_cases(split), split);
}

TEST(DataOptions, BatchIsPerRankOrGlobalNeverBoth) {
    EXPECT_EQ(resolve_global_micro_batch(read("batch_size: 2"), 4, 3), 8);
    EXPECT_EQ(resolve_global_micro_batch(read("global_batch_size: 12"), 4, 3), 4);
    EXPECT_THAT(refusal("batch_size: 2, global_batch_size: 12"), HasSubstr("contradict"));
    EXPECT_THAT(refusal("batch_size: 0"), HasSubstr("both 0"));
    try {
        resolve_global_micro_batch(read("global_batch_size: 14"), 4, 4);
        FAIL() << "14 / 4 was accepted";
    } catch (const core::ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("14 = 4 x 3 + 2"));
    }
}

TEST(DataOptions, FoldsAreOfAColumnOrByHashAndSayWhichOneValidates) {
    EXPECT_FALSE(read("").fold_choice().any());
    EXPECT_EQ(read("fold_column: Fold_1").fold_choice().column, "Fold_1");
    EXPECT_EQ(read("fold_column: fold, fold: 7").fold_choice().number, 7);
    const Folds by_hash = read("folds: 5, fold: 4").fold_choice();
    EXPECT_TRUE(by_hash.any() && by_hash.count == 5 && by_hash.number == 4);
    EXPECT_THAT(refusal("fold: 0"), HasSubstr("fold: 0 of what"));
    EXPECT_THAT(refusal("fold: -2, fold_column: fold"), HasSubstr("or -1"));
    EXPECT_THAT(refusal("folds: 5"), HasSubstr("needs fold, 0 .. 4"));
    EXPECT_THAT(refusal("folds: 5, fold: 5"), HasSubstr("needs fold, 0 .. 4"));
    EXPECT_THAT(refusal("folds: 1, fold: 0"), HasSubstr("2 or more"));
    EXPECT_THAT(refusal("folds: 5, fold: 0, fold_column: fold"), HasSubstr("contradict"));
}

TEST(DataOptions, ResolvedConfigurationCanBeReadAgain) {
    config::Document document = config::Document::parse("data: {global_batch_size: 6}", "test.yaml");
    config::Section root = document.root();
    config::Section section = root.section("data", "data");
    Options().read(section);
    config::Document again = config::Document::parse(document.resolved_yaml(), "resolved.yaml");
    config::Section root_again = again.root();
    config::Section section_again = root_again.section("data", "data");
    Options options;
    options.read(section_again);
    EXPECT_EQ(resolve_global_micro_batch(options, 2, 3), 2);
}

TEST(DataOptions, MovingCropsIsOffUntilItIsAskedFor) {
    const Options options = read("");
    EXPECT_FALSE(options.spatial.any());
    EXPECT_EQ(options.read_size(), options.crop());
    const Options moving = read("crop_size: [8, 16, 16], spatial: {zoom_probability: 0.5, margin: [1, 0, 3]}");
    EXPECT_TRUE(moving.spatial.resamples());
    EXPECT_EQ(moving.read_size(), (core::Index3{10, 16, 22}));
    EXPECT_TRUE(read("spatial: {rotate90_probability: 0.5}").spatial.any());
    EXPECT_FALSE(read("spatial: {rotate90_probability: 0.5}").spatial.resamples());
}

TEST(DataOptions, RefusesMovementsThatCannotWork) {
    const auto spatial = [](const std::string& keys) { return refusal("spatial: {" + keys + "}"); };
    for (const std::string name : {"affine", "rotate", "zoom", "elastic", "rotate90"}) {
        EXPECT_THAT(spatial(name + "_probability: 1.1"), HasSubstr(name + "_probability: 1.1"));
        EXPECT_THAT(spatial(name + "_probability: -0.1"), HasSubstr(name + "_probability"));
        EXPECT_EQ(spatial(name + "_probability: 1"), "accepted");
    }
    for (const std::string name : {"affine", "elastic"}) {
        EXPECT_THAT(spatial(name + "_rotate: [1, 2]"), HasSubstr(name + "_rotate: [1, 2] must be 3 numbers"));
        EXPECT_THAT(spatial(name + "_shear: [1, 2, 3]"), HasSubstr("must be 6 numbers"));
        EXPECT_THAT(spatial(name + "_translate: [1, 2, -3]"), HasSubstr(name + "_translate"));
        EXPECT_THAT(spatial(name + "_scale: [0, 0, 1]"), HasSubstr("each below 1"));
    }
    EXPECT_THAT(spatial("rotate_range: [0.1]"), HasSubstr("rotate_range"));
    EXPECT_THAT(spatial("zoom_min: 0"), HasSubstr("zoom_min"));
    EXPECT_THAT(spatial("zoom_min: 1.2"), HasSubstr("zoom_min: 1.2 and zoom_max: 1.1"));
    EXPECT_THAT(spatial("elastic_sigma: [2, 1]"), HasSubstr("elastic_sigma: [2, 1]"));
    EXPECT_THAT(spatial("elastic_sigma: [0, 1]"), HasSubstr("elastic_sigma"));
    EXPECT_THAT(spatial("elastic_magnitude: [1]"), HasSubstr("elastic_magnitude"));
    EXPECT_THAT(spatial("padding: reflection"), HasSubstr("padding"));
    EXPECT_THAT(spatial("rotate90_axes: [1, 1]"), HasSubstr("rotate90_axes"));
    EXPECT_THAT(spatial("rotate90_axes: [1, 3]"), HasSubstr("rotate90_axes"));
    EXPECT_THAT(spatial("margin: [1, 1]"), HasSubstr("margin"));
    EXPECT_THAT(spatial("zoom_probability: 1, margin: [1, 1, -1]"), HasSubstr("margin"));
    EXPECT_THAT(spatial("margin: [0, 8, 8]"), HasSubstr("no crop is moved"));
    EXPECT_THAT(spatial("rotate90_probability: 1, margin: [0, 8, 8]"), HasSubstr("no crop is moved"));
    const std::string flat = "crop_size: [8, 16, 24], spatial: {rotate90_probability: 0.5";
    EXPECT_THAT(refusal(flat + "}"), HasSubstr("a plane of 16 x 24 voxels of data.crop_size"));
    EXPECT_EQ(refusal("crop_size: [16, 24, 16], spatial: {rotate90_probability: 0.5, rotate90_axes: [2, 0]}"),
              "accepted");
}

TEST(DataOptions, RefusesWhatCannotWork) {
    EXPECT_THAT(refusal("crop_size: [96, 96]"), HasSubstr("crop_size"));
    EXPECT_THAT(refusal("crop_size: [96, 96, 0]"), HasSubstr("crop_size"));
    EXPECT_THAT(refusal("samples_per_case: 0"), HasSubstr("samples_per_case"));
    EXPECT_THAT(refusal("max_cases: -1"), HasSubstr("max_cases"));
    EXPECT_THAT(refusal("cache_mb: 9000000000000000000"), HasSubstr("cache_mb"));
    EXPECT_THAT(refusal("prefetch_mb: 9000000000000000000"), HasSubstr("prefetch_mb"));
    EXPECT_THAT(refusal("foreground_ratio: 1.5"), HasSubstr("foreground_ratio"));
    EXPECT_THAT(refusal("flip_axes: [0, 0]"), HasSubstr("flip_axes"));
    EXPECT_THAT(refusal("flip_axes: [3]"), HasSubstr("flip_axes"));
    EXPECT_THAT(refusal("flip_axes: []"), HasSubstr("flip_probability"));
    EXPECT_EQ(refusal("flip_axes: [], flip_probability: 0"), "accepted");
    EXPECT_THAT(refusal("flip_probability: -0.1"), HasSubstr("flip_probability"));
    EXPECT_THAT(refusal("intensity_scale: 1"), HasSubstr("intensity_scale"));
    EXPECT_THAT(refusal("intensity_shift: -1"), HasSubstr("intensity_shift"));
    EXPECT_THAT(refusal("normalisation: zscore_nonzer"), HasSubstr("zscore_nonzero"));
    EXPECT_THAT(refusal("threads: 0"), HasSubstr("threads"));
    EXPECT_THAT(refusal("prefetch_mb: 0"), HasSubstr("prefetch_mb"));
    EXPECT_THAT(refusal("cache_mb: -1"), HasSubstr("cache_mb"));
    EXPECT_THAT(refusal("cache: nodes"), HasSubstr("node"));
    EXPECT_THAT(refusal("cache: node, cache_rate: 1.5"), HasSubstr("cache_rate"));
    EXPECT_THAT(refusal("cache: node, replace_rate: -0.5"), HasSubstr("replace_rate"));
    EXPECT_THAT(refusal("cache_rate: 0.5"), HasSubstr("set cache: node (here: rank)"));
    EXPECT_THAT(refusal("cache: none, replace_rate: 0.5"), HasSubstr("set cache: node (here: none)"));
    EXPECT_EQ(refusal("cache: node, cache_rate: 0.5, replace_rate: 1"), "accepted");

    EXPECT_THAT(refusal("crop_sise: [8, 8, 8]"), HasSubstr("crop_size"));
}

TEST(DataOptions, RangesOfIntensitiesArriveAndRefuseWhatCannotWork) {
    const auto refused = [](const std::string& yaml) { return refusal("intensity: {" + yaml + "}"); };
    EXPECT_EQ(read("intensity: {gibbs_noise_alpha: [0, 0.25]}").intensity.gibbs_noise_alpha,
              (std::vector<double>{0, 0.25}));
    EXPECT_EQ(read("intensity_shift_probability: 0.5").augmentation().intensity_shift_probability, 0.5);
    EXPECT_EQ(read("intensity_scale_probability: 0.5").augmentation().intensity_scale_probability, 0.5);
    EXPECT_THAT(refusal("intensity_scale_probability: 1.5"), HasSubstr("data: intensity_scale_probability: 1.5"));
    for (const char* name : {"bias_field", "gaussian_smooth", "gibbs_noise", "gaussian_noise", "sharpen", "contrast"}) {
        const std::string key = std::string(name) + "_probability";
        EXPECT_THAT(refused(key + ": 1.5"), HasSubstr("data.intensity: " + key + ": 1.5 is not within 0 .. 1"));
        EXPECT_THAT(refused(key + ": -0.5"), HasSubstr(key));
        EXPECT_EQ(refused(key + ": 1"), "accepted");
    }
    EXPECT_THAT(refused("bias_field_degree: 0"), HasSubstr("bias_field_degree: 0"));
    EXPECT_THAT(refused("bias_field_coefficients: [0, .inf]"), HasSubstr("bias_field_coefficients"));
    EXPECT_THAT(refused("bias_field_coefficients: [0.2, 0.1]"), HasSubstr("[low, high]"));
    EXPECT_THAT(refused("gaussian_smooth_sigma: [0, 1]"), HasSubstr("must be above 0"));
    EXPECT_THAT(refused("gaussian_smooth_sigma: [2, 1]"), HasSubstr("[low, high]"));
    EXPECT_THAT(refused("gaussian_smooth_sigma: [1]"), HasSubstr("two numbers"));
    EXPECT_THAT(refused("gibbs_noise_alpha: [0.5, 1.5]"), HasSubstr("is not within 0 .. 1"));
    EXPECT_THAT(refused("gaussian_noise_mean: .nan"), HasSubstr("gaussian_noise_mean"));
    EXPECT_THAT(refused("gaussian_noise_std: -1"), HasSubstr("gaussian_noise_std: -1"));
    EXPECT_THAT(refused("sharpen_sigma1: [-1, 1]"), HasSubstr("must not be below 0"));
    EXPECT_THAT(refused("sharpen_sigma2: 0.75"), HasSubstr("no more than the least sharpen_sigma1, 0.5"));
    EXPECT_THAT(refused("sharpen_alpha: [-1, 1]"), HasSubstr("must not be below 0"));
    EXPECT_THAT(refused("contrast_gamma: [0, 2]"), HasSubstr("must be above 0"));
    EXPECT_THAT(refused("contrast_gama: [1, 2]"), HasSubstr("contrast_gamma"));
}

}  // namespace
}  // namespace vox::data
