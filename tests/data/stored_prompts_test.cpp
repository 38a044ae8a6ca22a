// Prompts of a case: what goes into a shard comes out; damage and what does not fit the case is refused by name.
// (What h5py makes of them: e2e/prompts_convert_test.py.)

#include "data/stored_prompts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <functional>

#include "core/error.hpp"
#include "data/shard_fixtures.hpp"
#include "data/shard_reader.hpp"
#include "support/temporary_folder.hpp"

namespace vox::test {
namespace {

using testing::HasSubstr;

const std::string kShard = "shard_00000.h5";

/// A case with the label values 1, 2, 4 and something to ask of two of them.
CaseData prompted_case(const std::string& id = "a case") {
    CaseData data = make_case(id, VoxelType::int16, 3);
    data.info.prompts = {PositionSpace::patient,
                         "CT",
                         {{1, "linke Lungenh\u00e4lfte", {{12, 9, 11}, {13, 10, 5}}, {17, 13, 12}, 16},
                          {4, "", {{0, 0, 0}, data.info.size()}, {1, 2, 3}, -1}},
                         {{0, "Where is \"it\"?\n", "There."}, {0, "Segment it.", ""}, {1, "And that?", "Here."}}};
    return data;
}

/// The message with which something is refused.
std::string refusal(const std::function<void()>& work) {
    try {
        work();
    } catch (const core::DataError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(StoredPrompts, ComeBackFromAShard) {
    const TemporaryFolder folder;
    CaseData without = make_case("nothing asked", VoxelType::int16, 4);
    make_dataset(folder.path(), {prompted_case(), without});
    const ShardReader reader(folder.path());
    EXPECT_EQ(reader.cases()[0].prompts, prompted_case().info.prompts);
    EXPECT_EQ(reader.cases()[1].prompts, CasePrompts{});
    EXPECT_TRUE(reader.verify().empty());
}

/// What a reader says of a shard whose prompts are this text, with the right checksum or the old one.
std::string refusal_of(const std::string& text, bool seal = true) {
    const TemporaryFolder folder;
    make_dataset(folder.path(), {prompted_case()});
    const auto path = folder / kShard;
    {
        const hdf5::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), &H5Fclose);
        const hdf5::Handle group(H5Gopen2(file, "/cases/a case", H5P_DEFAULT), &H5Gclose);
        std::string checksum;
        {
            const hdf5::Handle old = hdf5::open_dataset(group, "prompts", "");
            checksum = seal ? hex(xxh3_64(std::string_view(text))) : hdf5::StrictReader(old, "").text("xxh3");
        }
        H5Ldelete(group, "prompts", H5P_DEFAULT);
        hdf5::put_dataset(group, "prompts", text);
        const hdf5::Handle dataset = hdf5::open_dataset(group, "prompts", "");
        hdf5::put(dataset, "xxh3", checksum);
    }
    std::string digest;
    DatasetIndex index = read_dataset_index(folder.path(), digest);
    index.shards[0].bytes = std::filesystem::file_size(path);
    write_dataset_index(folder.path(), index);
    const std::string message = refusal([&] { ShardReader reader(folder.path()); });
    if (message != "accepted") {
        EXPECT_THAT(message, HasSubstr(kShard + ": case a case"));
    }
    return message;
}

/// The stored text with one piece of it replaced.
std::string changed(const std::string& from, const std::string& to) {
    std::string text = prompts_to_text(prompted_case().info.prompts);
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(StoredPrompts, WhatDoesNotFitTheCaseIsRefusedByName) {
    EXPECT_EQ(refusal_of(changed("CT", "MR")), "accepted");
    EXPECT_THAT(refusal_of(changed("CT", "MR"), false), HasSubstr("wrong checksum"));
    EXPECT_THAT(refusal_of("{"), HasSubstr("parse error"));
    EXPECT_THAT(refusal_of("[]"), HasSubstr("has not its 4 members"));
    EXPECT_THAT(refusal_of(changed("\"CT\"", "\"\xC3\"")), HasSubstr("UTF-8"));
    EXPECT_THAT(refusal_of(changed("\"CT\"", "7")), HasSubstr("must be string"));
    EXPECT_THAT(refusal_of(changed("patient", "ship")), HasSubstr("the space 'ship'"));
    EXPECT_THAT(refusal_of(changed("patient", "image")), HasSubstr("38 planes"));
    EXPECT_THAT(refusal_of(changed("\"value\":1", "\"value\":3")), HasSubstr("target 3 is no value of the label"));
    EXPECT_THAT(refusal_of(changed("\"value\":1", "\"value\":257")), HasSubstr("no value of the label"));
    EXPECT_THAT(refusal_of(changed("\"value\":1", "\"value\":4")), HasSubstr("target 4 stands after 4"));
    EXPECT_THAT(refusal_of(changed("\"value\":1", "\"value\":1.5")), HasSubstr("1.5 stands where an integer"));
    EXPECT_THAT(refusal_of(changed("\"value\":1", "\"value\":1e3")), HasSubstr("stands where an integer"));
    EXPECT_THAT(refusal_of(changed("\"value\":1,", "")), HasSubstr("has not its 6 members"));
    EXPECT_THAT(refusal_of(changed("\"start\":[12", "\"start\":[-1")), HasSubstr("its box reaches out of the case"));
    EXPECT_THAT(refusal_of(changed("\"size\":[13", "\"size\":[9223372036854775807")), HasSubstr("reaches out"));
    EXPECT_THAT(refusal_of(changed("\"size\":[13", "\"size\":[0")), HasSubstr("reaches out"));
    EXPECT_THAT(refusal_of(changed("\"size\":[13,10,5]", "\"size\":[13,10]")), HasSubstr("three numbers"));
    EXPECT_THAT(refusal_of(changed("\"inside\":[17", "\"inside\":[25")), HasSubstr("inner voxel is not in its box"));
    EXPECT_THAT(refusal_of(changed("\"position\":16", "\"position\":17")), HasSubstr("there is no position 17"));
    EXPECT_THAT(refusal_of(changed("\"position\":16", "\"position\":-2")), HasSubstr("there is no position -2"));
    EXPECT_THAT(refusal_of(changed("\"target\":1", "\"target\":2")), HasSubstr("target number 2 of 2"));
    EXPECT_THAT(refusal_of(changed("\"target\":1", "\"target\":-1")), HasSubstr("about target -1"));
    EXPECT_THAT(refusal_of(changed("\"target\":0", "\"target\":1")), HasSubstr("after one about number 1"));
    EXPECT_THAT(refusal_of(changed("Segment it.", "")), HasSubstr("is empty"));
    EXPECT_THAT(refusal_of(changed("Segment it.", std::string(4097, 'x'))), HasSubstr("longer than 4096"));
    EXPECT_THAT(refusal_of(std::string((size_t{4} << 20) + 1, ' ')), HasSubstr("expected 1 to 4194304 bytes"));
    EXPECT_THAT(refusal_of(std::string(size_t{4} << 20, '[')), HasSubstr("parse error"));
}

TEST(StoredPrompts, AWriterRefusesWhatAReaderWould) {
    const TemporaryFolder folder;
    const auto message = [&](const std::function<void(CasePrompts&)>& change) {
        CaseData data = prompted_case();
        change(data.info.prompts);
        ShardWriter writer(folder / "s.h5", Codec::none, "generic");
        return refusal([&] { writer.add(data); });
    };
    EXPECT_THAT(message([](auto& prompts) { prompts.targets[0].value = 3; }), HasSubstr("case a case: target 3"));
    EXPECT_THAT(message([](auto& prompts) { prompts.questions[0].question = "\xFF"; }), HasSubstr("UTF-8"));
    EXPECT_THAT(message([](auto& prompts) { prompts.questions.assign(2000, {1, std::string(4000, 'x'), ""}); }),
                HasSubstr("over the limit of 4194304"));
    EXPECT_THAT(message([](auto& prompts) { prompts.questions.assign(65537, {1, "x", ""}); }),
                HasSubstr("65537 questions are over the limits"));
}

}  // namespace
}  // namespace vox::test
