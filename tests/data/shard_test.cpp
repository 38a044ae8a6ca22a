// Shards: what goes in comes out, whole or by boxes, through the cache and without; damage is named.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/shard_file.hpp"
#include "data/shard_fixtures.hpp"
#include "data/shard_reader.hpp"
#include "support/temporary_folder.hpp"

namespace vox::test {
namespace {

using testing::HasSubstr;

std::vector<float> scaled(const CaseData& data) {
    std::vector<float> out;
    const auto& info = data.info;
    const auto voxels = static_cast<size_t>(info.size()[0] * info.size()[1] * info.size()[2]);
    with_stored_type(info.type, [&]<class T>() {
        const auto* in = reinterpret_cast<const T*>(data.image.data());
        for (size_t i = 0; i < voxels * data.info.sources.size(); ++i) {
            const auto& source = info.sources[i / voxels];
            out.push_back(static_cast<float>(static_cast<double>(in[i]) * source.scl_slope + source.scl_inter));
        }
    });
    return out;
}

template <class Voxel>
std::vector<Voxel> cut(const std::vector<Voxel>& whole, int64_t channels, const core::Index3& size,
                       const core::Box& box) {
    std::vector<Voxel> out;
    for (int64_t c = 0; c < channels; ++c) {
        for (int64_t d = 0; d < box.size[0]; ++d) {
            for (int64_t h = 0; h < box.size[1]; ++h) {
                const auto from =
                    ((c * size[0] + box.start[0] + d) * size[1] + box.start[1] + h) * size[2] + box.start[2];
                out.insert(out.end(), whole.begin() + from, whole.begin() + from + box.size[2]);
            }
        }
    }
    return out;
}

core::Box random_box(std::mt19937& random, const core::Index3& size) {
    core::Box box;
    for (size_t a = 0; a < 3; ++a) {
        box.size[a] = 1 + static_cast<int64_t>(random() % static_cast<unsigned>(size[a]));
        box.start[a] = static_cast<int64_t>(random() % static_cast<unsigned>(size[a] - box.size[a] + 1));
    }
    return box;
}

template <class F>
std::string message_of(F&& work) {
    try {
        work();
    } catch (const core::DataError& error) {
        return error.what();
    }
    return "no DataError";
}

TEST(Shard, EveryVoxelTypeComesBackAsTheFileItWas) {
    const TemporaryFolder folder;
    std::vector<CaseData> cases;
    std::vector<std::vector<NamedVolume>> originals;
    for (const auto type :
         {VoxelType::int8, VoxelType::uint8, VoxelType::int16, VoxelType::uint16, VoxelType::int32, VoxelType::uint32,
          VoxelType::int64, VoxelType::uint64, VoxelType::float32, VoxelType::float64}) {
        NiftiImage a = make_image({21, 18, 17}, type, 3, awkward_affine());
        a.scl_slope = 0.25;
        a.scl_inter = -3;
        // The second channel lies on the same RAS grid, but its file has another axis order and another type.
        NiftiImage b = make_image({a.size[2], a.size[0], a.size[1]}, VoxelType::int16, 4, awkward_affine());
        core::Affine turned = awkward_affine();
        for (auto& row : turned) row = {row[2], row[0], row[1], row[3]};  // its (i,j,k) are a's (k,i,j)
        b.geometry = geometry_from_affine(turned);
        NiftiImage label = make_label(a.size, {1, 2, 4}, awkward_affine());
        originals.push_back({{"a", a}, {"b", b}, {"label", label}});
        cases.push_back(build_case(std::string(voxel_type_name(type)), {{"a", a}, {"b", b}}, &label));
    }
    make_dataset(folder.path(), cases);
    const ShardReader reader(folder.path());
    for (size_t i = 0; i < cases.size(); ++i) {
        const auto files = reader.restore(i);
        ASSERT_EQ(files.size(), 3U);
        for (size_t f = 0; f < 3; ++f) {
            const NiftiImage& before = originals[i][f].image;
            const NiftiImage& after = files[f].second;
            EXPECT_EQ(files[f].first, originals[i][f].name);
            EXPECT_EQ(after.size, before.size);
            EXPECT_EQ(after.type, before.type) << cases[i].info.id;
            EXPECT_EQ(after.voxels, before.voxels) << cases[i].info.id << ' ' << files[f].first;
            EXPECT_EQ(after.affine(), before.affine());
            EXPECT_EQ(after.scl_slope, before.scl_slope);
            EXPECT_EQ(after.scl_inter, before.scl_inter);
        }
    }
}

TEST(Shard, RandomBoxesEqualTheArrayForEveryCodecTypeAndCache) {
    for (const Codec codec : {Codec::none, Codec::gzip, Codec::zstd, Codec::lz4}) {
        const TemporaryFolder folder;
        std::vector<CaseData> cases;
        for (const auto type :
             {VoxelType::int16, VoxelType::uint16, VoxelType::int32, VoxelType::float32, VoxelType::float64}) {
            cases.push_back(make_case(std::string(voxel_type_name(type)), type, 11));
            cases.back().info.sources[1].scl_slope = 0.5;
            cases.back().info.sources[1].scl_inter = 7;
        }
        make_dataset(folder.path(), cases, codec);
        for (const size_t cache : {size_t{0}, size_t{100'000}, size_t{1} << 28}) {
            const ShardReader reader(folder.path(), cache);
            std::mt19937 random(5);
            for (size_t i = 0; i < cases.size(); ++i) {
                const auto whole = scaled(cases[i]);
                for (int n = 0; n < 12; ++n) {
                    const core::Box box = random_box(random, cases[i].info.size());
                    std::vector<float> image(static_cast<size_t>(2 * box.voxels()));
                    std::vector<uint8_t> label(static_cast<size_t>(box.voxels()));
                    reader.read_image(i, box, image);
                    reader.read_label(i, box, label);
                    ASSERT_EQ(image, cut(whole, 2, cases[i].info.size(), box)) << codec_name(codec);
                    ASSERT_EQ(label, cut(cases[i].label, 1, cases[i].info.size(), box)) << codec_name(codec);
                }
            }
            EXPECT_LE(reader.counters().cache_peak_bytes, cache);
            if (cache > 1'000'000) {
                EXPECT_GT(reader.counters().cache_hits, 0);
            }
        }
    }
}

TEST(Shard, WhatIsKnownOfACaseComesBack) {
    const TemporaryFolder folder;
    const CaseData data = make_case("patient 1", VoxelType::int16, 2);
    make_dataset(folder.path(), {data});
    const ShardReader reader(folder.path());
    ASSERT_EQ(reader.cases().size(), 1U);
    const CaseInfo& info = reader.cases()[0];
    EXPECT_EQ(info.id, "patient 1");
    EXPECT_EQ(info.shape, data.info.shape);
    EXPECT_EQ(info.affine, data.info.affine);
    EXPECT_EQ(info.spacing_mm, data.info.spacing_mm);
    EXPECT_EQ(info.foreground_box, data.info.foreground_box);
    EXPECT_EQ(info.label_voxels, data.info.label_voxels);
    EXPECT_EQ(info.columns, data.info.columns);
    EXPECT_EQ(info.split, "train");
    EXPECT_EQ(info.statistics[1].mean, data.info.statistics[1].mean);
    EXPECT_EQ(info.statistics[1].p99, data.info.statistics[1].p99);
    EXPECT_EQ(reader.split("train"), std::vector<size_t>{0});
    EXPECT_TRUE(reader.split("val").empty());
    EXPECT_EQ(reader.channel_names(), (std::vector<std::string>{"a", "b"}));
    for (const auto& positions : reader.foreground(0)) {
        ASSERT_EQ(static_cast<int64_t>(positions.flat.size()),
                  std::min<int64_t>(4096, info.label_voxels.at(positions.label)));
        for (const uint32_t at : positions.flat) ASSERT_EQ(data.label[at], positions.label);
        EXPECT_EQ(std::set(positions.flat.begin(), positions.flat.end()).size(), positions.flat.size());
    }
}

TEST(Shard, ManyThreadsReadWithinTheCacheBudget) {
    const TemporaryFolder folder;
    std::vector<CaseData> cases;
    for (unsigned i = 0; i < 4; ++i)
        cases.push_back(make_case("case" + std::to_string(i), VoxelType::float32, i, {64, 64, 64}));
    make_dataset(folder.path(), cases, Codec::lz4);
    constexpr size_t kBudget = 600'000;  // 4 cases need 9 MB
    const ShardReader reader(folder.path(), kBudget);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            std::mt19937 random(t);
            for (int n = 0; n < 40; ++n) {
                const size_t i = random() % cases.size();
                const core::Box box = random_box(random, cases[i].info.size());
                std::vector<float> image(static_cast<size_t>(2 * box.voxels()));
                reader.read_image(i, box, image);
                wrong += image != cut(scaled(cases[i]), 2, cases[i].info.size(), box);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_LE(reader.counters().cache_peak_bytes, kBudget);
    EXPECT_GT(reader.counters().cache_peak_bytes, kBudget / 2);
}

TEST(Shard, StatisticsEqualTheirDefinition) {
    NiftiImage image = make_image({5, 4, 3}, VoxelType::int16, 1, awkward_affine());
    auto* voxels = reinterpret_cast<int16_t*>(image.voxels.data());
    std::fill_n(voxels, 60, int16_t{0});
    for (int i = 0; i < 20; ++i) voxels[i + 10] = static_cast<int16_t>(i + 1);  // 1..20
    image.scl_slope = 2;
    const CaseData data = build_case("x", {{"a", image}}, nullptr);
    const ChannelStatistics& s = data.info.statistics[0];
    EXPECT_EQ(s.voxels, 20);
    EXPECT_DOUBLE_EQ(s.mean, 21.0);                                  // 2 * 10.5
    EXPECT_DOUBLE_EQ(s.standard_deviation, 2 * std::sqrt(33.25));    // (n^2-1)/12
    EXPECT_EQ(s.minimum, 2);
    EXPECT_EQ(s.maximum, 40);
    EXPECT_DOUBLE_EQ(s.p01, 2 * 1.19);                               // numpy.percentile(1..20, 1)
    EXPECT_NEAR(s.p99, 2 * 19.81, 1e-12);
    EXPECT_FALSE(data.info.has_label);
}

TEST(Shard, AFlippedByteInAnyChunkIsNamedWithFileCaseAndChunk) {
    const TemporaryFolder folder;
    const CaseData data = make_case("damaged case", VoxelType::int16, 9);
    make_dataset(folder.path(), {data});
    const auto shard = folder / "shard_00000.h5";
    EXPECT_THAT(ShardReader(folder.path()).verify(), testing::IsEmpty());
    std::vector<char> bytes(std::filesystem::file_size(shard));
    std::ifstream(shard, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const auto problem_at = [&](uint64_t at) {
        std::fstream file(shard, std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(bytes[at] ^ 0x10)).flush();
        const std::string found = message_of([&] {
            const auto problems = ShardReader(folder.path()).verify();
            if (!problems.empty()) throw core::DataError(problems.front());
        });
        file.seekp(static_cast<std::streamoff>(at)).put(bytes[at]);
        return found;
    };
    std::mt19937 random(1);
    const StoredCase stored = ShardFile(shard).read_case("damaged case");
    for (const ChunkedArray* array : {&stored.image, &*stored.label}) {
        for (size_t i = 0; i < array->places.size(); ++i) {
            if (array->places[i].bytes == 0) continue;
            const std::string found = problem_at(array->places[i].offset + random() % array->places[i].bytes);
            EXPECT_THAT(found, HasSubstr("shard_00000.h5: case damaged case: "));
            EXPECT_THAT(found, HasSubstr("chunk " + std::to_string(i) + " (channel "));
        }
    }
    // Every other byte of the file counts as well.
    for (int n = 0; n < 40; ++n) EXPECT_THAT(problem_at(random() % bytes.size()), HasSubstr("shard_00000.h5"));
    EXPECT_THAT(ShardReader(folder.path()).verify(), testing::IsEmpty());
}

TEST(Shard, TruncatedMissingReplacedOrForeignShardsAreRefusedOnOpening) {
    const TemporaryFolder folder;
    make_dataset(folder.path(), {make_case("x", VoxelType::int16, 9)});
    const auto shard = folder / "shard_00000.h5", kept = folder / "kept";
    std::filesystem::copy_file(shard, kept);
    const auto open = [&] { return message_of([&] { ShardReader reader(folder.path()); }); };
    EXPECT_EQ(open(), "no DataError");
    std::filesystem::resize_file(shard, std::filesystem::file_size(shard) / 2);
    EXPECT_THAT(open(), testing::AllOf(HasSubstr("shard_00000.h5"), HasSubstr("truncated")));
    std::filesystem::remove(shard);
    EXPECT_THAT(open(), HasSubstr("shard_00000.h5"));
    std::ofstream(shard) << std::string(std::filesystem::file_size(kept), 'x');
    EXPECT_THAT(open(), HasSubstr("not an HDF5 file"));
    std::filesystem::remove(folder / "dataset.json");
    EXPECT_THAT(open(), HasSubstr("dataset.json"));
    std::ofstream(folder / "dataset.json") << R"({"format": "voxrank-dataset", "version": 2})";
    EXPECT_THAT(open(), HasSubstr("version 2"));
    std::ofstream(folder / "dataset.json") << R"({"format": "voxrank-dataset", "version": 1, )";
    EXPECT_THAT(open(), HasSubstr("dataset.json"));
}

TEST(Shard, AnIndexThatSaysOtherThanItsShardsIsRefusedOnOpening) {
    const TemporaryFolder folder;
    make_dataset(folder.path(), {make_case("x", VoxelType::int16, 9)});
    std::string digest;
    const DatasetIndex whole = read_dataset_index(folder.path(), digest);
    const auto message = [&](const std::function<void(DatasetIndex&)>& change) {
        DatasetIndex index = whole;
        change(index);
        write_dataset_index(folder.path(), index);
        return message_of([&] { ShardReader reader(folder.path()); });
    };
    EXPECT_EQ(message([](auto&) {}), "no DataError");
    EXPECT_THAT(message([](auto& index) { index.channels = {"b", "a"}; }),
                testing::AllOf(HasSubstr("shard_00000.h5: case x"), HasSubstr("its channels are a, b")));
    EXPECT_THAT(message([](auto& index) { index.scheme.values = {1, 2}; }),
                testing::AllOf(HasSubstr("shard_00000.h5: case x"), HasSubstr("label value 4 is not in the scheme")));
    EXPECT_THAT(message([](auto& index) { index.cases[0].id = "y"; }), HasSubstr("case y: 'y' is missing"));
    EXPECT_THAT(message([](auto& index) { index.shards[0].bytes += 1; }), HasSubstr("was replaced"));
    const auto index_says = testing::StartsWith((folder / "dataset.json").string());
    const auto refused = [&](const std::string& why, const std::function<void(DatasetIndex&)>& change) {
        EXPECT_THAT(message(change), testing::AllOf(index_says, HasSubstr(why)));
    };
    refused("'../shard.h5' is not a file name", [](auto& index) { index.shards[0].file = "../shard.h5"; });
    refused("shard 'other.h5' is not listed", [](auto& index) { index.cases[0].shard = "other.h5"; });
    refused("is listed twice", [](auto& index) { index.shards.push_back(index.shards[0]); });
    refused("case x is in two splits", [](auto& index) { index.cases.push_back(index.cases[0]); });
    refused("it lists no case", [](auto& index) { index.cases.clear(); });
    refused("no slash", [](auto& index) { index.cases[0].id = "a/b"; });
}

TEST(Shard, ANumberInTheIndexThatIsNoIntegerOfItsKindIsRefused) {
    const auto message = [](const std::string& version, const std::string& bytes, const std::string& label) {
        const std::string text =
            core::concat(R"({"format": "voxrank-dataset", "version": )", version,
                         R"(, "channels": ["a"], "label_scheme": {"name": "generic", "values": [)", label,
                         R"(], "regions": []}, "splits": {"train": ["x"]}, "cases": [{"id": "x", "shard": "s.h5"}],)",
                         R"( "shards": [{"file": "s.h5", "bytes": )", bytes, R"(, "xxh3": "0"}], "provenance": {}})");
        return message_of([&] { parse_dataset_index(text, "dataset.json"); });
    };
    EXPECT_EQ(message("1", "18446744073709551615", "-2147483648"), "no DataError");
    EXPECT_THAT(message("1.1e60", "1", "1"), HasSubstr("dataset.json: 1.1e+60 stands where an integer"));
    EXPECT_THAT(message("1.0", "1", "1"), HasSubstr("1.0 stands where an integer"));
    EXPECT_THAT(message("1", "1.1e60", "1"), HasSubstr("1.1e+60 stands where an integer of 0 .. 18446744073709551615"));
    EXPECT_THAT(message("1", "-1", "1"), HasSubstr("-1 stands where"));
    EXPECT_THAT(message("1", "\"1\"", "1"), HasSubstr("a string stands where"));
    EXPECT_THAT(message("1", "1", "2147483648"),
                HasSubstr("2147483648 stands where an integer of -2147483648 .. 2147483647"));
}

TEST(Shard, ACaseWithoutForegroundHasNoPositions) {
    const TemporaryFolder folder;
    const auto image = make_image({20, 18, 22}, VoxelType::int16, 1, awkward_affine());
    const auto label = make_label({20, 18, 22}, {}, awkward_affine());
    make_dataset(folder.path(), {build_case("empty", {{"a", image}}, &label)});
    const ShardReader reader(folder.path());
    EXPECT_TRUE(reader.cases()[0].has_label);
    EXPECT_TRUE(reader.cases()[0].label_voxels.empty());
    EXPECT_TRUE(reader.foreground(0).empty());
    EXPECT_THAT(reader.verify(), testing::IsEmpty());
}

TEST(Shard, LabelsAreRoundedWithinATolerance) {
    NiftiImage label = make_image({4, 3, 2}, VoxelType::float32, 1, awkward_affine());
    auto* voxels = reinterpret_cast<float*>(label.voxels.data());
    std::fill_n(voxels, 24, 0.0F);
    voxels[5] = 0.99999997F;
    voxels[6] = 2.0004F;
    const auto values = label_values(label);
    EXPECT_EQ(values[5], 1);
    EXPECT_EQ(values[6], 2);
    voxels[6] = 1.5F;
    EXPECT_THAT(message_of([&] { label_values(label); }), HasSubstr("1.5 is not a whole number"));
    voxels[6] = 256.0F;
    EXPECT_THAT(message_of([&] { label_values(label); }), HasSubstr("outside 0 to 255"));
}

TEST(Shard, AnUnfinishedWriterLeavesNothing) {
    const TemporaryFolder folder;
    {
        ShardWriter writer(folder / "s.h5", Codec::zstd, "brats2020");
        writer.add(make_case("x", VoxelType::int16, 1));
        EXPECT_FALSE(std::filesystem::exists(folder / "s.h5"));
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace vox::test
