// From NIfTI folders to shards, at one and two ranks: the same cases and splits, nothing lost, bad input named.

#include "data/convert.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "core/error.hpp"
#include "data/shard_fixtures.hpp"
#include "data/shard_reader.hpp"
#include "data/splits.hpp"
#include "support/temporary_folder.hpp"
#include "support/world.hpp"

namespace vox::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A folder that all ranks see; rank 0 makes and removes it.
class SharedFolder {
public:
    SharedFolder() {
        if (world().is_root()) own_ = std::make_unique<TemporaryFolder>();
        path_ = world().broadcast(own_ ? own_->path().string() : "");
    }
    ~SharedFolder() { world().barrier(); }
    fs::path operator/(const std::string& name) const { return path_ / name; }
    const fs::path& path() const { return path_; }

private:
    std::unique_ptr<TemporaryFolder> own_;
    fs::path path_;
};

void write_brats_case(const fs::path& input, const std::string& id, unsigned seed,
                      const std::vector<int>& labels = {1, 2, 4}, bool names_2023 = false) {
    const core::Index3 size{24, 20, 18};
    const std::array<const char*, 5> suffixes =
        names_2023 ? std::array<const char*, 5>{"-t1n", "-t1c", "-t2w", "-t2f", "-seg"}
                   : std::array<const char*, 5>{"_t1", "_t1ce", "_t2", "_flair", "_seg"};
    fs::create_directories(input / id);
    for (unsigned c = 0; c < 4; ++c) {
        write_nifti(input / id / (id + suffixes[c] + ".nii.gz"),
                    make_image(size, VoxelType::int16, 10 * seed + c, awkward_affine()));
    }
    write_nifti(input / id / (id + suffixes[4] + ".nii.gz"), make_label(size, labels, awkward_affine()));
}

/// `make` on rank 0 while the others wait.
template <class Make>
void on_root(Make&& make) {
    world().on_root("making the input", make);
}

ConvertOptions options_for(const SharedFolder& folder, const std::string& output = "shards") {
    ConvertOptions options;
    options.input = folder / "in";
    options.output = folder / output;
    return options;
}

/// The message of rank 0's error, and its exit code; every rank must throw.
std::pair<std::string, core::ExitCode> refusal(const ConvertOptions& options) {
    std::string text;
    auto code = core::ExitCode::done;
    try {
        convert(world(), options);
    } catch (const core::Error& error) {
        text = error.what();
        code = error.code();
    }
    EXPECT_TRUE(world().all_ok(!text.empty()));
    const std::string of_root = world().broadcast(std::to_string(static_cast<int>(code)) + " " + text);
    return {of_root, static_cast<core::ExitCode>(std::stoi(of_root))};
}

TEST(Convert, BratsCasesComeBackAndSplitsAreExact) {
    const SharedFolder folder;
    on_root([&] {
        for (unsigned i = 0; i < 5; ++i) write_brats_case(folder / "in", "Case" + std::to_string(i), i);
    });
    ConvertOptions options = options_for(folder);
    options.split = {0.6, 0.2, 0.2};
    options.max_shard_bytes = 1;  // a shard a case
    const ConvertReport report = convert(world(), options);
    EXPECT_EQ(report.converted, 5);
    EXPECT_EQ(report.scheme, "brats2020");
    const ShardReader reader(options.output);
    ASSERT_EQ(reader.cases().size(), 5U);
    EXPECT_EQ(reader.split("train").size(), 3U);
    EXPECT_EQ(reader.split("val").size(), 1U);
    EXPECT_EQ(reader.split("test").size(), 1U);
    EXPECT_EQ(reader.channel_names(), (std::vector<std::string>{"t1", "t1ce", "t2", "flair"}));
    for (size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(reader.cases()[i].id, "Case" + std::to_string(i));  // the order, too, is that of one rank
        for (const auto& [channel, image] : reader.restore(i)) {
            const std::string id = reader.cases()[i].id;
            const NiftiImage source =
                read_nifti(folder.path() / "in" / id / (id + "_" + (channel == "label" ? "seg" : channel) + ".nii.gz"));
            EXPECT_EQ(image.voxels, source.voxels) << id << ' ' << channel;
            EXPECT_EQ(image.affine(), source.affine());
        }
    }
    EXPECT_TRUE(reader.verify().empty());
    // The same splits as a pure function of ids and seed says.
    const auto expected = assign_splits({"Case0", "Case1", "Case2", "Case3", "Case4"}, options.split, 0);
    for (const auto& info : reader.cases()) EXPECT_EQ(info.split, expected.at(info.id));
}

