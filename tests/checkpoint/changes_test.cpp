#include "checkpoint/changes.hpp"

#include <gmock/gmock.h>

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

}  // namespace
}  // namespace vox::checkpoint
