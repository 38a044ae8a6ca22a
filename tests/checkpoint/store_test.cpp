#include "checkpoint/store.hpp"

#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#include "checkpoint/fixtures.hpp"
#include "core/error.hpp"
#include "core/fault_points.hpp"
#include "support/read_options.hpp"

namespace {
std::function<void(std::string_view)> at_fault_point;  // of the test that runs
}

// Stands in for the library's empty one.
void vox::core::fault_point(std::string_view name, std::span<std::byte>) {
    if (at_fault_point) at_fault_point(name);
}

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;
using core::DataError;
using core::WriteError;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace test;

class StoreTest : public testing::Test {
protected:
    ~StoreTest() override { at_fault_point = nullptr; }
    ScratchFolder scratch_;
    fs::path folder_ = scratch_.path() / "checkpoints";
};

State with_dice(int64_t step, double value) {
    State state = make_state(step);
    state.manifest.metric = Metric{"mean_dice", value, true};
    return state;
}

TEST_F(StoreTest, LoadsTheNewestBitForBit) {
    Store store(folder_, {});
    EXPECT_FALSE(newest_valid(folder_).has_value());
    store.save(make_state(5));
    store.save(make_state(10));
    const auto choice = newest_valid(folder_);
    ASSERT_TRUE(choice.has_value());
    EXPECT_EQ(choice->step, 10);
    EXPECT_EQ(choice->folder.filename(), "step_00000010");
    expect_same(load(*choice), make_state(10));
    EXPECT_TRUE(peek(*choice) == make_state(10).manifest);
    EXPECT_THAT(names_in(choice->folder),
                ElementsAre("ema.safetensors", "manifest.json", "model.safetensors", "optimizer.safetensors"));
}

TEST_F(StoreTest, AChoiceTravelsAsTextAndIsCheckedWhereItArrives) {
    Store store(folder_, {});
    store.save(make_state(5));
    const std::string text = to_text(*newest_valid(folder_));
    expect_same(load(choice_from_text(text)), make_state(5));
    store.save(make_state(5));  // the same bytes again: still the one that was chosen
    expect_same(load(choice_from_text(text)), make_state(5));
    State other = make_state(5);
    other.manifest.epoch = 99;
    store.save(other);
    EXPECT_THAT(message_of<DataError>([&] { load(choice_from_text(text)); }),
                HasSubstr("is not the checkpoint that was chosen"));
}

TEST_F(StoreTest, WeightsAloneAreTheAverageWhereItIsKept) {
    Store store(folder_, {});
    store.save(make_state(5));
    expect_same(load_weights(folder_), make_state(5).ema);
    expect_same(load_weights(scratch_.path()), make_state(5).ema);  // the run's folder
    expect_same(load_weights(folder_ / "step_00000005", false), make_state(5).model);
    expect_same(load_weights(folder_ / "step_00000005" / "model.safetensors"), make_state(5).model);
    State plain = make_state(6);
    plain.ema.clear();
    plain.optimizer.clear();
    store.save(plain);
    expect_same(load_weights(folder_), plain.model);
    expect_same(load(*newest_valid(folder_)), plain);
}

TEST_F(StoreTest, KeepsTheLastTheBestAndEveryMth) {
    Options options;
    options.keep_last = 1;
    options.keep_every = 4;
    Store store(folder_, options);
    const std::vector<double> dice = {0.1, 0.9, 0.2, 0.3, 0.4, 0.5};
    for (size_t i = 0; i < dice.size(); ++i) store.save(with_dice(static_cast<int64_t>(i) + 1, dice[i]));
    EXPECT_THAT(names_in(folder_), ElementsAre("step_00000002_mean_dice=0.9000", "step_00000004_mean_dice=0.3000",
                                               "step_00000006_mean_dice=0.5000"));
    EXPECT_EQ(best_valid(folder_)->step, 2);
    EXPECT_EQ(find(scratch_.path(), true).step, 2);
    EXPECT_EQ(find(scratch_.path(), false).step, 6);
}

TEST_F(StoreTest, ResumeMeansAutoNoneOrAPath) {
    Options options;
    EXPECT_FALSE(choose(options, folder_).has_value());  // a new run
    Store store(folder_, options);
    EXPECT_FALSE(choose(options, folder_).has_value());
    store.save(make_state(5));
    EXPECT_EQ(choose(options, folder_)->step, 5);
    options.resume = "none";
    EXPECT_FALSE(choose(options, folder_).has_value());
    options.resume = (folder_ / "step_00000005").string();
    EXPECT_EQ(choose(options, scratch_.path() / "elsewhere")->step, 5);
    options.resume = (scratch_.path() / "elsewhere").string();
    EXPECT_THAT(message_of<DataError>([&] { choose(options, folder_); }), HasSubstr("no valid checkpoint at"));
    options.resume = "auto";
    fs::resize_file(folder_ / "step_00000005" / "model.safetensors", 3);
    EXPECT_THAT(message_of<DataError>([&] { choose(options, folder_); }), HasSubstr("--resume none"));
}

