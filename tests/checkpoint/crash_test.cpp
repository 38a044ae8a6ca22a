// A writer that dies at any point of a save: the older checkpoint (or, once it is in place, the new one) loads, and the
// next writer cleans up.  The child process runs the shipped code; only fault_point() has another body.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "checkpoint/fixtures.hpp"
#include "checkpoint/store.hpp"
#include "core/fault_points.hpp"

namespace {
std::string die_at;
int passes_before = 0;
std::vector<std::string>* passed = nullptr;  // where a test wants to know
}  // namespace

void vox::core::fault_point(std::string_view name, std::span<std::byte>) {
    if (passed != nullptr) passed->emplace_back(name);
    if (name == die_at && passes_before-- == 0) ::_exit(42);
}

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;
using namespace test;
using testing::Each;
using testing::ElementsAre;
using testing::Not;
using testing::StartsWith;

struct CrashPoint {
    std::string name;
    int passes;  // how often it is passed before
    int64_t survivor;  // the step that must load afterwards
};

class Crash : public testing::TestWithParam<CrashPoint> {
protected:
    /// Runs `work` in a child that dies at the point.
    template <class Work>
    void in_dying_child(Work work) const {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            die_at = GetParam().name;
            passes_before = GetParam().passes;
            work();
            ::_exit(0);  // the point was never reached
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFEXITED(status));
        ASSERT_EQ(WEXITSTATUS(status), 42) << "the save does not pass " << GetParam().name;
    }

    ScratchFolder scratch_;
    fs::path folder_ = scratch_.path() / "checkpoints";
};

Options keep_one() {
    Options options;
    options.keep_last = 1;
    return options;
}

TEST_P(Crash, LeavesAWholeCheckpointAndNothingThatTheNextWriterCannotClean) {
    Store(folder_, keep_one()).save(make_state(1));
    in_dying_child([&] { Store(folder_, keep_one()).save(make_state(2)); });

    const auto choice = newest_valid(folder_);
    ASSERT_TRUE(choice.has_value());
    EXPECT_EQ(choice->step, GetParam().survivor);
    expect_same(load(*choice), make_state(GetParam().survivor));

    Store next(folder_, keep_one());
    EXPECT_THAT(names_in(folder_), Each(Not(StartsWith(".tmp_"))));
    next.save(make_state(2));
    expect_same(load(*newest_valid(folder_)), make_state(2));
    EXPECT_THAT(names_in(folder_), ElementsAre("step_00000002"));
}

TEST_P(Crash, WhileAStepIsWrittenAgainLeavesOneOfTheTwo) {
    if (GetParam().name == "checkpoint:during_prune") GTEST_SKIP() << "an equal step leaves nothing to prune";
    Store(folder_, keep_one()).save(make_state(2));
    State again = make_state(2);
    again.manifest.epoch = 99;
    in_dying_child([&] { Store(folder_, keep_one()).save(again); });
    const auto choice = newest_valid(folder_);
    ASSERT_TRUE(choice.has_value());
    expect_same(load(*choice), GetParam().survivor == 2 ? again : make_state(2));
}

/// Every point that a save passes, in order, as a save says itself: none can be forgotten.
std::vector<CrashPoint> points_of_a_save() {
    const ScratchFolder scratch;
    Store store(scratch.path(), keep_one());
    store.save(make_state(1));
    std::vector<std::string> names;
    passed = &names;
    store.save(make_state(2));
    passed = nullptr;
    std::map<std::string, int> passes;
    std::vector<CrashPoint> points;
    int64_t survivor = 1;
    for (const auto& name : names) {
        if (name == "checkpoint:after_rename") survivor = 2;
        points.push_back({name, passes[name]++, survivor});
    }
    return points;
}

INSTANTIATE_TEST_SUITE_P(Points, Crash, testing::ValuesIn(points_of_a_save()), [](const auto& point) {
    const std::string& name = point.param.name;
    return core::concat(name.substr(name.find(':') + 1), '_', point.param.passes);
});

}  // namespace
}  // namespace vox::checkpoint
