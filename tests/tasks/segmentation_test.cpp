#include "tasks/segmentation.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "comm/local_communicator.hpp"
#include "core/error.hpp"
#include "infer/compose_labels.hpp"
#include "infer/largest_regions.hpp"
#include "loss/compound.hpp"
#include "metrics/dice.hpp"
#include "metrics/surface_distance.hpp"
#include "support/golden.hpp"
#include "support/temporary_folder.hpp"
#include "tasks/phantom_dataset.hpp"

namespace vox::tasks {
namespace {

using testing::ElementsAre;

TaskConfig small_config() {
    TaskConfig config;
    config.data.crop_size = {16, 16, 16};
    config.data.threads = 1;
    config.model.init_filters = 8;
    config.model.blocks_down = {1, 1};
    config.model.blocks_up = {1};
    config.infer.window = {32, 32, 32};
    return config;
}

std::vector<std::string> names(const std::vector<train::Term>& terms) {
    std::vector<std::string> result;
    for (const auto& term : terms) result.push_back(term.name);
    return result;
}

TEST(Segmentation, RegionsThatNoTrainingCaseShowsAreLeftOutOfLossAndLabelMap) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    comm::LocalCommunicator comm{at::kCPU};
    Segmentation all(small_config(), {test::phantom_shards(*world, folder.path() / "all", 2), 1, at::kFloat}, comm);
    EXPECT_THAT(names(all.terms()), ElementsAre("dice_TC", "dice_WT", "dice_ET"));
    EXPECT_DOUBLE_EQ(all.terms()[0].coefficient, 1.0 / 3);

