// Every real volume beside the checkout goes through a shard and comes back as it was.

#include <gtest/gtest.h>

#include <set>

#include "data/shard_fixtures.hpp"
#include "data/shard_reader.hpp"
#include "support/oracle.hpp"
#include "support/temporary_folder.hpp"

namespace vox::test {
namespace {

namespace fs = std::filesystem;

void expect_same(const NiftiImage& after, const NiftiImage& before, const fs::path& file) {
    EXPECT_EQ(after.size, before.size) << file;
    EXPECT_EQ(after.type, before.type) << file;
    EXPECT_EQ(after.affine(), before.affine()) << file;
    EXPECT_EQ(after.scl_slope, before.scl_slope) << file;
    EXPECT_EQ(after.scl_inter, before.scl_inter) << file;
    EXPECT_TRUE(after.voxels == before.voxels) << file;
}

TEST(SharedVolumes, EveryFileComesBackBitForBit) {
    if (!fs::is_directory(shared_data())) GTEST_SKIP() << "no " << shared_data();
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(shared_data())) {
        if (!entry.path().string().ends_with(".nii.gz")) continue;
        const NiftiImage before = read_nifti(entry.path());
        // Twice: as a channel, and where its values allow that, as a label.
        const bool as_label = before.type == VoxelType::uint8;
        const CaseData data = build_case("x", {{"volume", before}}, as_label ? &before : nullptr);
        const TemporaryFolder folder;
        std::set<int> values;
        for (const auto& [value, voxels] : data.info.label_voxels) values.insert(value);
        ShardWriter writer(folder / "shard_00000.h5", Codec::lz4, "generic");
        writer.add(data);
        writer.finish();
        const auto shard = folder / "shard_00000.h5";
        write_dataset_index(folder.path(), {{"volume"},
                                            generic_scheme(values),
                                            CommonGrid{},
                                            ViewSet{},
                                            {{"x", "shard_00000.h5", "train"}},
                                            {{"shard_00000.h5", fs::file_size(shard), hex(xxh3_64_of_file(shard))}},
                                            {}});
        const auto restored = ShardReader(folder.path()).restore(0);
        ASSERT_EQ(restored.size(), as_label ? 2U : 1U);
        for (const auto& [name, after] : restored) expect_same(after, before, entry.path());
        ++files;
    }
    EXPECT_GT(files, 20);
}

}  // namespace
}  // namespace vox::test
