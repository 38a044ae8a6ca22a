#include "app/findings.hpp"

#include <gtest/gtest.h>

#include "support/world.hpp"

namespace vox::app {
namespace {

using core::ExitCode;

TEST(ShortTime, ChoosesItsUnit) {
    EXPECT_EQ(short_time(26e-6), "26 us");
    EXPECT_EQ(short_time(0.0031), "3.1 ms");
    EXPECT_EQ(short_time(4.2), "4.2 s");
}

TEST(WorstOf, TakesTheFirstOfTheWorst) {
    const auto ok = Finding::ok("fine"), warning = Finding::warning("hm"),
               fails = Finding::fails(ExitCode::bad_data, "no");
    EXPECT_EQ(worst_of({ok, ok, ok}), 0u);
    EXPECT_EQ(worst_of({ok, warning, ok}), 1u);
    EXPECT_EQ(worst_of({ok, warning, fails, fails}), 2u);
}

TEST(WorstOf, PrefersARanksOwnComplaintToThoseAboutIt) {
    const auto peer = Finding::fails(ExitCode::peer_failed, "rank 2 failed");
    EXPECT_EQ(worst_of({peer, peer, Finding::fails(ExitCode::bad_data, "damaged")}), 2u);
    EXPECT_EQ(worst_of({Finding::warning("hm"), peer}), 1u);
}

TEST(Findings, AllRanksKnowOfOneRanksFailureAndItsCode) {
    comm::World& world = test::world();
    const int last = world.size() - 1;
    Findings findings(world);
    EXPECT_TRUE(findings.check("fine", [] { return Finding::ok("as it should be"); }));
    EXPECT_TRUE(findings.check("odd", [] { return Finding::warning("but it works"); }));
    EXPECT_FALSE(findings.check("broken", [&] {
        if (world.rank() == last) throw core::WriteError("the disk is full");
        return Finding::ok("written");
    }));
    EXPECT_FALSE(findings.check("also broken", []() -> Finding { throw core::ConfigError("no such key"); }));
    EXPECT_EQ(findings.finish(), ExitCode::cannot_write) << "the first that failed decides";
}

TEST(Findings, ARankThatFailsBesideAgreedWorkGivesItsOwnCode) {
    comm::World& world = test::world();
    const int last = world.size() - 1;
    Findings findings(world);
    EXPECT_FALSE(findings.check("together", [&] {
        world.together("reading", [&] {
            if (world.rank() == last) throw core::DataError("damaged");
        });
        return Finding::ok("read");
    }));
    EXPECT_EQ(findings.finish(), ExitCode::bad_data);
}

TEST(Findings, WarningsAndSkippedChecksDoNotFail) {
    Findings findings(test::world());
    findings.check("odd", [] { return Finding::warning("but it works"); });
    findings.skip("later", "nothing to look at");
    EXPECT_EQ(findings.finish(), ExitCode::done);
}

}  // namespace
}  // namespace vox::app
