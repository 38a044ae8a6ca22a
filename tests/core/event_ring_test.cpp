#include "core/event_ring.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "support/temporary_folder.hpp"

namespace vox::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

std::vector<std::string> names(const std::vector<Event>& events) {
    std::vector<std::string> all;
    for (const Event& event : events) all.emplace_back(event.what);
    return all;
}

TEST(EventRing, KeepsTheLastOnesInTheirOrder) {
    const test::TemporaryFolder folder;
    const fs::path file = folder.path() / "ring";
    EventRing ring(file);
    EXPECT_TRUE(EventRing::read(file).empty());
    const int64_t first = ring.begin("first", 3);
    ring.begin("second", 4);
    ring.end(first);
    auto events = EventRing::read(file);
    ASSERT_THAT(names(events), ElementsAre("first", "second"));
    EXPECT_EQ(events[0].step, 3);
    EXPECT_GE(events[0].end, events[0].begin);
    EXPECT_GT(events[0].begin, 1.7e9);
    EXPECT_EQ(events[1].end, 0);

    for (int i = 0; i < 100; ++i) ring.begin(concat("event ", i, std::string(200, '-')), i);
    ring.end(first);  // its place is another one's by now
    events = EventRing::read(file);
    ASSERT_EQ(events.size(), 64u);
    EXPECT_EQ(events.front().number, 39);
    EXPECT_EQ(std::string(events.back().what).substr(0, 10), "event 99--");
    for (const Event& event : events) EXPECT_EQ(event.end, 0);
}

/// A child that makes a ring and two events, and then waits for its end.
pid_t child_with_ring(const fs::path& file) {
    const pid_t child = fork();
    if (child != 0) return child;
    EventRing ring(file);
    ring.end(ring.begin("before", 0));
    ring.begin("the last one", 1);
    while (true) pause();
}

void wait_for_events(const fs::path& file, size_t count) {
    for (int i = 0; i < 2000 && EventRing::read(file).size() < count; ++i) usleep(5000);
}

TEST(EventRing, AStoppedOrKilledProcessLeavesItsEvents) {
    const test::TemporaryFolder folder;
    const fs::path file = folder.path() / "ring";
    const pid_t child = child_with_ring(file);
    wait_for_events(file, 2);
    kill(child, SIGSTOP);
    EXPECT_THAT(names(EventRing::read(file)), ElementsAre("before", "the last one"));
    const RingOwner owner(file);
    EXPECT_FALSE(owner.is_gone()) << "it stands still, but it is there";
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_TRUE(owner.is_gone());
    EXPECT_TRUE(owner.is_gone()) << "and stays so";
    EXPECT_THAT(names(EventRing::read(file)), ElementsAre("before", "the last one"));
}

TEST(EventRing, WhoLeavesInOrderIsNotGone) {
    const test::TemporaryFolder folder;
    const fs::path file = folder.path() / "ring";
    auto ring = std::make_unique<EventRing>(file);
    const RingOwner owner(file);
    EXPECT_FALSE(owner.is_gone());
    ring.reset();
    EXPECT_FALSE(fs::exists(file));
    EXPECT_FALSE(owner.is_gone());
    EXPECT_THROW(RingOwner{file}, DataError);
    EXPECT_TRUE(EventRing::read(file).empty());
}

TEST(EventRing, AFileInItsPlaceOrAFullDiskIsAnErrorAtTheStart) {
    const test::TemporaryFolder folder;
    std::ofstream(folder.path() / "ring") << "not a ring";
    EXPECT_THROW(EventRing{folder.path() / "ring"}, WriteError);
    EXPECT_TRUE(EventRing::read(folder.path() / "ring").empty());
    EXPECT_THROW(EventRing{folder.path() / "nowhere" / "ring"}, WriteError);
}

TEST(EventRing, OldFilesOfDeadProcessesAreRemoved) {
    const test::TemporaryFolder folder;
    const auto path = [&](const char* name) { return folder.path() / name; };
    const pid_t dead = child_with_ring(path("mine-dead")), young = child_with_ring(path("mine-young"));
    wait_for_events(path("mine-dead"), 2);
    wait_for_events(path("mine-young"), 2);
    for (const pid_t child : {dead, young}) {
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }
    const EventRing alive(path("mine-alive"));
    std::ofstream(path("other")) << "somebody else's";
    const auto old = fs::file_time_type::clock::now() - std::chrono::hours(2);
    for (const char* name : {"mine-dead", "mine-alive", "other"}) fs::last_write_time(path(name), old);
    remove_orphaned_rings(folder.path(), "mine-");
    EXPECT_FALSE(fs::exists(path("mine-dead")));
    EXPECT_TRUE(fs::exists(path("mine-young")));
    EXPECT_TRUE(fs::exists(path("mine-alive")));
    EXPECT_TRUE(fs::exists(path("other")));
}

TEST(EventRing, LinesAreJson) {
    const test::TemporaryFolder folder;
    EventRing ring(folder.path() / "ring");
    ring.end(ring.begin("reading \"a\\b\"\n", 7));
    ring.begin("under way", 8);
    const fs::path lines = folder.path() / "rank_0.jsonl";
    write_json_lines(lines, EventRing::read(folder.path() / "ring"));
    std::ifstream in(lines);
    std::string line;
    std::getline(in, line);
    const auto first = nlohmann::json::parse(line);
    EXPECT_EQ(first["event"], 1);
    EXPECT_EQ(first["step"], 7);
    EXPECT_EQ(first["what"], "reading \"a\\b\" ");
    EXPECT_GE(first["seconds"], 0.0);
    std::getline(in, line);
    const auto second = nlohmann::json::parse(line);
    EXPECT_EQ(second["what"], "under way");
    EXPECT_FALSE(second.contains("seconds"));
    EXPECT_FALSE(std::getline(in, line));
    EXPECT_THROW(write_json_lines(folder.path() / "nowhere" / "x", {}), WriteError);
}

}  // namespace
}  // namespace vox::core
