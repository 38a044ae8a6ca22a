// Shards against h5py: it reads what we wrote, and what it spoils we refuse.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "data/shard_fixtures.hpp"
#include "data/shard_reader.hpp"
#include "support/oracle.hpp"
#include "support/temporary_folder.hpp"

namespace vox::test {
namespace {

namespace fs = std::filesystem;
const std::string script = "tests/data/shard_oracle.py";

void write_raw(const fs::path& file, std::span<const std::byte> bytes) {
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

TEST(ShardOracle, H5pyReadsEveryCodecAndType) {
    if (!has_oracle()) GTEST_SKIP() << "no Python with h5py";
    for (const Codec codec : {Codec::none, Codec::gzip, Codec::zstd, Codec::lz4}) {
        const TemporaryFolder folder;
        std::vector<CaseData> cases;
        for (const auto type :
             {VoxelType::int16, VoxelType::uint16, VoxelType::int32, VoxelType::float32, VoxelType::float64}) {
            cases.push_back(make_case(std::string(voxel_type_name(type)), type, 21));
            if (codec != Codec::gzip) add_views(cases.back(), 3);
            write_raw(folder / (cases.back().info.id + ".views.raw"), std::as_bytes(std::span(cases.back().views)));
            write_raw(folder / (cases.back().info.id + ".image.raw"), cases.back().image);
            write_raw(folder / (cases.back().info.id + ".label.raw"), std::as_bytes(std::span(cases.back().label)));
        }
        make_dataset(folder.path(), cases, codec);
        EXPECT_EQ(run_oracle(script, "compare '" + folder.path().string() + "'"), 0) << codec_name(codec);
    }
}

TEST(ShardOracle, WhatBreaksTheFormatIsRefusedOnOpeningWithinLittleMemory) {
    if (!has_oracle()) GTEST_SKIP() << "no Python with h5py";
    const TemporaryFolder folder;
    CaseData whole = make_case("x", VoxelType::int16, 9);
    add_views(whole, 4);
    make_dataset(folder.path(), {whole}, Codec::gzip);
    const auto shard = folder / "shard_00000.h5", kept = folder / "kept";
    fs::copy_file(shard, kept);
    rusage before{};
    getrusage(RUSAGE_SELF, &before);
    const std::vector<std::pair<std::string, std::string>> kinds{
        {"version", "version 2"},
        {"external_link", "link to elsewhere"},
        {"soft_link", "link to elsewhere"},
        {"nan_spacing", "spacing_mm"},
        {"singular_source", "geometry is singular"},
        {"source_type", "source_type: 'int17'"},
        {"views_type", "views: they are not float32"},
        {"views_count", "there are 2 views and 1 names"},
        {"views_unit", "the unit of views is 'hu'"},
        {"views_names", "view 'ap' is there twice"},
        {"views_gone", "its views are none, dataset.json says"},
        {"missing_attribute", "'affine' is missing"},
        {"reference", "none of the channels"},
        {"reference_size", "source_size is over the limits"},
        {"huge", "limit 32768"},
        {"bomb", "over the limit"},
        {"chunk_count", "16777216 chunks are over the limits"},
        {"missing_image", "'image' is missing"},
        {"filter", "filters"},
        {"type", "type"},
        {"rank", "it has 3 axes"},
        {"label_shape", "label: "},
        {"virtual", "not stored in chunks"},
        {"moved_chunk", "is not possible"}};
    for (const auto& [kind, expected] : kinds) {
        fs::copy_file(kept, shard, fs::copy_options::overwrite_existing);
        ASSERT_EQ(run_oracle(script, "damage '" + shard.string() + "' " + kind), 0) << kind;
        // The index must agree with the file, or its size alone would refuse it.
        nlohmann::json index = nlohmann::json::parse(std::ifstream(folder / "dataset.json"));
        index["shards"][0]["bytes"] = fs::file_size(shard);
        std::ofstream(folder / "dataset.json") << index;
        std::string message = "accepted";
        try {
            const ShardReader reader(folder.path());
        } catch (const core::DataError& error) {
            message = error.what();
        }
        EXPECT_THAT(message, testing::HasSubstr("shard_00000.h5")) << kind;
        EXPECT_THAT(message, testing::HasSubstr(expected)) << kind;
    }
    rusage after{};
    getrusage(RUSAGE_SELF, &after);
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << "KiB";
}

}  // namespace
}  // namespace vox::test
