#include "voxelwise_classifier.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <numeric>

#include "core/error.hpp"
#include "data/phantom.hpp"
#include "data/shard_reader.hpp"
#include "support/temporary_folder.hpp"
#include "tasks/phantom_dataset.hpp"

namespace vox::tools {
namespace {

/// A case in which value 2 stands where the first intensity is above 1, and value 0 elsewhere.
VoxelTable separable_case() {
    VoxelTable table{"case", {}, {}};
    for (int n = 0; n < 4000; ++n) {
        const float first = static_cast<float>(n % 400) / 100.0f - 2.0f;
        table.intensities.push_back(
            {first, static_cast<float>(n % 7), static_cast<float>(n % 11), static_cast<float>(n % 13)});
        table.labels.push_back(first > 1 ? 2 : 0);
    }
    return table;
}

TEST(VoxelwiseClassifier, FindsWhatIntensityTellsAlone) {
    const VoxelwiseClassifier classifier({separable_case()}, {"two", {2}, {{"high", {2}}}});
    EXPECT_GT(classifier.dice(separable_case())[0], 0.97);
}

TEST(VoxelwiseClassifier, ARegionThatIsNowhereCountsAsFoundWhereNothingIsPredicted) {
    auto empty = separable_case();
    for (size_t at = 0; at < empty.labels.size(); ++at) empty.labels[at] = 0, empty.intensities[at][0] = -1.5f;
    const VoxelwiseClassifier classifier({separable_case()}, {"two", {2}, {{"high", {2}}}});
    EXPECT_EQ(classifier.dice(empty)[0], 1.0);
}

// The promise of the phantoms: they cannot be solved voxel by voxel.
TEST(VoxelwiseClassifier, DoesNotSolvePhantoms) {
    const test::TemporaryFolder training, test;
    for (uint32_t number = 1; number <= 6; ++number) data::write_brats_phantom(training.path(), number, 48, 0);
    for (uint32_t number = 7; number <= 9; ++number) data::write_brats_phantom(test.path(), number, 48, 0);
    const VoxelwiseClassifier classifier(read_brats_folder(training.path()), data::label_scheme("brats2020"));
    double sum = 0;
    for (const auto& table : read_brats_folder(test.path())) {
        const auto dice = classifier.dice(table);
        sum += std::accumulate(dice.begin(), dice.end(), 0.0) / 9;
    }
    EXPECT_LE(sum, 0.55);
    EXPECT_GE(sum, 0.25);  // the classifier works: it beats calling everything tumour
}

TEST(VoxelwiseClassifier, DoesNotSolveProstatePhantoms) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    for (const char* task : {"anatomy", "tumor"}) {
        const auto shards = test::prostate_shards(*world, folder.path() / task, 11, task);
        const auto scheme = data::ShardReader(shards).scheme();
        const VoxelwiseClassifier classifier(read_shards(shards, "train"), scheme);
        double sum = 0, count = 0;
        for (const char* split : {"val", "test"}) {
            for (const auto& table : read_shards(shards, split)) {
                for (const double dice : classifier.dice(table)) sum += dice, ++count;
            }
        }
        std::cout << "best voxelwise classifier, " << task << ": mean Dice " << sum / count << '\n';
        EXPECT_LE(sum / count, 0.55) << task;
        EXPECT_GE(sum / count, 0.02) << task;  // it works: it finds something
    }
    EXPECT_THROW(read_shards(folder.path() / "anatomy" / "shards", "nowhere"), core::Error);
}

TEST(VoxelwiseClassifier, NamesWhatIsMissing) {
    const test::TemporaryFolder folder;
    EXPECT_THROW(read_brats_folder(folder / "absent"), core::DataError);
    EXPECT_THROW(read_brats_folder(folder.path()), core::DataError);
    data::write_brats_phantom(folder.path(), 1, 32, 0);
    std::filesystem::remove(folder / "BraTS20_Training_001/BraTS20_Training_001_t2.nii.gz");
    EXPECT_THROW(read_brats_folder(folder.path()), core::DataError);
}

}  // namespace
}  // namespace vox::tools
