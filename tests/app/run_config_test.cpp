// Every documented key: it arrives, it is written down as it reads back, and a test shows what it does.  A key without an entry
// here fails.  Also where values come from.

#include "app/run_config.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "app/configured.hpp"
#include "app/threads.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "support/oracle.hpp"
#include "support/temporary_folder.hpp"

namespace vox::app {
namespace {

using testing::HasSubstr;

/// What a key's entry says: another value than the default, what that value needs beside it, and the test that shows the effect.
struct Entry {
    std::string value;
    std::vector<std::string> also;
    std::string file;  // below tests/
    std::string test;  // "Suite, Name" as it stands there, or a Python function
};

/// The network whose keys those are, with its own defaults.
const std::vector<std::string> kUnet{"model.name=unet", "model.norm=batch", "model.dropout_prob=0.15"};

const std::map<std::string, Entry> kEntries{
    {"task", {"segmentation", {}, "app/run_config_test.cpp", "RunConfigTask, AnUnknownTaskIsRefused"}},
    {"seed", {"7", {}, "app/run_config_test.cpp", "RunConfigSeed, ReachesTheOrderOfSamples"}},
    {"data.batch_size", {"3", {}, "data/options_test.cpp", "DataOptions, BatchIsPerRankOrGlobalNeverBoth"}},
    {"data.global_batch_size", {"6", {}, "data/options_test.cpp", "DataOptions, BatchIsPerRankOrGlobalNeverBoth"}},
    {"data.crop_size",
     {"[8, 16, 24]", {}, "data/loader_test.cpp", "Loader, CropsHoldTheVoxelsOfTheirPlaceAndZeroAround"}},
    {"data.samples_per_case",
     {"4", {}, "data/epoch_sampler_test.cpp", "EpochSampler, EveryCaseComesSamplesPerCaseTimesAnEpochAtAnyWorldSize"}},
    {"data.foreground_ratio", {"0.5", {}, "data/crop_test.cpp", "Crop, ForegroundRatioIsTheShareOfForegroundCrops"}},
    {"data.normalisation",
     {"percentile", {}, "data/transforms_test.cpp", "Transforms, PercentileIsMonaisScaleIntensityRange"}},
    {"data.flip_probability",
     {"0.25", {}, "data/transforms_test.cpp", "Transforms, DrawsHaveTheirProbabilitiesAndRanges"}},
    {"data.flip_axes", {"[2]", {}, "data/transforms_test.cpp", "Transforms, FlipScaleAndShiftAreMonais"}},
    {"data.intensity_scale",
     {"0.2", {}, "data/transforms_test.cpp", "Transforms, DrawsHaveTheirProbabilitiesAndRanges"}},
    {"data.intensity_shift",
     {"0.2", {}, "data/transforms_test.cpp", "Transforms, DrawsHaveTheirProbabilitiesAndRanges"}},
    {"data.intensity_scale_probability",
     {"0.5", {}, "data/transforms_test.cpp", "Transforms, ScaleAndShiftHaveProbabilitiesOfTheirOwn"}},
    {"data.intensity_shift_probability",
     {"0.5", {}, "data/transforms_test.cpp", "Transforms, ScaleAndShiftHaveProbabilitiesOfTheirOwn"}},
    {"data.intensity.bias_field_probability",
     {"0.5", {}, "data/augment_intensity_test.cpp", "AugmentIntensity, EachChanceTurnsOnItsTransformAlone"}},
    {"data.intensity.bias_field_degree", {"3", {}, "data/intensity_draws_test.cpp", "IntensityDraws, HaveTheirRanges"}},
    {"data.intensity.bias_field_coefficients",
     {"[-0.1, 0.1]", {}, "data/intensity_draws_test.cpp", "IntensityDraws, HaveTheirRanges"}},
    {"data.intensity.gaussian_smooth_probability",
     {"0.5", {}, "data/augment_intensity_test.cpp", "AugmentIntensity, EachChanceTurnsOnItsTransformAlone"}},
    {"data.intensity.gaussian_smooth_sigma",
     {"[0.5, 1]", {}, "data/intensity_draws_test.cpp", "IntensityDraws, HaveTheirRanges"}},
    {"data.intensity.gibbs_noise_probability",
     {"0.5", {}, "data/augment_intensity_test.cpp", "AugmentIntensity, EachChanceTurnsOnItsTransformAlone"}},
    {"data.intensity.gibbs_noise_alpha",
     {"[0, 0.5]", {}, "data/intensity_draws_test.cpp", "IntensityDraws, HaveTheirRanges"}},
    {"data.intensity.gaussian_noise_probability",
     {"0.5", {}, "data/augment_intensity_test.cpp", "AugmentIntensity, EachChanceTurnsOnItsTransformAlone"}},
    {"data.intensity.gaussian_noise_mean",
     {"0", {}, "data/intensity_draws_test.cpp", "IntensityDraws, HaveTheirRanges"}},
    {"data.intensity.gaussian_noise_std",
     {"0.5", {}, "data/intensity_draws_test.cpp", "IntensityDraws, HaveTheirRanges"}},
    {"data.intensity.sharpen_probability",
     {"0.5", {}, "data/augment_intensity_test.cpp", "AugmentIntensity, EachChanceTurnsOnItsTransformAlone"}},
    {"data.intensity.sharpen_sigma1",
     {"[0.6, 0.9]", {}, "data/intensity_draws_test.cpp", "IntensityDraws, HaveTheirRanges"}},
    {"data.intensity.sharpen_sigma2", {"0.25", {}, "data/intensity_draws_test.cpp", "IntensityDraws, HaveTheirRanges"}},
    {"data.intensity.sharpen_alpha",
     {"[5, 10]", {}, "data/intensity_draws_test.cpp", "IntensityDraws, HaveTheirRanges"}},
    {"data.intensity.contrast_probability",
     {"0.5", {}, "data/augment_intensity_test.cpp", "AugmentIntensity, EachChanceTurnsOnItsTransformAlone"}},
    {"data.intensity.contrast_gamma",
     {"[0.75, 1.5]", {}, "data/intensity_draws_test.cpp", "IntensityDraws, HaveTheirRanges"}},
    {"data.spatial.affine_probability",
     {"0.5",
      {},
      "data/augment_spatial_draw_test.cpp",
      "AugmentSpatialDraw, PartsAreDrawnIndependentlyAndComposedInOrder"}},
    {"data.spatial.affine_rotate",
     {"[1, 2, 3]", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, AffineNumbersReachTheirParameters"}},
    {"data.spatial.affine_shear",
     {"[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]",
      {},
      "data/augment_spatial_draw_test.cpp",
      "AugmentSpatialDraw, AffineNumbersReachTheirParameters"}},
    {"data.spatial.affine_translate",
     {"[1, 2, 3]", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, AffineNumbersReachTheirParameters"}},
    {"data.spatial.affine_scale",
     {"[0.1, 0.2, 0.3]",
      {},
      "data/augment_spatial_draw_test.cpp",
      "AugmentSpatialDraw, AffineNumbersReachTheirParameters"}},
    {"data.spatial.rotate_probability",
     {"0.5",
      {},
      "data/augment_spatial_draw_test.cpp",
      "AugmentSpatialDraw, PartsAreDrawnIndependentlyAndComposedInOrder"}},
    {"data.spatial.rotate_range",
     {"[1, 2, 3]", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, ElasticAndRotateTakeTheirOwnRanges"}},
    {"data.spatial.zoom_probability",
     {"0.5", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, DrawsHaveTheirProbabilitiesAndRanges"}},
    {"data.spatial.zoom_min",
     {"0.5", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, DrawsHaveTheirProbabilitiesAndRanges"}},
    {"data.spatial.zoom_max",
     {"2", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, DrawsHaveTheirProbabilitiesAndRanges"}},
    {"data.spatial.elastic_probability",
     {"0.5", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, DrawsHaveTheirProbabilitiesAndRanges"}},
    {"data.spatial.elastic_sigma",
     {"[2, 3]", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, DrawsHaveTheirProbabilitiesAndRanges"}},
    {"data.spatial.elastic_magnitude",
     {"[2, 3]", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, DrawsHaveTheirProbabilitiesAndRanges"}},
    {"data.spatial.elastic_rotate",
     {"[1, 2, 3]", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, ElasticAndRotateTakeTheirOwnRanges"}},
    {"data.spatial.elastic_shear",
     {"[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]",
      {},
      "data/augment_spatial_draw_test.cpp",
      "AugmentSpatialDraw, ElasticAndRotateTakeTheirOwnRanges"}},
    {"data.spatial.elastic_translate",
     {"[1, 2, 3]", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, ElasticAndRotateTakeTheirOwnRanges"}},
    {"data.spatial.elastic_scale",
     {"[0.1, 0.2, 0.3]",
      {},
      "data/augment_spatial_draw_test.cpp",
      "AugmentSpatialDraw, ElasticAndRotateTakeTheirOwnRanges"}},
    {"data.spatial.rotate90_probability",
     {"0.5", {}, "data/augment_spatial_draw_test.cpp", "AugmentSpatialDraw, DrawsHaveTheirProbabilitiesAndRanges"}},
    {"data.spatial.rotate90_axes",
     {"[0, 2]", {}, "data/augment_spatial_golden_test.cpp", "AugmentSpatialGolden, QuarterTurnsAreMonaisBitForBit"}},
    {"data.spatial.padding",
     {"zeros",
      {},
      "data/loader_spatial_test.cpp",
      "LoaderSpatial, ZerosOutsideOfTheVolumeAreThoseOfTheWholeVolumeToo"}},
    {"data.spatial.margin",
     {"[4, 5, 6]",
      {"data.spatial.rotate_probability=0.5"},
      "data/loader_spatial_test.cpp",
      "LoaderSpatial, WithoutAMarginTheyAreNot"}},
    {"data.threads",
     {"3", {}, "data/prefetcher_test.cpp", "Prefetcher, GivesTheSameItemsInOrderWithAnyNumberOfThreads"}},
    {"data.prefetch_mb", {"64", {}, "data/prefetcher_test.cpp", "Prefetcher, ReadsAheadButNeverBeyondItsBudget"}},
    {"data.cache_mb",
     {"64", {}, "data/loader_test.cpp", "Loader, ADataSetLargerThanTheCacheStreamsThroughWithinTheBudget"}},
    {"data.drop_last",
     {"true", {}, "data/epoch_sampler_test.cpp", "EpochSampler, DropLastLeavesOutTheShortMicroBatch"}},
    {"model.name",
     {"unet",
      {"model.norm=batch", "model.dropout_prob=0.15"},
      "nn/res_unet_test.cpp",
      "ResUNetOptions, DefaultsFollowTheName"}},
    {"model.init_filters",
     {"32", {}, "nn/segresnet_golden_test.cpp", "SegResNetGoldenNames, NamesShapesAndCountEqualMonais"}},
    {"model.blocks_down",
     {"[1, 1, 1, 1]", {}, "nn/segresnet_golden_test.cpp", "SegResNetGolden, ForwardAndInputGradientEqualMonai"}},
    {"model.blocks_up",
     {"[2, 1, 1]", {}, "nn/segresnet_golden_test.cpp", "SegResNetGolden, ForwardAndInputGradientEqualMonai"}},
    {"model.channels",
     {"[8, 16, 16, 16, 16, 16]", kUnet, "nn/res_unet_golden_test.cpp",
      "ResUNetGolden, OutputsGradientsAndBuffersEqualMonais"}},
    {"model.strides",
     {"[2, 2, 2, 2, 1]", kUnet, "nn/res_unet_golden_test.cpp", "ResUNetGolden, OutputsGradientsAndBuffersEqualMonais"}},
    {"model.num_res_units",
     {"2", kUnet, "nn/res_unet_golden_test.cpp", "ResUNetGolden, OutputsGradientsAndBuffersEqualMonais"}},
    {"model.norm", {"instance", {}, "nn/norm_test.cpp", "NormKinds, InstanceEqualsATen"}},
    {"model.norm_groups", {"4", {}, "nn/norm_test.cpp", "NormKinds, GroupEqualsATen"}},
    {"model.dropout_prob", {"0.5", {}, "nn/segresnet_test.cpp", "SegResNet, DropoutBelongsToTheItemAndOnlyToTraining"}},
    {"model.activation_checkpointing",
     {"true", {}, "nn/activation_checkpoint_test.cpp", "ActivationCheckpoint, ForgetsActivations"}},
    {"model.channels_last_3d",
     {"true", {}, "nn/segresnet_golden_test.cpp", "SegResNetGolden, ForwardAndInputGradientEqualMonai"}},
    {"loss.name",
     {"dice_ce",
      {"loss.smooth_nr=0", "loss.squared_pred=true"},
      "tasks/segmentation_test.cpp",
      "SegmentationLoss, ChoosesTheLossByName"}},
    {"loss.include_background", {"true", {}, "loss/compound_test.cpp", "CompoundLoss, ValueAndGradientEqualMonai"}},
    {"loss.focal_gamma", {"1", {}, "loss/compound_test.cpp", "CompoundLoss, ValueAndGradientEqualMonai"}},
    {"loss.lambda_dice", {"0.5", {}, "loss/compound_test.cpp", "CompoundLoss, ValueAndGradientEqualMonai"}},
    {"loss.lambda_focal", {"0.5", {}, "loss/compound_test.cpp", "CompoundLoss, ValueAndGradientEqualMonai"}},
    {"loss.lambda_ce", {"0.5", {}, "loss/compound_test.cpp", "CompoundLoss, ValueAndGradientEqualMonai"}},
    {"loss.smooth_nr", {"0.5", {}, "loss/dice_test.cpp", "DiceLoss, ValueAndGradientEqualMonai"}},
    {"loss.smooth_dr", {"0.5", {}, "loss/dice_test.cpp", "DiceLoss, ValueAndGradientEqualMonai"}},
    {"loss.squared_pred", {"false", {}, "loss/dice_test.cpp", "DiceLoss, ValueAndGradientEqualMonai"}},
    {"infer.window", {"[64, 64, 64]", {}, "infer/sliding_window_test.cpp", "SlidingWindow, EqualsMonai"}},
    {"infer.overlap", {"0.25", {}, "infer/sliding_window_test.cpp", "SlidingWindow, EqualsMonai"}},
    {"infer.blend", {"constant", {}, "infer/sliding_window_test.cpp", "SlidingWindow, EqualsMonai"}},
    {"infer.sigma_scale", {"0.25", {}, "infer/sliding_window_test.cpp", "SlidingWindow, EqualsMonai"}},
    {"infer.windows_per_batch", {"2", {}, "infer/sliding_window_test.cpp", "SlidingWindow, EqualsMonai"}},
    {"infer.keep_largest",
     {"[WT]", {}, "tasks/segmentation_test.cpp", "Segmentation, OfRegionsThatAreToBeOnePieceTheLargestStays"}},
    {"infer.connectivity",
     {"6", {}, "tasks/segmentation_test.cpp", "Segmentation, OfRegionsThatAreToBeOnePieceTheLargestStays"}},
    {"metrics.surface_distances",
     {"true", {}, "tasks/segmentation_test.cpp", "Segmentation, ValidationGivesTheFiguresThatAreConfigured"}},
    {"metrics.hausdorff_definition",
     {"pooled",
      {},
      "tasks/segmentation_figures_test.cpp",
      "SegmentationFigures, DistancesEqualMedpyAndMonaiUnderTheirDefinitions"}},
    {"metrics.hausdorff_percentiles",
     {"[97.5]",
      {},
      "tasks/segmentation_figures_test.cpp",
      "SegmentationFigures, AreNamedByFigureThenRegionInCasesTablesAndSummary"}},
    {"metrics.average_definition",
     {"to_truth",
      {},
      "tasks/segmentation_figures_test.cpp",
      "SegmentationFigures, DistancesEqualMedpyAndMonaiUnderTheirDefinitions"}},
    {"metrics.empty_surface_rule",
     {"diagonal",
      {},
      "tasks/segmentation_figures_test.cpp",
      "SegmentationFigures, TheRuleForEmptyMasksReachesBothKinds"}},
    {"metrics.lesions",
     {"true",
      {},
      "tasks/segmentation_figures_test.cpp",
      "SegmentationFigures, LesionsAreOfSchemesOfOneRegionAndPooledOverCases"}},
    {"metrics.lesion_threshold",
     {"0.25", {}, "tasks/case_lesions_test.cpp", "CaseLesions, EqualPicaiEvalCaseByCaseAndOverall"}},
    {"metrics.key_metric",
     {"dice/TC", {}, "tasks/segmentation_figures_test.cpp", "SegmentationFigures, AKeyMetricIsOneOfTheSummary"}},
    {"metrics.empty_rule", {"skip", {}, "metrics/dice_test.cpp", "DiceMetric, EqualsMonaiUnderBothRules"}},
    {"train.steps", {"77", {}, "train/trainer_run_test.cpp", "TrainerRun, LogsAndValidatesWhenItIsTold"}},
    {"train.epochs", {"3", {"train.steps=0"}, "train/trainer_run_test.cpp", "TrainerRun, EpochsSayHowManySteps"}},
    {"train.accumulation",
     {"2", {}, "train/trainer_step_test.cpp", "TrainerStep, AccumulatedMicroBatchesEqualOneLargeOne"}},
    {"train.precision", {"fp64", {}, "train/precision_test.cpp", "Precision, NamesThatADeviceCannotDoAreRefused"}},
    {"train.clip_norm", {"2.5", {}, "train/trainer_step_test.cpp", "TrainerStep, ClippingIsByTheGlobalNorm"}},
    {"train.validate_every_epochs",
     {"2", {}, "train/trainer_run_test.cpp", "TrainerRun, LogsAndValidatesWhenItIsTold"}},
    {"train.validate_every_steps", {"5", {}, "train/trainer_run_test.cpp", "TrainerRun, LogsAndValidatesWhenItIsTold"}},
    {"train.log_every", {"3", {}, "train/trainer_run_test.cpp", "TrainerRun, LogsAndValidatesWhenItIsTold"}},
    {"train.replica_check_every",
     {"7", {}, "train/trainer_run_test.cpp", "TrainerRun, ReplicasThatDriftApartStopTheRun"}},
    {"train.max_bad_steps",
     {"3", {}, "train/trainer_step_test.cpp", "TrainerBadStep, TooManyInARowEndTheRunOnAllRanksNamingCases"}},
    {"train.bucket_mb", {"2", {}, "train/trainer_run_test.cpp", "TrainerRun, BucketsHaveTheConfiguredSize"}},
    {"train.threads_per_rank", {"3", {}, "app/run_config_test.cpp", "Threads, AreWhatIsConfiguredOrAShareOfTheCores"}},
    {"train.init_from",
     {"/elsewhere",
      {},
      "train/trainer_run_test.cpp",
      "TrainerStart, InitFromTakesWeightsOnlyAndAveragesStartFromThem"}},
    {"train.optimizer.name", {"sgd", {}, "app/run_config_test.cpp", "RunConfigOptimizer, EachKeyChangesTheSteps"}},
    {"train.optimizer.lr", {"0.5", {}, "app/run_config_test.cpp", "RunConfigOptimizer, EachKeyChangesTheSteps"}},
    {"train.optimizer.weight_decay",
     {"0.5", {}, "app/run_config_test.cpp", "RunConfigOptimizer, EachKeyChangesTheSteps"}},
    {"train.optimizer.betas",
     {"[0.5, 0.5]", {}, "app/run_config_test.cpp", "RunConfigOptimizer, EachKeyChangesTheSteps"}},
    {"train.optimizer.eps", {"0.5", {}, "app/run_config_test.cpp", "RunConfigOptimizer, EachKeyChangesTheSteps"}},
    {"train.optimizer.amsgrad", {"true", {}, "app/run_config_test.cpp", "RunConfigOptimizer, EachKeyChangesTheSteps"}},
    {"train.optimizer.momentum", {"0.5", {}, "app/run_config_test.cpp", "RunConfigOptimizer, EachKeyChangesTheSteps"}},
    {"train.optimizer.nesterov",
     {"false", {}, "app/run_config_test.cpp", "RunConfigOptimizer, EachKeyChangesTheSteps"}},
    {"train.optimizer.decay_norm_and_bias",
     {"true", {}, "app/run_config_test.cpp", "RunConfigOptimizer, EachKeyChangesTheSteps"}},
    {"train.schedule.name", {"poly", {}, "app/run_config_test.cpp", "RunConfigSchedule, EachKeyChangesTheRates"}},
    {"train.schedule.warmup_steps", {"5", {}, "app/run_config_test.cpp", "RunConfigSchedule, EachKeyChangesTheRates"}},
    {"train.schedule.warmup_start",
     {"0.5", {}, "app/run_config_test.cpp", "RunConfigSchedule, EachKeyChangesTheRates"}},
    {"train.schedule.min_lr", {"1e-6", {}, "app/run_config_test.cpp", "RunConfigSchedule, EachKeyChangesTheRates"}},
    {"train.schedule.power", {"2", {}, "app/run_config_test.cpp", "RunConfigSchedule, EachKeyChangesTheRates"}},
    {"train.schedule.plateau_factor",
     {"0.5", {}, "train/trainer_run_test.cpp", "TrainerRun, PlateauFollowsTheKeyMetric"}},
    {"train.schedule.plateau_patience",
     {"3", {}, "train/trainer_run_test.cpp", "TrainerRun, PlateauFollowsTheKeyMetric"}},
    {"train.schedule.plateau_threshold",
     {"0.5", {}, "app/run_config_test.cpp", "RunConfigSchedule, EachKeyChangesTheRates"}},
    {"train.schedule.onecycle_pct_start",
     {"0.5", {}, "app/run_config_test.cpp", "RunConfigSchedule, EachKeyChangesTheRates"}},
    {"train.schedule.onecycle_div_factor",
     {"5", {}, "app/run_config_test.cpp", "RunConfigSchedule, EachKeyChangesTheRates"}},
    {"train.schedule.onecycle_final_div_factor",
     {"5", {}, "app/run_config_test.cpp", "RunConfigSchedule, EachKeyChangesTheRates"}},
    {"train.schedule.onecycle_momentum",
     {"[0.5, 0.75]", {}, "app/run_config_test.cpp", "RunConfigSchedule, EachKeyChangesTheRates"}},
    {"train.schedule.lr_scaling",
     {"sqrt", {}, "train/trainer_step_test.cpp", "TrainerStep, LearningRateGrowsWithTheEffectiveBatch"}},
    {"train.schedule.lr_scaling_base_batch",
     {"4", {}, "train/trainer_step_test.cpp", "TrainerStep, LearningRateGrowsWithTheEffectiveBatch"}},
    {"train.early_stopping.patience",
     {"5", {}, "train/trainer_end_test.cpp", "TrainerEnd, WithoutPatienceARunGoesToItsLastStep"}},
    {"train.early_stopping.min_delta",
     {"0.5", {}, "train/trainer_end_test.cpp", "TrainerEnd, MinDeltaSaysWhatIsProgress"}},
    {"train.early_stopping.min_delta_mode",
     {"relative", {}, "train/trainer_end_test.cpp", "TrainerEnd, MinDeltaSaysWhatIsProgress"}},
    {"train.ema.enabled",
     {"true",
      {},
      "train/trainer_run_test.cpp",
      "TrainerRun, ValidationSeesTheAveragesAndTrainingGoesOnWithTheWeights"}},
    {"train.ema.decay", {"0.5", {}, "train/ema_test.cpp", "Ema, FollowsTheFormulaWithAndWithoutWarmup"}},
    {"train.ema.warmup", {"false", {}, "train/ema_test.cpp", "Ema, FollowsTheFormulaWithAndWithoutWarmup"}},
    {"run.if_exists", {"number", {}, "report/run_choice_test.cpp", "RunChoice, NumberTakesTheFirstThatIsNotThere"}},
    {"checkpoint.every_steps",
     {"3", {}, "train/trainer_run_test.cpp", "TrainerSaves, AFigureBelongsToTheStepThatWasValidated"}},
    {"checkpoint.every_minutes", {"0.5", {}, "checkpoint/store_test.cpp", "Options, SayWhenASaveIsDue"}},
    {"checkpoint.keep_last", {"5", {}, "train/trainer_run_test.cpp", "TrainerSaves, TheBestAndTheNewest"}},
    {"checkpoint.keep_best", {"false", {}, "train/trainer_run_test.cpp", "TrainerSaves, TheBestAndTheNewest"}},
    {"checkpoint.keep_every", {"100", {}, "checkpoint/store_test.cpp", "StoreTest, KeepsTheLastTheBestAndEveryMth"}},
    {"checkpoint.max_failures",
     {"2", {}, "checkpoint/store_test.cpp", "StoreTest, AFullDiskIsAWarningThenAnErrorAndTheOldCheckpointStays"}},
    {"checkpoint.resume", {"none", {}, "checkpoint/store_test.cpp", "StoreTest, ResumeMeansAutoNoneOrAPath"}},
    {"comm.backend", {"mpi", {}, "comm/backend_choice_test.cpp", "BackendChoice, NcclIsNeverReplacedSilently"}},
    {"comm.device", {"cpu", {}, "comm/backend_choice_test.cpp", "BackendChoice, WithoutGpusItIsMpiOnTheCpu"}},
    {"comm.timeout_s", {"5", {}, "app/program_test.cpp", "TrainingProgram, ARankThatStandsStillIsNoticed"}},
};

TEST(RunConfigKeys, EachHasAnEntryAndEachEntryAKey) {
    std::set<std::string> documented, listed;
    for (const auto& key : configured(kLeast).keys) documented.insert(key.path);
    for (const auto& [key, entry] : kEntries) listed.insert(key);
    EXPECT_EQ(documented, listed);
}

TEST(RunConfigKeys, TheTestThatShowsItsEffectExists) {
    for (const auto& [key, entry] : kEntries) {
        std::ifstream in(test::source_folder() / "tests" / entry.file);
        std::stringstream text;
        text << in.rdbuf();
        EXPECT_THAT(text.str(), HasSubstr("(" + entry.test + ")")) << key << " in " << entry.file;
    }
}

TEST(RunConfigKeys, EachValueArrivesAloneAndReadsBack) {
    const auto before = values(configured(kLeast));
    for (const auto& [key, entry] : kEntries) {
        std::vector<std::string> words{"--set", key + "=" + entry.value};
        std::set<std::string> touched{key};
        for (const auto& one : entry.also) {
            words.insert(words.end(), {"--set", one});
            touched.insert(one.substr(0, one.find('=')));
        }
        if (key == "data.global_batch_size") touched.insert("data.batch_size");  // then 0: not in force
        const auto config = configured(kLeast, words);
        const auto after = values(config);
        for (const auto& [name, value] : after)
            EXPECT_TRUE(touched.contains(name) || value == before.at(name)) << name << " changed with " << key;
        const bool has_one_value = key == "task";
        EXPECT_EQ(after.at(key) == before.at(key), has_one_value) << key;
        EXPECT_EQ(values(configured(config.resolved_yaml)), after) << "config.yaml of a run with another " << key;
    }
}

TEST(RunConfigKeys, AreAllInTheTableForUsersWithTheirMeaning) {
    const std::string table = keys_as_markdown();
    for (const auto& key : configured(kLeast).keys) {
        EXPECT_FALSE(key.doc.empty()) << key.path;
        EXPECT_THAT(table, HasSubstr("| `" + key.path + "` |"));
    }
}

TEST(RunConfigKeys, UnknownOnesNameTheNearest) {
    EXPECT_THAT(refusal("train: {steps: 20, optimizer: {lrr: 1}}"), HasSubstr("did you mean 'train.optimizer.lr'?"));
    EXPECT_THAT(refusal(kLeast, {"--set", "chekpoint.keep_last=3"}), HasSubstr("did you mean 'checkpoint'?"));
}

TEST(RunConfigTask, AnUnknownTaskIsRefused) {
    EXPECT_EQ(refusal(kLeast), "accepted");
    EXPECT_THAT(refusal("task: segmentaton\n" + kLeast), HasSubstr("did you mean 'segmentation'?"));
}

TEST(RunConfigSeed, ReachesTheOrderOfSamples) {
    const auto order = [](const RunConfig& config) {
        return data::EpochSampler({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, config.task.data.sampler(2)).epoch_order(0);
    };
    const auto zero = order(configured(kLeast)), seven = order(configured("seed: 7\n" + kLeast));
    EXPECT_NE(zero, seven);
    EXPECT_EQ(seven, order(configured(kLeast, {"--set", "seed=7"})));
}

TEST(Threads, AreWhatIsConfiguredOrAShareOfTheCores) {
    const auto world = comm::make_local_world();
    const auto config = configured(kLeast, {"--set", "train.threads_per_rank=3"});
    EXPECT_EQ(settle_threads(*world, config.train.threads_per_rank), 3);
    EXPECT_EQ(at::get_num_threads(), 3);
    EXPECT_GE(settle_threads(*world, 0), 1);
}

/// The learning rates of 40 steps with a validation after each: its figure rises by a twentieth of a percent, then stands still.
std::vector<double> rates(const std::vector<std::string>& settings) {
    std::vector<std::string> words;
    for (const auto& one : settings) words.insert(words.end(), {"--set", "train.schedule." + one});
    const auto train = configured(kLeast, words).train;
    train::Schedule schedule(train.schedule, train::scaled_lr(train.optimizer.lr, 8, train.schedule), 40);
    std::vector<double> result;
    for (int64_t step = 0; step < 40; ++step) {
        result.push_back(schedule.lr(step));
        result.push_back(schedule.momentum(step).value_or(-1));
        schedule.observe(0.5 * std::pow(1.0005, static_cast<double>(std::min<int64_t>(step, 8))), true);
    }
    return result;
}

TEST(RunConfigSchedule, EachKeyChangesTheRates) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
        {"name=poly", {}},
        {"warmup_steps=5", {}},
        {"warmup_start=0.5", {"warmup_steps=5"}},
        {"min_lr=1e-5", {}},
        {"power=2", {"name=poly"}},
        {"plateau_factor=0.5", {"name=plateau"}},
        {"plateau_patience=3", {"name=plateau"}},
        {"plateau_threshold=0.5", {"name=plateau"}},
        {"onecycle_pct_start=0.5", {"name=onecycle"}},
        {"onecycle_div_factor=5", {"name=onecycle"}},
        {"onecycle_final_div_factor=5", {"name=onecycle"}},
        {"onecycle_momentum=[0.5, 0.75]", {"name=onecycle"}},
        {"lr_scaling=sqrt", {}},
        {"lr_scaling_base_batch=4", {"lr_scaling=linear"}},
    };
    size_t keys = 0;
    for (const auto& [key, entry] : kEntries) keys += key.starts_with("train.schedule.");
    EXPECT_EQ(cases.size(), keys);
    for (const auto& [setting, others] : cases) {
        auto with = others;
        with.push_back(setting);
        EXPECT_NE(rates(with), rates(others)) << setting;
    }
}

/// A weight and a bias after three steps along gradients that differ.
std::vector<double> moved(const std::vector<std::string>& settings) {
    std::vector<std::string> words;
    for (const auto& one : settings) words.insert(words.end(), {"--set", "train.optimizer." + one});
    const auto options = configured(kLeast, words).train.optimizer;
    const auto weight = at::full({1, 1}, 0.5, at::kDouble), bias = at::full({1}, 0.5, at::kDouble);
    const auto optimizer = train::make_optimizer(options, {{"weight", weight}, {"bias", bias}});
    for (const double gradient : {1.0, -0.25, 3.0}) {
        for (auto tensor : {weight, bias}) tensor.mutable_grad() = at::full_like(tensor, gradient);
        optimizer->step(options.lr);
    }
    return {weight.item<double>(), bias.item<double>()};
}

TEST(RunConfigOptimizer, EachKeyChangesTheSteps) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
        {"name=sgd", {}},
        {"lr=0.5", {}},
        {"weight_decay=0.5", {}},
        {"weight_decay=0.25", {"name=sgd"}},
        {"betas=[0.5, 0.999]", {}},
        {"betas=[0.9, 0.5]", {}},
        {"name=adam", {"weight_decay=0.5", "decay_norm_and_bias=true"}},
        {"name=novograd", {}},
        {"eps=0.5", {}},
        {"amsgrad=true", {"betas=[0.9, 0.5]"}},
        {"momentum=0.5", {"name=sgd"}},
        {"nesterov=false", {"name=sgd"}},
        {"decay_norm_and_bias=true", {"weight_decay=0.5"}},
    };
    for (const auto& [setting, others] : cases) {
        auto with = others;
        with.push_back(setting);
        EXPECT_NE(moved(with), moved(others)) << setting;
    }
}

// ---- Where values come from

TEST(RunConfigSources, DefaultThenFileThenEnvironmentThenCommandLine) {
    const std::string file = "train: {steps: 1, log_every: 2, accumulation: 2, clip_norm: 2}";
    setenv("VOX_TRAIN__LOG_EVERY", "3", 1);
    setenv("VOX_TRAIN__ACCUMULATION", "3", 1);
    const auto config = configured(file, {"--set", "train.accumulation=4", "--set", "train.accumulation=5"});
    unsetenv("VOX_TRAIN__LOG_EVERY");
    unsetenv("VOX_TRAIN__ACCUMULATION");
    EXPECT_EQ(config.train.bucket_mb, train::Options().bucket_mb);  // nobody spoke of it
    EXPECT_EQ(config.train.clip_norm, 2);  // the file
    EXPECT_EQ(config.train.log_every, 3);  // the environment beats the file
    EXPECT_EQ(config.train.accumulation, 5);  // the command line beats both, its last word counts
}

TEST(RunConfigSources, AMisspeltVariableOfTheEnvironmentIsAnError) {
    setenv("VOX_TRAIN__STEPZ", "3", 1);
    const std::string message = refusal(kLeast);
    unsetenv("VOX_TRAIN__STEPZ");
    EXPECT_THAT(message, HasSubstr("VOX_TRAIN__STEPZ"));
    EXPECT_THAT(message, HasSubstr("train.steps"));
}

TEST(RunConfigSources, JsonWithCommentsIsAFileToo) {
    const test::TemporaryFolder folder;
    std::ofstream(folder / "run.json") << R"({
        // four GPUs, two crops each
        "data": {"batch_size": 2, "crop_size": [32, 32, 32]},
        "train": {"steps": 9 /* short */, "optimizer": {"lr": 1e-3}}
    })";
    const auto config = configured(kLeast, {"--config", (folder / "run.json").string()});
    EXPECT_EQ(config.train.steps, 9);
    EXPECT_EQ(config.task.data.batch_size, 2);
    EXPECT_DOUBLE_EQ(config.train.optimizer.lr, 1e-3);
}

TEST(RunConfigOptions, TheCommandLineReachesTheRun) {
    const auto config = configured(kLeast, {"--data", "/shards", "--run", "/runs/a", "--resume", "none", "--dry-run"});
    EXPECT_EQ(config.shards, "/shards");
    EXPECT_EQ(config.run, "/runs/a");
    EXPECT_EQ(config.checkpoint.resume, "none");
    EXPECT_TRUE(config.dry_run);
}

TEST(RunConfigOptions, DebugIsTenStepsLoggedAndCompared) {
    const auto config = configured("train: {epochs: 300}", {"--debug"});
    EXPECT_EQ(config.train.steps, 10);
    EXPECT_EQ(config.train.epochs, 0);
    EXPECT_EQ(config.train.log_every, 1);
    EXPECT_EQ(config.train.replica_check_every, 1);
    core::log::set_level(core::log::Level::info);
}

TEST(RunConfigMetrics, NonsenseIsRefused) {
    const auto metrics = [](const std::string& keys) { return refusal(kLeast + "\nmetrics: {" + keys + "}"); };
    EXPECT_EQ(metrics("hausdorff_percentiles: [50, 100]"), "accepted");
    for (const std::string list : {"[]", "[0]", "[101]", "[-5]"})
        EXPECT_THAT(metrics("hausdorff_percentiles: " + list), HasSubstr("above 0 and at most 100")) << list;
    EXPECT_THAT(metrics("hausdorff_percentiles: [95, 95.0]"), HasSubstr("twice"));
    EXPECT_THAT(metrics("lesion_threshold: 1"), HasSubstr("below 1"));
    EXPECT_THAT(metrics("hausdorff_definition: max_direct"), HasSubstr("did you mean 'max_directed'?"));
    EXPECT_THAT(refusal(kLeast + "\ninfer: {connectivity: 8}"), HasSubstr("6, 18 or 26"));
}

}  // namespace
}  // namespace vox::app