    const auto shards = test::phantom_shards(*world, folder.path() / "some", 2, /*no_enhancing=*/true);
    Segmentation some(small_config(), {shards, 1, at::kFloat}, comm);
    EXPECT_THAT(names(some.terms()), ElementsAre("dice_TC", "dice_WT"));
    EXPECT_DOUBLE_EQ(some.terms()[0].coefficient, 0.5);
    // A network that says yes everywhere in every channel; ET must not come out all the same.
    {
        const at::NoGradGuard no_grad;
        some.model().parameters().back().fill_(100.0);  // the last convolution's bias
    }
    const data::ShardReader reader(shards);
    const auto sample = data::load_case(reader, 0, data::Normalisation::zscore_nonzero);
    const auto prediction = some.predictor().predict(sample);
    EXPECT_GT((prediction.label_map == 1).sum().item<int64_t>(), 0);
    EXPECT_EQ((prediction.label_map == 4).sum().item<int64_t>(), 0);
    EXPECT_EQ(prediction.label_map.sizes(), sample.label.sizes());
}

TEST(Segmentation, FactsGoThroughACheckpointsTexts) {
    SegmentationFacts facts{data::label_scheme("brats2023"), {true, true, false}, {"t1", "flair"}};
    const auto again = SegmentationFacts::from_texts(facts.to_texts());
    EXPECT_EQ(again.scheme.name, "brats2023");
    EXPECT_EQ(again.active, facts.active);
    EXPECT_EQ(again.channels, facts.channels);
    EXPECT_FALSE(again.exclusive);
    EXPECT_EQ(again.out_channels(), 3);
    facts.exclusive = true;
    EXPECT_TRUE(SegmentationFacts::from_texts(facts.to_texts()).exclusive);
    EXPECT_EQ(facts.out_channels(), 4);
    auto older = facts.to_texts();
    older.erase("outputs");
    EXPECT_FALSE(SegmentationFacts::from_texts(older).exclusive);
    SegmentationFacts generic{data::generic_scheme({2, 7}), {true, true}, {"ct"}};
    EXPECT_EQ(SegmentationFacts::from_texts(generic.to_texts()).scheme.values, (std::set<int>{2, 7}));
    EXPECT_THROW(SegmentationFacts::from_texts({}), core::DataError);
}

TEST(SegmentationLoss, ChoosesTheLossByName) {
    const SegmentationFacts zones{data::label_scheme("prostate158_anatomy"), {true, true}, {"t2"}, true};
    const auto label = test::uniform({2, 4, 5, 6}, 11).mul(3).to(at::kByte);
    const auto logits = 8 * test::uniform({2, 3, 4, 5, 6}, 12) - 4;
    for (const char* name : {"dice_focal", "dice_ce"}) {
        auto options = loss::Options::of(name);
        options.lambda_dice = 0.25;
        const SegmentationLoss loss(options, zones);
        EXPECT_EQ(loss.terms().at(0).name, "dice");
        EXPECT_EQ(loss.terms().at(0).coefficient, 0.25);
        EXPECT_EQ(loss.terms().at(1).name, std::string(name).substr(5));
        // TZ is 1 and PZ is 2 in this scheme: values and classes are the same.
        const auto expected = loss::compound_losses_per_item(logits, label, options);
        const auto sums = loss.sums(logits, label);
        ASSERT_EQ(sums.size(), 2U);
        for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(sums[i].equal(expected[i].sum())) << name << i;
        EXPECT_EQ(loss.sums(logits.narrow(0, 0, 0), label.narrow(0, 0, 0))[0].item<float>(), 0.0F);
    }
    const SegmentationFacts apart{zones.scheme, {true, true}, {"t2"}, false};
    const SegmentationLoss loss(loss::Options{}, apart);
    EXPECT_THAT(names(loss.terms()), ElementsAre("dice_TZ", "dice_PZ"));
    EXPECT_THROW(loss.sums(logits, label), core::InternalError);  // three channels for two sigmoids
}

TEST(SegmentationClasses, ZonesAreASoftmaxWithABackground) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    comm::LocalCommunicator comm{at::kCPU};
    auto config = small_config();
    config.loss = loss::Options::of("dice_ce");
    const auto shards = test::prostate_shards(*world, folder.path(), 2, "anatomy");
    Segmentation task(config, {shards, 1, at::kFloat}, comm);
    const data::ShardReader reader(shards);
    const auto sample = data::load_case(reader, 0, data::Normalisation::zscore_nonzero);
    for (int64_t winner = 0; winner < 3; ++winner) {
        {
            const at::NoGradGuard no_grad;
            auto bias = task.model().parameters().back();
            ASSERT_EQ(bias.sizes().vec(), std::vector<int64_t>{3});
            bias.fill_(0);
            bias[winner] = 100.0;
        }
        const auto prediction = task.predictor().predict(sample);
        EXPECT_EQ(prediction.probabilities.sizes().vec(),
                  (std::vector<int64_t>{2, sample.label.size(0), sample.label.size(1), sample.label.size(2)}));
        EXPECT_EQ(prediction.label_map.min().item<int64_t>(), winner);
        EXPECT_EQ(prediction.label_map.max().item<int64_t>(), winner);
        EXPECT_NEAR(prediction.probabilities[0].min().item<float>(), winner == 1 ? 1 : 0, 1e-30);  // TZ
    }
}

TEST(SegmentationClasses, RegionsThatOverlapAreRefusedWithAWayOut) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    comm::LocalCommunicator comm{at::kCPU};
    auto config = small_config();
    config.loss = loss::Options::of("dice_focal");
    try {
        Segmentation task(config, {test::phantom_shards(*world, folder.path(), 1), 1, at::kFloat}, comm);
        FAIL() << "accepted";
    } catch (const core::ConfigError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("use dice_sigmoid"));
    }
}