TEST(Convert, StartedAgainItConvertsOnlyWhatIsMissingOrChanged) {
    const SharedFolder folder;
    on_root([&] {
        for (unsigned i = 0; i < 3; ++i) write_brats_case(folder / "in", "Case" + std::to_string(i), i);
    });
    const ConvertOptions options = options_for(folder);
    EXPECT_EQ(convert(world(), options).converted, 3);
    on_root([&] {
        fs::remove(folder / "shards" / "dataset.json");
        std::ofstream(folder / "shards" / "shard_00007.h5.partial") << "half written";
        write_brats_case(folder / "in", "Case1", 77);
        write_brats_case(folder / "in", "Case3", 3);
    });
    const ConvertReport again = convert(world(), options);
    EXPECT_EQ(again.converted, 2);
    EXPECT_EQ(again.kept, 2);
    EXPECT_FALSE(fs::exists(folder / "shards" / "shard_00007.h5.partial"));
    const ShardReader reader(options.output);
    ASSERT_EQ(reader.cases().size(), 4U);
    EXPECT_EQ(reader.restore(1)[0].second.voxels, read_nifti(folder / "in" / "Case1" / "Case1_t1.nii.gz").voxels);
}

TEST(Convert, BadCasesAreRefusedWithFileCaseAndReason) {
    const SharedFolder folder;
    on_root([&] {
        for (const char* id : {"Good", "Gap", "Grid", "Cut", "Nan", "Odd"}) write_brats_case(folder / "in", id, 1);
        fs::remove(folder / "in" / "Gap" / "Gap_t2.nii.gz");
        write_nifti(folder / "in" / "Grid" / "Grid_t2.nii.gz",
                    make_image({24, 20, 19}, VoxelType::int16, 1, awkward_affine()));
        const auto cut = folder / "in" / "Cut" / "Cut_flair.nii.gz";
        fs::resize_file(cut, fs::file_size(cut) / 2);
        NiftiImage nan = make_image({24, 20, 18}, VoxelType::float32, 1, awkward_affine());
        reinterpret_cast<float*>(nan.voxels.data())[77] = NAN;
        try {
            write_nifti(folder / "in" / "Nan" / "Nan_t1.nii.gz", nan);
        } catch (const core::Error&) {
            ADD_FAILURE() << "the writer itself refuses NaN";
        }
        write_nifti(folder / "in" / "Odd" / "Odd_seg.nii.gz", make_label({24, 20, 18}, {1, 9}, awkward_affine()));
    });
    ConvertOptions options = options_for(folder);
    options.label_scheme = "brats2020";
    const auto [message, code] = refusal(options);
    EXPECT_EQ(code, core::ExitCode::bad_data);
    EXPECT_THAT(message, HasSubstr("5 of 6 cases"));
    EXPECT_THAT(message, testing::ContainsRegex("case Gap: .*missing modality t2"));
    EXPECT_THAT(message, testing::ContainsRegex("case Grid: .*grids do not match"));
    EXPECT_THAT(message, testing::ContainsRegex("case Cut: .*Cut_flair.nii.gz"));
    EXPECT_THAT(message, testing::ContainsRegex("case Nan: .*Nan_t1.nii.gz"));
    EXPECT_THAT(message, testing::ContainsRegex("case Odd: label value 9"));
    EXPECT_FALSE(fs::exists(folder / "shards" / "dataset.json"));
    options.skip_bad = true;
    EXPECT_EQ(convert(world(), options).refused.size(), 5U);
    const ShardReader reader(options.output);
    ASSERT_EQ(reader.cases().size(), 1U);
    EXPECT_EQ(reader.cases()[0].split, "train");  // one case trains
}

