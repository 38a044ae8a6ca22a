// What checkpoints are called: their step, and the figure of its validation, which a person reads and nobody trusts.

#include "checkpoint/folders.hpp"

#include <gmock/gmock.h>

#include <limits>

#include "checkpoint/fixtures.hpp"
#include "checkpoint/store.hpp"
#include "core/error.hpp"

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;
using core::DataError;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace test;

State with_dice(int64_t step, double value) {
    State state = make_state(step);
    state.manifest.metric = Metric{"dice", value, true};
    return state;
}

class Folders : public testing::Test {
protected:
    ScratchFolder scratch_;
    fs::path folder_ = scratch_.path() / "checkpoints";
    fs::path at(const std::string& name) const { return folder_ / name; }
};

TEST_F(Folders, NamesShowStepAndFigure) {
    EXPECT_EQ(folder_name(400), "step_00000400");
    EXPECT_EQ(folder_name(400, Metric{"dice", 0.83123, true}), "step_00000400_dice=0.8312");
    EXPECT_EQ(folder_name(1234567890, Metric{"dice", 1, true}), "step_1234567890_dice=1.0000");
    EXPECT_EQ(folder_name(1, Metric{"dice/TC of 'x'", -0.5, true}), "step_00000001_dice-TC-of--x-=-0.5000");
    EXPECT_EQ(folder_name(1, Metric{"loss", 0.000123456, false}), "step_00000001_loss=1.235e-04");
    EXPECT_EQ(folder_name(1, Metric{"loss", 1e300, false}), "step_00000001_loss=1.000e+300");
    EXPECT_EQ(folder_name(1, Metric{"loss", 0, false}), "step_00000001_loss=0.0000");
    EXPECT_EQ(folder_name(1, Metric{"dice", -std::numeric_limits<double>::quiet_NaN(), true}),
              "step_00000001_dice=nan");
}

TEST_F(Folders, EveryNameThatIsMadeIsFound) {
    const double infinity = std::numeric_limits<double>::infinity();
    std::vector<int64_t> steps;
    for (const double value : {0.0, 0.8312, -0.25, 1e-7, 3e8, infinity, -infinity, std::nan("")}) {
        steps.insert(steps.begin(), static_cast<int64_t>(steps.size()) + 1);
        fs::create_directories(at(folder_name(steps.front(), Metric{"a=b_c", value, true})));
    }
    fs::create_directories(at("step_00000099"));
    std::vector<int64_t> found;
    for (const auto& one : list_folders(folder_)) found.push_back(one.step);
    steps.insert(steps.begin(), 99);
    EXPECT_EQ(found, steps);
}

TEST_F(Folders, OtherNamesAreTheUsers) {
    for (const auto* name :
         {"step_7", "step_00000007_copy", "step_00000007_dice=0.5_copy", "step_00000007_dice=", "step_00000007_=0.5",
          "step_00000007 dice=0.5", "step_00000007dice=0.5", "superseded_step_00000007_dice=0.5", "step_",
          "step_-0000007", "step_00000007_dice=0.5e", ".tmp_step_00000007_dice=0.5"})
        fs::create_directories(at(name));
    EXPECT_TRUE(list_folders(folder_).empty());
}

TEST_F(Folders, TheBestShowsByItsNameAndIsKept) {
    Options options;
    options.keep_last = 1;
    Store store(folder_, options);
    store.save(with_dice(1, 0.1));
    store.save(with_dice(2, 0.83124));
    store.save(make_state(3));  // was not validated
    store.save(with_dice(4, 0.5));
    EXPECT_THAT(names_in(folder_), ElementsAre("step_00000002_dice=0.8312", "step_00000004_dice=0.5000"));
    EXPECT_EQ(best_valid(folder_)->folder, at("step_00000002_dice=0.8312"));
    EXPECT_EQ(newest_valid(folder_)->folder, at("step_00000004_dice=0.5000"));
    expect_same(load(find(at("step_00000002_dice=0.8312"))), with_dice(2, 0.83124));
    expect_same(load(choice_from_text(to_text(*best_valid(folder_)))), with_dice(2, 0.83124));
}

TEST_F(Folders, EarlierVersionsNamedThemByTheStepAlone) {
    Store store(folder_, {});
    store.save(with_dice(1, 0.9));
    store.save(with_dice(2, 0.5));
    for (const auto& found : list_folders(folder_)) fs::rename(found.folder, at(folder_name(found.step)));
    EXPECT_EQ(newest_valid(folder_)->step, 2);
    EXPECT_EQ(best_valid(folder_)->step, 1);
    Options options;
    options.keep_last = 1;
    Store(folder_, options).save(with_dice(3, 0.4));
    EXPECT_THAT(names_in(folder_), ElementsAre("step_00000001", "step_00000003_dice=0.4000"));
}

TEST_F(Folders, ANameThatItsManifestDoesNotBearIsNotBelieved) {
    Options options;
    options.keep_last = 1;
    options.keep_best = false;
    Store(folder_, {}).save(with_dice(1, 0.5));
    Store(folder_, {}).save(with_dice(2, 0.6));
    Store store(folder_, options);
    fs::rename(at("step_00000001_dice=0.5000"), at("step_00000001_dice=0.9900"));
    EXPECT_EQ(best_valid(folder_)->step, 2);
    EXPECT_THAT(
        message_of<DataError>([&] { check_name({1, at("step_00000001_dice=0.9900")}, with_dice(1, 0.5).manifest); }),
        HasSubstr("holds step_00000001_dice=0.5000: it was renamed"));
    fs::rename(at("step_00000002_dice=0.6000"), at("step_00000003_dice=0.6000"));
    EXPECT_FALSE(newest_valid(folder_).has_value());
    store.save(with_dice(4, 0.7));
    store.save(with_dice(5, 0.8));  // what was renamed stays for the user to look at
    EXPECT_THAT(names_in(folder_),
                ElementsAre("step_00000001_dice=0.9900", "step_00000003_dice=0.6000", "step_00000005_dice=0.8000"));
    EXPECT_EQ(find(at("step_00000001_dice=0.9900")).step, 1) << "named by its path it is taken all the same";
}

TEST_F(Folders, AStepThatIsSavedAgainWithAnotherFigureIsThereOnce) {
    Store store(folder_, {});
    store.save(with_dice(7, 0.5));
    store.save(with_dice(7, 0.25));
    EXPECT_THAT(names_in(folder_), ElementsAre("step_00000007_dice=0.2500"));
    // A writer that died between the two leaves both: either may be taken, and the next save clears up.
    fs::copy(at("step_00000007_dice=0.2500"), at("step_00000007"), fs::copy_options::recursive);
    EXPECT_EQ(newest_valid(folder_)->step, 7);
    Options options;
    options.keep_last = 1;
    Store(folder_, options).save(with_dice(8, 0.75));
    EXPECT_THAT(names_in(folder_), ElementsAre("step_00000008_dice=0.7500"));
}

TEST_F(Folders, WhatIsSetAsideKeepsItsFigure) {
    Store store(folder_, {});
    store.save(with_dice(10, 0.5));
    store.save(with_dice(20, 0.6));
    store.set_aside_after(10);
    EXPECT_THAT(names_in(folder_), ElementsAre("step_00000010_dice=0.5000", "superseded_step_00000020_dice=0.6000"));
}

}  // namespace
}  // namespace vox::checkpoint
