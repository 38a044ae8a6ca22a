// Prompts made of label maps: parts as scipy counts them, in a fixed order, with the patient's sides; the way back gives the source's
// values.

#include "data/build_prompts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "data/prompt_words.hpp"
#include "data/shard_fixtures.hpp"
#include "data/shard_reader.hpp"
#include "support/golden.hpp"
#include "support/oracle.hpp"
#include "support/temporary_folder.hpp"

namespace vox::test {
namespace {

using testing::HasSubstr;

/// On the file's grid, axes (i,j,k): an LPS label map and an image like it.
struct Volumes {
    NiftiImage image, label;
    explicit Volumes(core::Index3 size, double spacing = 1) {
        const core::Affine lps{{{{-spacing, 0, 0, 0}}, {{0, -spacing, 0, 0}}, {{0, 0, spacing, 0}}, {{0, 0, 0, 1}}}};
        image = make_image(size, VoxelType::int16, 1, lps);
        label = make_label(size, {}, lps);
    }
    void fill(core::Index3 from, core::Index3 size, int value) {
        for (int64_t k = from[2]; k < from[2] + size[2]; ++k)
            for (int64_t j = from[1]; j < from[1] + size[1]; ++j)
                for (int64_t i = from[0]; i < from[0] + size[0]; ++i)
                    label.voxels[static_cast<size_t>((k * label.size[1] + j) * label.size[0] + i)] =
                        static_cast<std::byte>(value);
    }
    CaseData built() const { return build_case("x", {{"ct", image}}, &label); }
};

const PromptChoice kChoice{true, {{3, "kidney"}, {7, "liver"}}, "CT", -1};

// The values' order counts before the raster order; a part without a name, and one of 26 voxels, become background.
TEST(BuildPrompts, PartsAreNumberedByValueAndThenInRasterOrder) {
    Volumes volumes({20, 24, 18});
    volumes.fill({1, 1, 1}, {3, 3, 3}, 7);
    volumes.fill({2, 18, 5}, {3, 3, 4}, 3);  // i is small: the patient's right
    volumes.fill({15, 18, 5}, {4, 3, 3}, 3);  // the left, in RAS order first
    volumes.fill({9, 3, 10}, {13 - 9, 3, 3}, 5);
    volumes.fill({2, 10, 14}, {2, 13, 1}, 3);  // 26 voxels
    volumes.label.scl_slope = 1;
    CaseData data = volumes.built();
    const PromptCounts counts = add_prompts(data, kChoice);
    EXPECT_EQ(counts.targets, 3);
    EXPECT_EQ(counts.small, 1);
    EXPECT_EQ(counts.cases, 1);
    const auto& prompts = data.info.prompts;
    ASSERT_EQ(prompts.targets.size(), 3U);
    EXPECT_EQ(prompts.targets[0].structure, "kidney");
    EXPECT_EQ(prompts.targets[1].structure, "kidney");
    EXPECT_EQ(prompts.targets[2].structure, "liver");
    // D,H,W of the RAS grid: H and W run against j and i.
    EXPECT_EQ(prompts.targets[0].box, (core::Box{{5, 24 - 21, 20 - 19}, {3, 3, 4}}));
    EXPECT_EQ(prompts.targets[1].box, (core::Box{{5, 24 - 21, 20 - 5}, {4, 3, 3}}));
    EXPECT_EQ(data.info.label_voxels, (std::map<int, int64_t>{{1, 36}, {2, 36}, {3, 27}}));
    EXPECT_EQ(data.stored_labels, (std::map<int, double>{{0, 0}, {1, 3}, {2, 3}, {3, 7}}));
    ASSERT_EQ(data.foreground.size(), 3U);
    EXPECT_EQ(data.foreground[2].flat.size(), 27U);
    for (const auto& target : prompts.targets) {
        const auto& in = target.inside;
        const auto size = data.info.size();
        EXPECT_EQ(data.label[static_cast<size_t>((in[0] * size[1] + in[1]) * size[2] + in[2])], target.value);
    }
    EXPECT_EQ(counts.questions, std::ssize(prompts.questions));
    EXPECT_EQ(prompts.modality, "CT");
}

TEST(BuildPrompts, SidesAreThePatientsAndOneWordAloneIsAskedOnlyOfOne) {
    Volumes volumes({20, 24, 18});
    volumes.fill({2, 18, 5}, {3, 3, 3}, 3);
    volumes.fill({15, 18, 5}, {3, 3, 3}, 3);
    volumes.fill({3, 3, 14}, {3, 3, 3}, 7);
    CaseData data = volumes.built();
    add_prompts(data, kChoice);
    std::vector<std::string> of_left;
    for (const auto& one : data.info.prompts.questions) {
        if (one.target == 0) of_left.push_back(one.question);
        if (one.question == "Segment the liver.") {
            EXPECT_EQ(one.target, 2U);
        }
        EXPECT_NE(one.question, "Segment the kidney.");
    }
    EXPECT_THAT(of_left, testing::Contains("Segment the kidney in the left posterior inferior octant."));
    EXPECT_EQ(position_text(position_of_class(data.info.prompts.targets[2].position, PositionSpace::patient),
                            PositionSpace::patient, PositionDetail::side),
              "in the right anterior superior octant");
}

TEST(BuildPrompts, TheWayBackGivesTheSourcesValues) {
    Volumes volumes({20, 24, 18});
    volumes.fill({2, 18, 5}, {3, 3, 3}, 3);
    volumes.fill({15, 18, 5}, {3, 3, 3}, 3);
    volumes.fill({3, 3, 14}, {3, 3, 3}, 7);
    CaseData data = volumes.built();
    add_prompts(data, kChoice);
    data.fingerprint = "made by a test";
    const TemporaryFolder folder;
    make_dataset(folder.path(), {data});
    std::string digest;
    auto index = read_dataset_index(folder.path(), digest);
    index.scheme = prompted_scheme();
    write_dataset_index(folder.path(), index);
    const ShardReader reader(folder.path());
    EXPECT_EQ(reader.cases()[0].prompts, data.info.prompts);
    EXPECT_EQ(reader.restore(0).back().second.voxels, volumes.label.voxels);
}

TEST(BuildPrompts, SmallIsCountedInCubicMillimetresWhereThatIsAsked) {
    Volumes volumes({20, 24, 18}, 2);  // 8 mm^3 a voxel
    volumes.fill({2, 18, 5}, {2, 2, 2}, 3);  // 64 mm^3
    volumes.fill({15, 18, 5}, {3, 2, 2}, 3);  // 96 mm^3
    const auto targets = [&](double min_mm3) {
        CaseData data = volumes.built();
        PromptChoice choice = kChoice;
        choice.min_component_mm3 = min_mm3;
        return add_prompts(data, choice).targets;
    };
    EXPECT_EQ(targets(-1), 0);
    EXPECT_EQ(targets(0), 2);
    EXPECT_EQ(targets(64), 2);
    EXPECT_EQ(targets(64.1), 1);
    EXPECT_EQ(targets(97), 0);
}

TEST(BuildPrompts, ACaseOfTooManyPartsIsRefusedWithAdvice) {
    Volumes volumes({34, 34, 2});
    for (int64_t i = 0; i < 16; ++i)
        for (int64_t j = 0; j < 16; ++j) volumes.fill({2 * i, 2 * j, 0}, {1, 1, 1}, 3);
    PromptChoice choice = kChoice;
    choice.min_component_mm3 = 0;
    CaseData data = volumes.built();
    try {
        add_prompts(data, choice);
        FAIL() << "256 parts were accepted";
    } catch (const core::DataError& error) {
        EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("256 connected parts"), HasSubstr("--min-component-mm3")));
    }
    volumes.fill({30, 30, 0}, {1, 1, 1}, 0);
    data = volumes.built();
    EXPECT_EQ(add_prompts(data, choice).targets, 255);
}