TEST_F(StoreTest, SetsAsideWhatABranchThatWasGivenUpLeft) {
    Options options;
    options.keep_last = 3;
    Store store(folder_, options);
    for (const int64_t step : {10, 20, 30}) store.save(make_state(step));
    store.set_aside_after(20);
    EXPECT_THAT(names_in(folder_), ElementsAre("step_00000010", "step_00000020", "superseded_step_00000030"));
    EXPECT_EQ(newest_valid(folder_)->step, 20);
    store.save(make_state(30));
    store.set_aside_after(10);
    EXPECT_THAT(names_in(folder_), ElementsAre("step_00000010", "superseded_step_00000020", "superseded_step_00000030",
                                               "superseded_step_00000030_2"));
}

TEST_F(StoreTest, StrayFilesLinksAndUnfinishedFoldersAreIgnoredAndNeverFollowed) {
    const fs::path outside = scratch_.path() / "outside";
    Store(outside, {}).save(make_state(50));
    fs::create_directories(folder_ / ".tmp_step_00000060");
    fs::create_directory_symlink(outside / "step_00000050", folder_ / "step_00000050");
    fs::create_directory_symlink(outside, folder_ / ".tmp_link");
    fs::create_directories(folder_ / "step_7");
    write_bytes(folder_ / "step_00000070", "a file");
    write_bytes(folder_ / "notes.txt", "mine");
    EXPECT_FALSE(newest_valid(folder_).has_value());

    Options options;
    options.keep_last = 1;
    Store store(folder_, options);
    store.save(make_state(5));
    store.save(make_state(6));
    EXPECT_EQ(newest_valid(folder_)->step, 6);
    EXPECT_THAT(names_in(folder_),
                ElementsAre(".tmp_link", "notes.txt", "step_00000006", "step_00000050", "step_00000070", "step_7"));
    EXPECT_EQ(newest_valid(outside)->step, 50);  // untouched

    // A link in place of a file of the checkpoint is damage, even where it leads to the right bytes.
    fs::rename(folder_ / "step_00000006" / "model.safetensors", scratch_.path() / "moved");
    fs::create_symlink(scratch_.path() / "moved", folder_ / "step_00000006" / "model.safetensors");
    EXPECT_THAT(message_of<DataError>([&] { verify(folder_ / "step_00000006"); }), HasSubstr("not a plain file"));
}

