// What a disk does to a checkpoint: flipped bits, lost ends, lost files.  Each must be noticed and named, and the older
// one taken.
#include <gmock/gmock.h>

#include "checkpoint/fixtures.hpp"
#include "checkpoint/store.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "ops/random_key.hpp"

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;
using core::DataError;
using testing::AnyOf;
using testing::HasSubstr;
using namespace test;

class Damage : public testing::TestWithParam<std::string> {
protected:
    Damage() {
        core::log::set_level(core::log::Level::error);  // hundreds of expected warnings
        Store store(folder_, {});
        store.save(make_state(1));
        store.save(make_state(2));
    }
    fs::path newest() const { return folder_ / "step_00000002"; }
    fs::path file() const { return newest() / GetParam(); }
    std::string refusal() const {
        return message_of<DataError>([&] { verify(newest()); });
    }
    void expect_noticed() const {
        ASSERT_THAT(refusal(), HasSubstr(GetParam()));
        const auto choice = newest_valid(folder_);
        ASSERT_TRUE(choice.has_value());
        ASSERT_EQ(choice->step, 1);
    }

private:
    ScratchFolder scratch_;
    fs::path folder_ = scratch_.path() / "checkpoints";
};

TEST_P(Damage, FlippedBitsAreNoticedAndNamed) {
    const std::string whole = read_bytes(file());
    uint64_t header = 0;
    std::memcpy(&header, whole.data(), 8);
    for (uint32_t trial = 0; trial < 200; ++trial) {
        const ops::RandomKey key{1, 0, trial, 0};
        const size_t byte =
            ops::random_below(key, ops::Purpose::test_values, 0, 0, static_cast<uint32_t>(whole.size()));
        std::string damaged = whole;
        damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << (trial % 8)));
        write_bytes(file(), damaged);
        SCOPED_TRACE(core::concat("byte ", byte, " of ", whole.size()));
        ASSERT_NO_FATAL_FAILURE(expect_noticed());
        const bool in_a_tensor = GetParam() != "manifest.json" && byte >= 8 + header;
        if (in_a_tensor) {
            ASSERT_THAT(refusal(),
                        AnyOf(HasSubstr("'conv."), HasSubstr("'norm."), HasSubstr("'exp_avg."), HasSubstr("'step'")));
        }
    }
    write_bytes(file(), whole);
    EXPECT_EQ(refusal(), "");
}

TEST_P(Damage, TruncationIsNoticedAtAnyLength) {
    const std::string whole = read_bytes(file());
    for (size_t point = 0; point < 50; ++point) {
        write_bytes(file(), whole.substr(0, whole.size() * point / 50));
        ASSERT_NO_FATAL_FAILURE(expect_noticed());
    }
    write_bytes(file(), whole + '\n');
    expect_noticed();
}

TEST_P(Damage, AMissingFileIsNoticed) {
    fs::remove(file());
    expect_noticed();
    fs::create_directory(file());
    expect_noticed();
}

TEST_P(Damage, APickleInPlaceOfAFileIsRefused) {
    write_bytes(file(), pickle_bytes());
    expect_noticed();
}

INSTANTIATE_TEST_SUITE_P(Files, Damage,
                         testing::Values("model.safetensors", "ema.safetensors", "optimizer.safetensors",
                                         "manifest.json"),
                         [](const auto& param) { return param.param.substr(0, param.param.find('.')); });

TEST(ForeignManifest, CannotLeadOutOfTheFolder) {
    const ScratchFolder scratch;
    const fs::path folder = scratch.path() / "step_00000001";
    fs::create_directories(folder);
    write_bytes(folder / "manifest.json", to_json({make_state(1).manifest, {{"../../secret", {1, 2, {}}}}}));
    EXPECT_THAT(message_of<DataError>([&] { verify(folder); }), HasSubstr("names no model.safetensors"));
}

}  // namespace
}  // namespace vox::checkpoint
