// Which files make which case of a Prostate158 folder, and what its CSV files may not say.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.hpp"
#include "data/layouts.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kHeader =
    "ID,t2,adc,dwi,t2_anatomy_reader1,t2_tumor_reader1,adc_tumor_reader1,t2_anatomy_reader2,adc_tumor_reader2\n";

class Prostate158 : public testing::Test {
protected:
    void touch(const std::string& name) {
        std::filesystem::create_directories((folder_ / name).parent_path());
        std::ofstream(folder_ / name) << "listed, not read";
    }
    void table(const std::string& name, const std::string& rows, const std::string& header = kHeader) {
        std::ofstream(folder_ / name) << header << rows;
    }
    Listing list(const std::string& task = "tumor", const std::string& label = "") {
        return list_prostate158(folder_.path(), choose_prostate158(task, {}, label));
    }
    std::string refusal(const std::string& task = "tumor") {
        try {
            list(task);
        } catch (const core::DataError& error) {
            return error.what();
        }
        return "listed without complaint";
    }
    /// Two whole cases, of which the second has no tumour and a second reader.
    void two_cases() {
        for (const char* file : {"t2", "adc", "dwi", "anatomy", "tumor"}) touch(std::string("020/") + file + ".nii.gz");
        for (const char* file : {"t2", "adc", "dwi", "empty", "anatomy, second"})
            touch(std::string("021/") + file + ".nii.gz");
        table("train.csv",
              "020,020/t2.nii.gz,020/adc.nii.gz,020/dwi.nii.gz,020/anatomy.nii.gz,,020/tumor.nii.gz,,\r\n");
        table("test.csv",
              "021,021/t2.nii.gz,021/adc.nii.gz,021/dwi.nii.gz,,,021/empty.nii.gz,\"021/anatomy, second.nii.gz\",\n");
    }
    const test::TemporaryFolder folder_;
};

TEST_F(Prostate158, TasksChooseChannelsAndLabelAndFilesTheSplit) {
    two_cases();
    const Listing tumour = list("tumor");
    EXPECT_THAT(tumour.channels, ElementsAre("t2", "adc", "dwi"));
    EXPECT_EQ(tumour.scheme_hint, "prostate158_tumor");
    EXPECT_EQ(tumour.reference, "t2");
    ASSERT_EQ(tumour.cases.size(), 2U);
    EXPECT_EQ(tumour.cases[0].id, "020");
    EXPECT_EQ(tumour.cases[0].split, "train");
    EXPECT_EQ(tumour.cases[1].split, "test");
    EXPECT_EQ(tumour.cases[0].label, folder_ / "020/tumor.nii.gz");
    EXPECT_EQ(tumour.cases[1].label, folder_ / "021/empty.nii.gz");
    EXPECT_EQ(tumour.cases[0].channels[1].file, folder_ / "020/adc.nii.gz");
    for (const auto& one : tumour.cases) EXPECT_EQ(one.problem, "");

    const Listing anatomy = list("");
    EXPECT_THAT(anatomy.channels, ElementsAre("t2"));
    EXPECT_EQ(anatomy.scheme_hint, "prostate158_anatomy");
    EXPECT_EQ(anatomy.cases[0].label, folder_ / "020/anatomy.nii.gz");
    EXPECT_FALSE(anatomy.cases[1].label.has_value());  // an empty cell: this reader did not see it
    EXPECT_FALSE(anatomy.cases[1].label_is_empty);
    EXPECT_EQ(list("", "t2_anatomy_reader2").cases[1].label, folder_ / "021/anatomy, second.nii.gz");
    EXPECT_EQ(list("", "adc_tumor_reader1").scheme_hint, "prostate158_tumor");
}

TEST_F(Prostate158, EmptyNiiNeedsNoFile) {
    two_cases();
    std::filesystem::remove(folder_ / "021/empty.nii.gz");
    const auto one = list().cases[1];
    EXPECT_EQ(one.problem, "");
    EXPECT_TRUE(one.label_is_empty);
    EXPECT_FALSE(one.label.has_value());
}

TEST_F(Prostate158, MissingFilesAndCellsAreProblemsOfTheirCase) {
    two_cases();
    std::filesystem::remove(folder_ / "020/adc.nii.gz");
    std::filesystem::remove(folder_ / "020/tumor.nii.gz");
    table("test.csv", "021,021/t2.nii.gz,021/adc.nii.gz,,,,,,\n");
    const auto cases = list().cases;
    EXPECT_THAT(cases[0].problem,
                testing::MatchesRegex(".*train.csv:2: adc: .*020/adc.nii.gz does not exist.*"
                                      "train.csv:2: adc_tumor_reader1: .*tumor.nii.gz does not exist"));
    EXPECT_THAT(cases[1].problem, HasSubstr("test.csv:2: no dwi"));
}

TEST_F(Prostate158, TablesThatAreWrongAreNamedWithTheirLine) {
    EXPECT_THAT(refusal(), HasSubstr("train.csv, valid.csv and test.csv are absent"));
    two_cases();
    table("valid.csv", "\n020,020/t2.nii.gz,020/adc.nii.gz,020/dwi.nii.gz,,,,,\n");
    EXPECT_THAT(refusal(), testing::MatchesRegex(".*valid.csv:3: case 020 is already at .*train.csv:2"));
    table("valid.csv", "", "ID,t2,ADC,dwi,adc_tumor_reader1\n");
    table("valid.csv", "1,a,b,c,d\n", "ID,t2,ADC,dwi,adc_tumor_reader1\n");
    EXPECT_THAT(refusal(), HasSubstr("valid.csv:1: there is no column 'adc'"));
    table("valid.csv", ",020/t2.nii.gz,020/adc.nii.gz,020/dwi.nii.gz,,,,,\n");
    EXPECT_THAT(refusal(), HasSubstr("valid.csv:2: the ID is empty"));
    table("valid.csv", "1,x\n");
    EXPECT_THAT(refusal(), HasSubstr("valid.csv:2: 2 cells where the header has 9"));
}

TEST_F(Prostate158, ChoicesThatContradictAreUsageErrors) {
    EXPECT_THROW(choose_prostate158("lesions", {}, ""), core::UsageError);
    EXPECT_THROW(choose_prostate158("", {}, "mask"), core::UsageError);
    EXPECT_THROW(choose_prostate158("anatomy", {}, "adc_tumor_reader1"), core::UsageError);
    EXPECT_THROW(choose_prostate158("tumor", {}, "t2_anatomy_reader1"), core::UsageError);
    EXPECT_THAT(choose_prostate158("tumor", {"adc"}, "t2_tumor_reader1").channels, ElementsAre("adc"));
}

}  // namespace
}  // namespace vox::data
