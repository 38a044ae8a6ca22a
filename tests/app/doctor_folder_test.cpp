#include "app/doctor_folder.hpp"

#include <gtest/gtest.h>

namespace vox::app {
namespace {

TEST(CheckpointsKept, CountsTheNewestTheBestAndTheOneBeingWritten) {
    checkpoint::Options options;
    options.keep_last = 2;
    options.keep_best = true;
    EXPECT_EQ(checkpoints_kept(options, 1000), 4);
    options.keep_best = false;
    EXPECT_EQ(checkpoints_kept(options, 1000), 3);
    options.keep_every = 100;  // these stay for ever
    EXPECT_EQ(checkpoints_kept(options, 1000), 13);
}

}  // namespace
}  // namespace vox::app