TEST(BuildPrompts, ACaseWithNothingToAskForHasNone) {
    CaseData data = Volumes({20, 24, 18}).built();
    EXPECT_EQ(add_prompts(data, kChoice).cases_without, 1);
    EXPECT_EQ(data.info.prompts, CasePrompts{});
    data = build_case("x", {{"ct", Volumes({20, 24, 18}).image}}, nullptr);
    EXPECT_EQ(add_prompts(data, kChoice).cases_without, 1);
    EXPECT_FALSE(data.info.has_label);
}

/// Names of the values of the real chest's mask.
std::map<int, std::string> chest_structures() {
    std::map<int, std::string> names;
    std::ifstream in(shared_data() / "ct" / "chest_structures.csv");
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) {
        std::istringstream cells(line);
        std::string group, original, name, id;
        std::getline(cells, group, ',');
        std::getline(cells, original, ',');
        std::getline(cells, name, ',');
        std::getline(cells, id, ',');
        names[std::stoi(id)] = name;
    }
    return names;
}

TEST(BuildPrompts, LeftAndRightOfARealChestAreThePatients) {
    const auto file = shared_data() / "ct" / "chest_2p5mm_mask.nii.gz";
    if (!std::filesystem::exists(file)) GTEST_SKIP() << "no " << file;
    const NiftiImage image = read_nifti(shared_data() / "ct" / "chest_2p5mm.nii.gz"), label = read_nifti(file);
    CaseData data = build_case("chest", {{"ct", image}}, &label);
    const auto names = chest_structures();
    ASSERT_GT(names.size(), 100U);
    const auto counts = add_prompts(data, {true, names, "CT", 2000});
    int sided = 0, right = 0, wrong = 0;
    for (const auto& target : data.info.prompts.targets) {
        const auto words = words_of(target.structure);
        const bool says_left = std::ranges::find(words, "left") != words.end();
        const bool says_right = std::ranges::find(words, "right") != words.end();
        if (says_left == says_right || target.position < 1) continue;
        if (target.structure == "brachiocephalic_vein_left") continue;  // it crosses the middle: most of it lies right
        const auto position = position_of_class(target.position, PositionSpace::patient);
        ++sided;
        right += position.high[2];
        if (position.high[2] == says_right) continue;
        ++wrong;
        std::cout << target.structure << " lies "
                  << position_text(position, PositionSpace::patient, PositionDetail::whole) << '\n';
    }
    std::cout << counts.targets << " targets, " << counts.questions << " questions, " << counts.silent << " silent, "
              << counts.small << " small; " << sided << " of a side, " << right << " of them right\n";
    EXPECT_GT(sided, 40);
    EXPECT_GT(right, 15);
    EXPECT_EQ(wrong, 0);
}