TEST(Convert, AllowedCasesMayLackChannelsWhichAreThenZero) {
    const SharedFolder folder;
    on_root([&] {
        for (unsigned i = 0; i < 3; ++i) write_brats_case(folder / "in", "Case" + std::to_string(i), i);
        fs::remove(folder / "in/Case1/Case1_t1.nii.gz");
        fs::remove(folder / "in/Case2/Case2_t1ce.nii.gz");
        fs::remove(folder / "in/Case2/Case2_flair.nii.gz");
    });
    auto options = options_for(folder);
    options.split = {1, 0, 0};
    EXPECT_THAT(refusal(options).first, HasSubstr("missing modality t1"));
    options.allow_missing = 1;
    EXPECT_THAT(refusal(options).first, HasSubstr("missing modality t1ce, flair"));
    options.skip_bad = true;
    EXPECT_EQ(convert(world(), options).kept, 2);  // the refused start before has converted them
    const ShardReader reader(options.output);
    ASSERT_EQ(reader.cases().size(), 2U);  // by id
    const auto& lacking = reader.cases()[1];
    EXPECT_EQ(lacking.id, "Case1");
    EXPECT_EQ(lacking.channels(), 4);
    EXPECT_EQ(lacking.statistics[0].voxels, 0);
    EXPECT_GT(lacking.statistics[1].voxels, 0);
    EXPECT_GT(reader.cases()[0].statistics[0].voxels, 0);
    const core::Box whole{{0, 0, 0}, lacking.size()};
    const auto voxels = static_cast<size_t>(whole.voxels());
    std::vector<float> image(4 * voxels);
    reader.read_image(1, whole, image);
    EXPECT_TRUE(
        std::all_of(image.begin(), image.begin() + static_cast<ptrdiff_t>(voxels), [](float v) { return v == 0; }));
    EXPECT_TRUE(
        std::any_of(image.begin() + static_cast<ptrdiff_t>(voxels), image.end(), [](float v) { return v != 0; }));
    options.allow_missing = 2;
    EXPECT_EQ(convert(world(), options).converted, 1);  // the others are there already
}

TEST(Convert, AllowedChannelsDoNotExcuseOtherProblems) {
    const SharedFolder folder;
    on_root([&] {
        for (const char* id : {"a", "b"}) {
            fs::create_directories(folder.path() / "in" / id);
            for (const char* name : {"t2", "label", "seg"})
                write_nifti(folder.path() / "in" / id / (std::string(name) + ".nii.gz"),
                            make_label({24, 20, 18}, {1}, awkward_affine()));
        }
        write_nifti(folder / "in/a/adc.nii.gz", make_label({24, 20, 18}, {1}, awkward_affine()));
        fs::remove(folder / "in/a/seg.nii.gz");
    });
    auto options = options_for(folder);
    options.layout = "generic";
    options.channels = {"t2", "adc"};
    options.allow_missing = 1;
    EXPECT_THAT(refusal(options).first, HasSubstr("case b: several label files"));
}

TEST(Convert, AmbiguousLabelsAskForAScheme) {
    const SharedFolder folder;
    on_root([&] { write_brats_case(folder / "in", "OneTwo", 1, {1, 2}); });
    ConvertOptions options = options_for(folder);
    const auto [message, code] = refusal(options);
    EXPECT_EQ(code, core::ExitCode::bad_data);
    EXPECT_THAT(message, HasSubstr("--label-scheme"));
    options.label_scheme = "brats2020";
    EXPECT_EQ(convert(world(), options).converted, 1);
    on_root([&] {
        fs::remove_all(folder / "in");
        write_brats_case(folder / "in", "Young-001", 1, {1, 2, 3}, true);
    });
    options.label_scheme = "auto";
    EXPECT_EQ(convert(world(), options).scheme, "brats2023");
}

