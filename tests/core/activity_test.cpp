#include "core/activity.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <thread>

#include "core/event_ring.hpp"
#include "support/temporary_folder.hpp"

namespace vox::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

class ActivityTest : public testing::Test {
protected:
    ActivityTest() { record_activities(file_); }
    ~ActivityTest() override { stop_recording_activities(); }

    test::TemporaryFolder folder_;
    std::filesystem::path file_ = folder_.path() / "ring";
};

TEST_F(ActivityTest, StandsWhereItsThreadStands) {
    EXPECT_EQ(standing().doing, "");
    set_activity_step(7);
    const Activity outer("step");
    {
        const Activity inner("all-reduce", Waits::for_peers);
        EXPECT_EQ(standing().doing, "step > all-reduce");
        EXPECT_EQ(standing().waits, Waits::for_peers);
        EXPECT_EQ(standing().step, 7);
    }
    EXPECT_EQ(standing().doing, "step");
    EXPECT_EQ(standing().waits, Waits::for_nothing);
    const auto events = EventRing::read(file_);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_STREQ(events[1].what, "all-reduce");
    EXPECT_GT(events[1].end, 0);
    EXPECT_EQ(events[0].end, 0);
}

TEST_F(ActivityTest, OtherThreadsAreBeside) {
    std::promise<void> begun, over;
    std::thread other([&] {
        const Activity outer("outer"), inner("reading", Waits::for_data, /*recorded=*/false);
        begun.set_value();
        over.get_future().wait();
    });
    begun.get_future().wait();
    EXPECT_EQ(standing().doing, "");
    EXPECT_EQ(standing().waits, Waits::for_nothing);
    EXPECT_THAT(standing().beside, ElementsAre("reading"));
    over.set_value();
    other.join();
    EXPECT_THAT(standing().beside, IsEmpty());
    EXPECT_EQ(EventRing::read(file_).size(), 1u) << "what is not recorded is no event";
}

TEST_F(ActivityTest, ProgressOfAnyKindEndsIdleness) {
    sleep_ms(60);
    EXPECT_GE(standing().idle_s, 0.05);
    count_progress();
    EXPECT_LT(standing().idle_s, 0.05);
    sleep_ms(60);
    {
        const Activity one("one");
    }
    EXPECT_LT(standing().idle_s, 0.05);
}

TEST_F(ActivityTest, CountsTheTimeSpentOnPeersOnly) {
    const double before = seconds_waited_for_peers();
    {
        const Activity work("work"), data("data", Waits::for_data);
        sleep_ms(30);
    }
    EXPECT_EQ(seconds_waited_for_peers(), before);
    {
        const Activity peers("peers", Waits::for_peers);
        sleep_ms(30);
    }
    EXPECT_GE(seconds_waited_for_peers() - before, 0.03);
}

TEST(Activity, NeedsNoRing) {
    const Activity outer("outer");
    const test::TemporaryFolder folder;
    record_activities(folder.path() / "ring");
    {
        const Activity recorded("recorded");
        stop_recording_activities();
        EXPECT_FALSE(std::filesystem::exists(folder.path() / "ring"));
    }
    const Activity after("after");
    EXPECT_EQ(standing().doing, "outer > after");
}

}  // namespace
}  // namespace vox::core