TEST(BuildPrompts, TheLungsOfARealChestLieOnThePatientsSides) {
    const auto file = shared_data() / "ct" / "chest_2p5mm_mask.nii.gz";
    if (!std::filesystem::exists(file)) GTEST_SKIP() << "no " << file;
    NiftiImage label = read_nifti(file);
    ASSERT_EQ(orientation_code(label.affine()), "LAS");
    std::map<int, uint8_t> lung_of;  // of lobes
    for (const auto& [value, name] : chest_structures())
        if (name.starts_with("lung_")) lung_of[value] = name.ends_with("left") ? 1 : 2;
    const auto values = label_values(label);
    label.type = VoxelType::uint8;
    label.voxels.assign(values.size(), std::byte{0});
    for (size_t at = 0; at < values.size(); ++at)
        if (lung_of.contains(values[at])) label.voxels[at] = static_cast<std::byte>(lung_of[values[at]]);
    CaseData data = build_case("chest", {{"ct", read_nifti(shared_data() / "ct" / "chest_2p5mm.nii.gz")}}, &label);
    add_prompts(data, {true, {{1, "left lung"}, {2, "right lung"}}, "CT", 1e5});
    const auto& prompts = data.info.prompts;
    ASSERT_EQ(prompts.targets.size(), 2U);
    // By the rule of boxes both lie at the centre, which they reach around the heart: their boxes' middles tell the sides.
    const auto size = data.info.size();
    const auto& left = prompts.targets[0].box;
    const auto& right = prompts.targets[1].box;
    EXPECT_LT(2 * left.start[2] + left.size[2], size[2]);
    EXPECT_GT(2 * right.start[2] + right.size[2], size[2]);
    EXPECT_LT(2 * prompts.targets[0].inside[2], size[2]);
    EXPECT_GT(2 * prompts.targets[1].inside[2], size[2]);
    EXPECT_EQ(data.stored_labels, (std::map<int, double>{{0, 0}, {1, 1}, {2, 2}}));
}

}  // namespace
}  // namespace vox::test
