#include "checkpoint/changes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Manifest with(const std::string& config, const std::string& digest = "aa") {
    Manifest manifest;
    manifest.config_yaml = config;
    manifest.dataset_digest = digest;
    return manifest;
}

TEST(Changes, NameEveryKeyWithBothValuesAndTheDataSet) {
    EXPECT_THAT(changes(with("seed: 0\ntrain: {steps: 4, clip_norm: 1}"),
                        with("seed: 1\ntrain: {steps: 6, clip_norm: 1}", "bb")),
                ElementsAre("seed 1, was 0", "train.steps 6, was 4", "data set bb, was aa"));
    EXPECT_THAT(changes(with("seed: 0"), with("seed: 0")), IsEmpty());
}

TEST(Changes, LeaveOutWhatDecidesAboutNoNumberAndWhatTheOtherVersionDoesNotKnow) {
    EXPECT_THAT(changes(with("run: {if_exists: use}\ncheckpoint: {resume: auto}\ncomm: {timeout_s: 5}\nold: 1"),
                        with("run: {if_exists: number}\ncheckpoint: {resume: none}\ncomm: {timeout_s: 6}\nnew: 1")),
                IsEmpty());
}

TEST(Changes, OfFoldsAreRefused) {
    const auto saved = with("seed: 0\ndata: {fold_column: '', fold: 1, folds: 5}");
    EXPECT_NO_THROW(check_same_folds(saved, saved));
    for (const auto* other :
         {"seed: 0\ndata: {fold_column: '', fold: 2, folds: 5}", "seed: 0\ndata: {fold_column: x, fold: 1, folds: 5}",
          "seed: 1\ndata: {fold_column: '', fold: 1, folds: 5}"})
        EXPECT_THROW(check_same_folds(saved, with(other)), core::ConfigError) << other;
    // Without a hash the seed draws no folds; a program of before had none.
    const auto by_column = [](const char* seed) {
        return with(core::concat("seed: ", seed, "\ndata: {fold_column: x, fold: 1, folds: 0}"));
    };
    EXPECT_NO_THROW(check_same_folds(by_column("0"), by_column("1")));
    EXPECT_NO_THROW(check_same_folds(with("seed: 0"), saved));
}

}  // namespace
}  // namespace vox::checkpoint
