// What a watchdog leaves alone.  That it ends what stands still: tests/comm/failure_test.cpp and tests/e2e/faults/hang_test.py.

#include "comm/watchdog.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "comm/mpi_world.hpp"
#include "core/activity.hpp"
#include "core/timer.hpp"
#include "support/temporary_folder.hpp"
#include "support/world.hpp"

namespace vox::comm {
namespace {

using test::world;

constexpr double kTimeoutS = 0.5;

void sleep_s(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

TEST(Watchdog, LetsARankBeSlowThatGetsOn) {
    const Watchdog watchdog(world(), {kTimeoutS, ""});
    if (world().rank() == world().size() - 1) {
        for (int i = 0; i < 8; ++i) {  // four limits long
            sleep_s(kTimeoutS / 2);
            core::count_progress();
        }
    }
    world().barrier();
}

TEST(Watchdog, LetsARankComputeForLongWhereNobodyWaits) {
    const Watchdog watchdog(world(), {kTimeoutS, ""});
    sleep_s(3 * kTimeoutS);
    world().barrier();
}

TEST(Watchdog, SingleWaitsHaveNoLimitWhileItWatches) {
    MpiWorld impatient(mpi_handle(world()), kTimeoutS / 4);
    const Watchdog watchdog(world(), {10, ""});
    if (world().rank() == world().size() - 1) sleep_s(kTimeoutS);
    impatient.barrier();
}

TEST(Watchdog, LeavesNothingBehind) {
    const test::TemporaryFolder folder;
    for (int times = 0; times < 3; ++times) {
        Watchdog watchdog(world(), {kTimeoutS, folder.path() / "records"});
        EXPECT_TRUE(core::is_watched());
        const RescueScope rescue(watchdog, [] {
            ADD_FAILURE() << "nothing is to be rescued";
            return "";
        });
        sleep_s(0.2);
    }
    EXPECT_FALSE(core::is_watched());
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "records"));
    world().barrier();
}

}  // namespace
}  // namespace vox::comm