TEST(Segmentation, SummaryIsTheMeanOverCasesThatHaveAFigure) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    comm::LocalCommunicator comm{at::kCPU};
    const Segmentation task(small_config(), {test::phantom_shards(*world, folder.path(), 1), 1, at::kFloat}, comm);
    const double none = std::nan("");
    const std::vector<train::CaseFigures> cases{
        {"a", {{"dice/TC", 0.2}, {"dice/WT", 0.5}, {"dice/ET", none}}, std::nullopt},
        {"b", {{"dice/TC", 0.4}, {"dice/WT", 0.7}, {"dice/ET", 0.9}}, std::nullopt}};
    const auto figures = task.summarise(cases);
    EXPECT_EQ(figures[0].first, "dice");
    EXPECT_DOUBLE_EQ(figures[1].second, 0.3);
    EXPECT_DOUBLE_EQ(figures[2].second, 0.6);
    EXPECT_DOUBLE_EQ(figures[3].second, 0.9);
    EXPECT_DOUBLE_EQ(figures[0].second, 0.6);
}

// What the trainer sees: figures by name, on the grid of the case, and the one that decides.
TEST(Segmentation, ValidationGivesTheFiguresThatAreConfigured) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    comm::LocalCommunicator comm{at::kCPU};
    auto config = small_config();
    config.metrics.surface_distances = true;
    config.metrics.empty_surface_rule = "diagonal";
    config.metrics.key_metric = "assd";
    const auto shards = test::phantom_shards(*world, folder.path(), 1);
    Segmentation task(config, {shards, 1, at::kFloat}, comm);
    EXPECT_EQ(task.key_metric().name, "assd");
    EXPECT_FALSE(task.key_metric().higher_is_better);

    const auto result = task.validate_case({"phantom", 0, 1.0}, /*preview=*/false);
    ASSERT_EQ(result.figures.size(), 12u);
    EXPECT_EQ(result.figures[4].first, "hd95/WT");
    const data::ShardReader reader(shards);
    const auto sample = data::load_case(reader, 0, data::Normalisation::zscore_nonzero);
    const auto made = infer::region_masks(task.predictor().predict(sample).label_map, reader.scheme());
    const auto truth = infer::region_masks(sample.label, reader.scheme());
    const auto distances = metrics::surface_distances(made[1], truth[1], sample.info->spacing_mm);
    EXPECT_EQ(result.figures[1].second, metrics::dice(made[1], truth[1], metrics::EmptyRule::both_empty_is_one));
    EXPECT_EQ(result.figures[4].second,
              metrics::hausdorff_distance(distances, 95, metrics::HausdorffDefinition::max_directed,
                                          metrics::EmptySurfaceRule::diagonal));
    config.metrics.key_metric = "hd50";
    EXPECT_THROW(Segmentation(config, {shards, 1, at::kFloat}, comm), core::ConfigError);
}

TEST(Segmentation, OfRegionsThatAreToBeOnePieceTheLargestStays) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    comm::LocalCommunicator comm{at::kCPU};
    const auto shards = test::phantom_shards(*world, folder.path(), 1);
    const data::ShardReader reader(shards);
    const auto sample = data::load_case(reader, 0, data::Normalisation::zscore_nonzero);
    auto config = small_config();
    const auto predict = [&] {  // the seed is the same, and so are the weights
        return Segmentation(config, {shards, 1, at::kFloat}, comm).predictor().predict(sample);
    };
    const auto plain = predict();
    for (const int64_t neighbours : {6, 26}) {
        config.clean_up = {{"WT"}, neighbours};
        const auto cleaned = predict();
        EXPECT_FALSE(at::equal(cleaned.label_map, plain.label_map)) << "the test needs a map of several pieces";
        EXPECT_TRUE(at::equal(cleaned.label_map, infer::keep_largest_regions(plain.label_map, reader.scheme(), {1},
                                                                             ops::connectivity(neighbours))));
        EXPECT_TRUE(at::equal(cleaned.probabilities, plain.probabilities));
    }
    config.clean_up = {{"ET"}, 26};
    EXPECT_THROW(predict(), core::ConfigError);
}

}  // namespace
}  // namespace vox::tasks
