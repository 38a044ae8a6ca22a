#include "checkpoint/manifest.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "checkpoint/fixtures.hpp"
#include "checkpoint/folders.hpp"
#include "checkpoint/hash.hpp"
#include "core/error.hpp"

namespace vox::checkpoint {
namespace {

using core::DataError;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace test;

TEST(Hash, IsXxh3OfTheRowMajorBytes) {
    EXPECT_EQ(to_hex(hash_bytes("", 0)), "2d06800538d394c2");  // the published XXH3-64 of nothing
    const at::Tensor volume = ramp({2, 3, 2, 4, 5}, 0);
    EXPECT_EQ(checkpoint::hash_tensor(volume),
              checkpoint::hash_tensor(volume.contiguous(at::MemoryFormat::ChannelsLast3d)));
    EXPECT_NE(checkpoint::hash_tensor(volume), checkpoint::hash_tensor(volume.add(1e-3)));
    EXPECT_EQ(parse_hex(to_hex(0x0123456789abcdefu)), 0x0123456789abcdefu);
    EXPECT_THROW(parse_hex("0123"), DataError);
    EXPECT_THROW(parse_hex("0123456789abcdeg"), DataError);
}

TEST(Hash, OfParametersDependsOnNamesShapesAndBitsButNotOnOrder) {
    const NamedTensors one = {{"a", ramp({2, 3}, 0)}, {"b", ramp({4}, 9)}};
    EXPECT_EQ(parameter_hash(one), parameter_hash({one[1], one[0]}));
    EXPECT_NE(parameter_hash(one), parameter_hash({one[0], {"c", one[1].value}}));
    EXPECT_NE(parameter_hash(one), parameter_hash({{"a", one[0].value.reshape({3, 2})}, one[1]}));
    const NamedTensors flipped = {{"a", one[0].value.clone()}, one[1]};
    static_cast<uint8_t*>(flipped[0].value.mutable_data_ptr())[5] ^= 1;  // a low bit of the second value
    EXPECT_NE(parameter_hash(one), parameter_hash(flipped));
}

TEST(Manifest, ComesBackAsItWasGiven) {
    ManifestFile file{make_state(12).manifest, {{"model.safetensors", {10, 11, {{"w", 12}}}}}};
    file.manifest.metric = Metric{"mean_dice", 0.8125, true};
    file.manifest.scalars["plateau.none"] = -std::numeric_limits<double>::infinity();
    EXPECT_TRUE(parse_manifest(to_json(file), "here") == file);
    file.manifest.metric->value = std::numeric_limits<double>::quiet_NaN();
    EXPECT_TRUE(std::isnan(parse_manifest(to_json(file), "here").manifest.metric->value));
}

TEST(Manifest, NoticesEveryChangedByteAndEveryTruncation) {
    const std::string text = to_json({make_state(12).manifest, {{"model.safetensors", {10, 11, {{"w", 12}}}}}});
    for (size_t byte = 0; byte < text.size(); ++byte) {
        for (const int mask : {1, 4, 0x20, 0x80}) {
            std::string damaged = text;
            damaged[byte] = static_cast<char>(damaged[byte] ^ mask);
            ASSERT_THROW(parse_manifest(damaged, "here"), DataError) << byte;
        }
        ASSERT_THROW(parse_manifest(text.substr(0, byte), "here"), DataError) << byte;
    }
    EXPECT_THAT(message_of<DataError>([] { parse_manifest(std::string(1 << 20, '['), "m.json"); }),
                HasSubstr("m.json is damaged"));
}

TEST(Manifest, SaysWhatKeepsAResumeFromRepeatingTheBits) {
    const Manifest saved = make_state(1).manifest;
    Manifest now = saved;
    EXPECT_THAT(differences(saved, now), ElementsAre());
    now.world_size = 4;
    now.cpu_capability = "AVX512";
    EXPECT_THAT(differences(saved, now), ElementsAre("world size 4, was 1", "CPU capability AVX512, was AVX2"));
}

Ranked with_dice(int64_t step, double value, const std::string& phase = "main") {
    return {step, phase, Metric{"mean_dice", value, true}};
}

TEST(Retention, KeepsTheLastTheBestAndEveryMth) {
    Options options;
    options.keep_last = 2;
    options.keep_every = 400;
    const std::vector<Ranked> all = {with_dice(100, 0.5), with_dice(200, 0.9), with_dice(300, 0.6),
                                     with_dice(400, 0.1), with_dice(500, 0.7), with_dice(600, 0.8)};
    EXPECT_THAT(steps_to_remove(all, all.back(), options), ElementsAre(300, 100));
    options.keep_best = false;
    EXPECT_THAT(steps_to_remove(all, all.back(), options), ElementsAre(300, 200, 100));
    options.keep_every = 0;
    options.keep_last = 1;
    EXPECT_THAT(steps_to_remove(all, all.back(), options), ElementsAre(500, 400, 300, 200, 100));
    // The one just written stays even where another branch has higher steps.
    EXPECT_THAT(steps_to_remove(all, all[2], options), ElementsAre(500, 400, 200, 100));
}

TEST(Retention, BestIsOfThePhaseHonoursTheDirectionAndIgnoresNaN) {
    const std::vector<Ranked> phases = {with_dice(1, 0.99, "stage1"),
                                        with_dice(2, 0.3, "stage2"),
                                        with_dice(3, 0.2, "stage2"),
                                        {4, "stage2", std::nullopt}};
    EXPECT_EQ(best_step(phases, "stage2"), 2);
    EXPECT_EQ(best_step({{4, "a", std::nullopt}}, "a"), std::nullopt);
    EXPECT_EQ(best_step({{1, "", Metric{"loss", 0.5, false}}, {2, "", Metric{"loss", 0.4, false}}}, ""), 2);
    EXPECT_EQ(
        best_step({{3, "main", Metric{"hd95", 0.8, false}}, {2, "main", Metric{"hd95", 0.5, false}}, with_dice(1, 0.9)},
                  "main"),
        2)
        << "millimetres do not compete with Dice";
    EXPECT_EQ(best_step({with_dice(1, 0.5), with_dice(2, std::numeric_limits<double>::quiet_NaN())}, "main"), 1);
    EXPECT_EQ(best_step({with_dice(1, 0.5), with_dice(2, 0.5)}, "main"), 1);
}

}  // namespace
}  // namespace vox::checkpoint
