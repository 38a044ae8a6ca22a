#include "tasks/segmentation.hpp"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "comm/local_communicator.hpp"
#include "core/error.hpp"
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
    SegmentationFacts generic{data::generic_scheme({2, 7}), {true, true}, {"ct"}};
    EXPECT_EQ(SegmentationFacts::from_texts(generic.to_texts()).scheme.values, (std::set<int>{2, 7}));
    EXPECT_THROW(SegmentationFacts::from_texts({}), core::DataError);
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

}  // namespace
}  // namespace vox::tasks