TEST_F(StoreTest, SavesWhatWasTrueAtTheCallAndNeverTwoAtOnce) {
    std::atomic<int> writing = 0;
    std::atomic<int> most = 0;
    std::atomic<bool> go_on = false;
    at_fault_point = [&](std::string_view name) {
        if (name == "checkpoint:before_rename") {
            most = std::max(most.load(), ++writing);
            while (!go_on) std::this_thread::yield();
        }
        if (name == "checkpoint:before_prune") --writing;
    };
    Store store(folder_, {});
    State state = make_state(1);
    store.save_async(state);       // stands still before its rename
    state.model[0].value.zero_();  // training goes on
    state.manifest.step = 2;
    EXPECT_TRUE(store.in_flight());
    EXPECT_FALSE(newest_valid(folder_).has_value());

    std::atomic<bool> second_started = false;
    std::thread caller([&] {
        store.save_async(state);
        second_started = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_FALSE(second_started);  // it waits for the first
    go_on = true;
    caller.join();
    store.wait();
    EXPECT_FALSE(store.in_flight());
    EXPECT_EQ(most, 1);
    expect_same(load(verify(folder_ / "step_00000001")), make_state(1));
    State expected = make_state(1);
    expected.manifest.step = 2;
    expected.model[0].value = at::zeros_like(expected.model[0].value);
    expect_same(load(verify(folder_ / "step_00000002")), expected);
}

TEST_F(StoreTest, MayBeAskedWhileItWrites) {
    Store store(folder_, {});
    State state = make_state(1);
    store.save_async(state);
    while (store.in_flight()) {
        EXPECT_LE(store.stats().saved, 1);
        for (auto& [name, value] : state.model) value.zero_();  // training goes on; tools/tsan.sh watches
    }
    EXPECT_EQ(store.stats().saved, 1);
    expect_same(load(*newest_valid(folder_)), make_state(1));
}

TEST_F(StoreTest, TheLastSaveIsAwaitedWhenTheStoreGoes) {
    at_fault_point = [](std::string_view) { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
    {
        Store store(folder_, {});
        store.save_async(make_state(3));
    }
    EXPECT_EQ(newest_valid(folder_)->step, 3);
}

/// Files of this process may not grow beyond `bytes` while this lives: the disk is "full".
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        getrlimit(RLIMIT_FSIZE, &before_);
        rlimit limit = before_;
        limit.rlim_cur = bytes;
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

private:
    rlimit before_{};
};

TEST_F(StoreTest, AFullDiskIsAWarningThenAnErrorAndTheOldCheckpointStays) {
    Options options;
    options.max_failures = 2;
    Store store(folder_, options);
    store.save(make_state(1));
    {
        const FileSizeLimit full(300);
        store.save_async(make_state(2));
        EXPECT_NO_THROW(store.wait());
        EXPECT_EQ(store.stats().failed_in_row, 1);
        EXPECT_THAT(store.stats().last_error, HasSubstr(".safetensors"));
    }
    EXPECT_THAT(names_in(folder_), ElementsAre("step_00000001"));  // nothing half written
    expect_same(load(*newest_valid(folder_)), make_state(1));

    store.save(make_state(3));  // room again
    EXPECT_EQ(store.stats().failed_in_row, 0);
    EXPECT_EQ(store.stats().failed, 1);
    EXPECT_EQ(store.stats().saved, 2);
    EXPECT_EQ(store.stats().last_step, 3);

    const FileSizeLimit full(300);
    store.save_async(make_state(4));
    EXPECT_NO_THROW(store.wait());
    store.save_async(make_state(5));
    EXPECT_THAT(message_of<WriteError>([&] { store.wait(); }), HasSubstr("2 checkpoints in a row"));
    EXPECT_EQ(newest_valid(folder_)->step, 3);
}

TEST_F(StoreTest, TheSaveThatHasNoSuccessorIsTriedAgain) {
    Options options;
    options.max_failures = 2;
    Store store(folder_, options);
    {
        const FileSizeLimit full(300);
        EXPECT_THAT(message_of<WriteError>([&] { store.save(make_state(1)); }), HasSubstr("2 checkpoints in a row"));
    }
    EXPECT_EQ(store.stats().failed, 2);
    options.max_failures = 3;
    Store again(folder_, options);
    std::optional<FileSizeLimit> full(300);
    std::atomic<int> begun = 0;
    at_fault_point = [&](std::string_view name) {
        if (name == "checkpoint:begin" && ++begun == 2) full.reset();
    };
    again.save(make_state(1));
    EXPECT_EQ(again.stats().failed, 1);
    expect_same(load(*newest_valid(folder_)), make_state(1));
}

TEST_F(StoreTest, AFolderThatCannotBeMadeIsAWriteError) {
    write_bytes(scratch_.path() / "file", "in the way");
    EXPECT_THROW(Store(scratch_.path() / "file" / "checkpoints", {}), WriteError);
}

TEST_F(StoreTest, AnotherModelIsRefusedWithTheNamesThatDiffer) {
    Store store(folder_, {});
    store.save(make_state(1));
    const State loaded = load(*newest_valid(folder_));
    const NamedTensors targets = {{"conv.weight", ramp({4, 3, 3, 2, 2}, 0)},
                                  {"head.bias", ramp({1}, 0)},
                                  {"norm.num_batches_tracked", whole_number(0)}};
    const std::string message = message_of<DataError>([&] { copy_into(targets, loaded.model, "step 1"); });
    EXPECT_THAT(message, HasSubstr("1 missing: head.bias"));
    EXPECT_THAT(message, HasSubstr("1 not known here: conv.bias"));
    EXPECT_THAT(message, HasSubstr("conv.weight Float[4, 3, 2, 2, 2] where Float[4, 3, 3, 2, 2] is needed"));
    EXPECT_TRUE(at::equal(targets[0].value, ramp({4, 3, 3, 2, 2}, 0)));  // nothing was copied

    const NamedTensors same = {{"conv.weight", ramp({4, 3, 2, 2, 2}, 0).contiguous(at::MemoryFormat::ChannelsLast3d)},
                               {"conv.bias", ramp({4}, 0, at::kDouble)},
                               {"norm.num_batches_tracked", whole_number(0)}};
    EXPECT_THROW(copy_into(same, loaded.model, "step 1"), DataError);  // fp32 into fp64 only when asked
    copy_into(same, loaded.model, "step 1", true);
    EXPECT_TRUE(at::equal(same[0].value, make_state(1).model[0].value));
    EXPECT_TRUE(at::equal(same[1].value, make_state(1).model[1].value.to(at::kDouble)));
}

TEST(Options, SayWhenASaveIsDue) {
    Options options;
    options.every_steps = 10;
    options.every_minutes = 0;
    EXPECT_FALSE(options.due(0, 100));
    EXPECT_FALSE(options.due(9, 100));
    EXPECT_TRUE(options.due(20, 0));
    options.every_steps = 0;
    options.every_minutes = 5;
    EXPECT_FALSE(options.due(20, 4.9));
    EXPECT_TRUE(options.due(21, 5));
}

TEST(Options, RefuseWhatMakesNoSense) {
    const auto read = vox::test::read_options<Options>;
    EXPECT_EQ(read("keep_last: 3").keep_last, 3);
    EXPECT_EQ(read("resume: runs/a").resume, "runs/a");
    for (const auto* text : {"keep_last: 0", "every_steps: -1", "every_minutes: -1", "keep_every: -5",
                             "max_failures: 0", "keep_lost: 1"}) {
        EXPECT_THROW(read(text), core::ConfigError) << text;
    }
}

}  // namespace
}  // namespace vox::checkpoint
