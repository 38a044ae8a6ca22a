#include "comm/ends_within.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <thread>

#include "core/timer.hpp"

namespace vox::comm {
namespace {

TEST(EndsWithin, WaitsForWhatEnds) {
    bool ran = false;
    EXPECT_TRUE(ends_within(60, [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        ran = true;
    }));
    EXPECT_TRUE(ran);
}

// As an abort that waits for a GPU whose queue is stuck: the caller goes on, and the call too once it can.
TEST(EndsWithin, LeavesAloneWhatDoesNot) {
    const auto stuck = std::make_shared<std::promise<void>>();
    const auto ended = std::make_shared<std::promise<void>>();
    const core::Timer timer;
    EXPECT_FALSE(ends_within(0.1, [stuck, ended] {
        stuck->get_future().wait();
        ended->set_value();
    }));
    EXPECT_LT(timer.seconds(), 60);
    stuck->set_value();
    EXPECT_EQ(ended->get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

}  // namespace
}  // namespace vox::comm
