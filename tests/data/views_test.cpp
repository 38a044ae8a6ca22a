// Views (radiographs) of cases: through shards, the loader's threads and flips, beside their volumes.

#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "data/known_voxels.hpp"
#include "data/loader.hpp"
#include "data/shard_reader.hpp"
#include "ops/projection.hpp"
#include "support/temporary_folder.hpp"

namespace vox::test {
namespace {

using testing::HasSubstr;

template <class Work>
std::string message_of(Work&& work) {
    try {
        work();
    } catch (const core::DataError& error) {
        return error.what();
    }
    return "no DataError";
}

std::vector<float> views_of(const ShardReader& reader, size_t index) {
    std::vector<float> views(static_cast<size_t>(reader.views().pixels()));
    reader.read_views(index, views);
    return views;
}

TEST(Views, ComeBackFromEveryCodecThroughTheCacheAndWithout) {
    for (const Codec codec : {Codec::none, Codec::gzip, Codec::zstd, Codec::lz4}) {
        const TemporaryFolder folder;
        std::vector<CaseData> cases{make_case("a", VoxelType::int16, 1), make_case("b", VoxelType::float32, 2)};
        for (auto& one : cases) add_views(one, static_cast<unsigned>(one.info.id[0]));
        make_dataset(folder.path(), cases, codec);
        for (const size_t cache : {size_t{0}, size_t{1} << 28}) {
            const ShardReader reader(folder.path(), cache);
            EXPECT_EQ(reader.views(), cases[0].info.views);
            for (size_t i = 0; i < 2; ++i) {
                EXPECT_EQ(reader.cases()[i].views, cases[i].info.views);
                EXPECT_EQ(views_of(reader, i), cases[i].views);
                EXPECT_EQ(views_of(reader, i), cases[i].views);  // now out of the cache
            }
            EXPECT_TRUE(reader.verify().empty());
        }
    }
}

TEST(Views, DataSetsWithoutThemOpenAsBefore) {
    const TemporaryFolder folder;
    make_dataset(folder.path(), {make_case("a", VoxelType::int16, 1)});
    const ShardReader reader(folder.path());
    EXPECT_TRUE(reader.views().empty());
    EXPECT_EQ(nlohmann::json::parse(std::ifstream(folder / "dataset.json")).count("views"), 0U);
    EXPECT_FALSE(load_case(reader, 0, Normalisation::none).views.defined());
}

TEST(Views, WhatTheFormatDoesNotAllowIsNotWritten) {
    const auto refusal = [](auto&& spoil) {
        CaseData data = make_case("a", VoxelType::int16, 1);
        add_views(data, 5);
        spoil(data.info.views);
        data.views.resize(static_cast<size_t>(data.info.views.pixels()));
        const TemporaryFolder folder;
        return message_of([&] { make_dataset(folder.path(), {data}); });
    };
    EXPECT_THAT(refusal([](ViewSet& v) { v.unit = "hu"; }), HasSubstr("case a: the unit of views is 'hu'"));
    EXPECT_THAT(refusal([](ViewSet& v) { v.names = {"ap", "ap"}; }), HasSubstr("'ap' is there twice"));
    EXPECT_THAT(refusal([](ViewSet& v) { v.names = {"oblique"}; }), HasSubstr("'oblique' is not the name of a view"));
    EXPECT_THAT(refusal([](ViewSet& v) { v.size = {0, 4}; }), HasSubstr("limits"));
    EXPECT_THAT(refusal([](ViewSet& v) { v.names.clear(); }), HasSubstr("without names"));
    EXPECT_EQ(refusal([](ViewSet& v) { v.names = {"lateral"}; }), "no DataError");
}

TEST(Views, AFlippedByteIsFoundByChecksumAndNamed) {
    const TemporaryFolder folder;
    CaseData data = make_case("a", VoxelType::int16, 1);
    add_views(data, 6);
    make_dataset(folder.path(), {data}, Codec::none);
    const auto shard = folder / "shard_00000.h5";
    std::string bytes((std::istreambuf_iterator<char>(std::ifstream(shard, std::ios::binary).rdbuf())), {});
    const auto* last = reinterpret_cast<const char*>(data.views.data() + data.views.size() - 40);
    const auto at = bytes.find(std::string(last, 160));  // the last row, whole in its chunk
    ASSERT_NE(at, std::string::npos);
    bytes[at + 3] = static_cast<char>(bytes[at + 3] ^ 4);
    std::ofstream(shard, std::ios::binary) << bytes;
    const ShardReader reader(folder.path());
    EXPECT_THAT(message_of([&] { views_of(reader, 0); }), HasSubstr("case a: views: chunk 1"));
    EXPECT_THAT(reader.verify().at(0), HasSubstr("case a: views: chunk 1"));
}

/// Four cases of one size whose views are their volumes' own projections.
void projected_dataset(const std::filesystem::path& folder) {
    std::vector<CaseData> cases;
    for (size_t i = 0; i < 4; ++i) {
        CaseData one = known_case(i, 1, {9, 7, 7});
        std::vector<float> voxels = image_values(one);
        const auto volume = at::from_blob(voxels.data(), {1, 1, 9, 7, 7}, at::kFloat);
        const core::Double3 spacing{1, 1, 1};
        const std::array<ops::View, 2> both{ops::View::ap, ops::View::lateral};
        const auto views = ops::project_parallel(volume, {&spacing, 1}, both, {}).contiguous();
        one.info.views = {{"ap", "lateral"}, {9, 7}, "attenuation"};
        one.views.assign(views.const_data_ptr<float>(), views.const_data_ptr<float>() + views.numel());
        cases.push_back(std::move(one));
    }
    make_dataset(folder, cases);
}

Options whole_cases() {
    Options options;
    options.crop_size = {9, 7, 7};
    options.normalisation = "none";
    options.intensity_scale = options.intensity_shift = 0;
    options.flip_probability = 0.5;
    options.samples_per_case = 4;
    options.seed = 3;
    return options;
}

TEST(Views, TheLoaderGivesThemAndFlipsThemWithTheirVolumes) {
    const TemporaryFolder folder;
    projected_dataset(folder.path());
    const ShardReader reader(folder.path());
    const std::array<ops::View, 2> both{ops::View::ap, ops::View::lateral};
    int64_t items = 0, flipped = 0;
    for (int rank = 0; rank < 2; ++rank) {
        Loader loader(reader, whole_cases(), 4, rank, 2, at::kCPU, at::kFloat);
        for (const Batch& batch : loader.next(4)) {
            EXPECT_EQ(batch.views.sizes(), (std::vector<int64_t>{batch.size(), 2, 9, 7}));
            const std::vector<core::Double3> spacing(static_cast<size_t>(batch.size()), core::Double3{1, 1, 1});
            EXPECT_TRUE(at::equal(batch.views, ops::project_parallel(batch.image, spacing, both, {})));
            for (int64_t b = 0; b < batch.size(); ++b, ++items) {
                const size_t index = static_cast<size_t>(batch.case_ids[static_cast<size_t>(b)].back() - '0');
                flipped += !at::equal(batch.views[b], load_case(reader, index, Normalisation::none).views);
            }
        }
        const int64_t item_bytes = 9 * 7 * 7 * 5 + 2 * 9 * 7 * 4;
        EXPECT_EQ(loader.counters().batch_bytes, 8 * item_bytes);
    }
    EXPECT_EQ(items, 16);
    EXPECT_GT(flipped, 4);
    EXPECT_LT(flipped, 16);
    Loader wide(reader, whole_cases(), 4, 0, 1, at::kCPU, at::kDouble);
    EXPECT_EQ(wide.next(1).front().views.scalar_type(), at::kDouble);
}

TEST(Views, AreEmptyWhereTheSliceIs) {
    const TemporaryFolder folder;
    projected_dataset(folder.path());
    const ShardReader reader(folder.path());
    Loader loader(reader, whole_cases(), 1, 1, 2, at::kCPU, at::kFloat);
    EXPECT_EQ(loader.next(1).front().views.sizes(), (std::vector<int64_t>{0, 2, 9, 7}));
}

TEST(Views, MovedCropsAreRefusedBesideThem) {
    const TemporaryFolder folder;
    projected_dataset(folder.path());
    const ShardReader reader(folder.path());
    Options options = whole_cases();
    options.spatial.rotate_probability = 0.5;
    EXPECT_THROW(Loader(reader, options, 4, 0, 1, at::kCPU, at::kFloat), core::ConfigError);
}

}  // namespace
}  // namespace vox::test