TEST(Convert, RefusesPlacesThatCannotBeWritten) {
    const SharedFolder folder;
    on_root([&] {
        write_brats_case(folder / "in", "A", 1);
        std::ofstream(folder / "file") << "in the way";
    });
    ConvertOptions options = options_for(folder, "file");
    EXPECT_EQ(refusal(options).second, core::ExitCode::cannot_write);
    EXPECT_THAT(refusal(options).first, HasSubstr((folder / "file").string()));
    options.output = "/proc/voxrank_shards";  // refuses also root
    EXPECT_EQ(refusal(options).second, core::ExitCode::cannot_write);
    options.output = folder / "never";
    options.dry_run = true;
    EXPECT_EQ(convert(world(), options).converted, 1);
    EXPECT_FALSE(fs::exists(folder / "never"));
}

TEST(Convert, MsdAndGenericLayouts) {
    const SharedFolder folder;
    const core::Index3 size{12, 11, 10};
    on_root([&] {
        fs::create_directories(folder / "in" / "imagesTr");
        fs::create_directories(folder / "in" / "labelsTr");
        for (const char* id : {"a_1", "a_2"}) {
            write_nifti(folder / "in" / "imagesTr" / (std::string(id) + "_0000.nii.gz"),
                        make_image(size, VoxelType::int16, 1, awkward_affine()));
            write_nifti(folder / "in" / "imagesTr" / (std::string(id) + "_0001.nii.gz"),
                        make_image(size, VoxelType::float32, 2, awkward_affine()));
            write_nifti(folder / "in" / "labelsTr" / (std::string(id) + ".nii.gz"),
                        make_label(size, {1, 2, 3}, awkward_affine()));
        }
        std::ofstream(folder / "in" / "dataset.json")
            << R"({"channel_names": {"0": "T2", "1": "ADC"}, "labels": {"background": 0, "PZ": 1, "TZ": 2, "x": 3}, "file_ending": ".nii.gz"})";
        for (const char* id : {"p1", "p2"}) {
            fs::create_directories(folder / "generic" / id);
            write_nifti(folder / "generic" / id / "t2.nii.gz", make_image(size, VoxelType::int16, 1, awkward_affine()));
            write_nifti(folder / "generic" / id / (std::string(id) + "_adc.nii"),
                        make_image(size, VoxelType::int16, 2, awkward_affine()));
            write_nifti(folder / "generic" / id / "zones_mask.nii.gz", make_label(size, {7}, awkward_affine()));
        }
    });
    ConvertOptions options = options_for(folder);
    options.layout = "nnunet";
    EXPECT_EQ(convert(world(), options).scheme, "generic");
    const ShardReader msd(options.output);
    EXPECT_EQ(msd.channel_names(), (std::vector<std::string>{"T2", "ADC"}));
    EXPECT_EQ(msd.cases()[0].type, VoxelType::float32);  // int16 and float32 in one lossless type
    EXPECT_EQ(msd.scheme().values, (std::set<int>{1, 2, 3}));
    options.layout = "generic";
    options.input = folder / "generic";
    options.output = folder / "generic_shards";
    EXPECT_EQ(convert(world(), options).converted, 2);
    const ShardReader generic(options.output);
    EXPECT_EQ(generic.channel_names(), (std::vector<std::string>{"adc", "t2"}));
    EXPECT_EQ(generic.scheme().values, (std::set<int>{7}));
    EXPECT_TRUE(generic.cases()[1].has_label);
}

TEST(Splits, CountsAreExactAndTheSeedMatters) {
    std::vector<std::string> ids;
    for (int i = 0; i < 12; ++i) ids.push_back("case" + std::to_string(i));
    const auto split = assign_splits(ids, {0.8, 0.1, 0.1}, 0);
    std::map<std::string, int> counts;
    for (const auto& [id, name] : split) ++counts[name];
    EXPECT_EQ(counts["train"], 10);
    EXPECT_EQ(counts["val"], 1);
    EXPECT_EQ(counts["test"], 1);
    EXPECT_NE(split, assign_splits(ids, {0.8, 0.1, 0.1}, 1));
    EXPECT_EQ(assign_splits({"x"}, {0.0, 0.5, 0.5}, 0).at("x"), "train");
}

}  // namespace
}  // namespace vox::test
