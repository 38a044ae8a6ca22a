#include "report/tensorboard.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "report/support.hpp"

namespace vox::report {
namespace {

using nlohmann::json;

/// What PyPI tensorboard reads.
json read_back(const std::filesystem::path& folder) {
    const auto result = run_python("read_events.py", folder.string() + " 2>/dev/null");
    EXPECT_EQ(result.exit_code, 0);
    return json::parse(result.output);
}

TEST(Crc32c, MatchesThePublishedValues) {
    // RFC 3720, appendix B.4.
    EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
    EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
}

TEST(TensorBoard, ItsOwnReaderFindsWhatWasWritten) {
    const TemporaryFolder folder;
    Image picture{3, 2, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9, 1, 2, 3, 4, 5, 6}, {}};
    const std::string long_text(300, 'x');  // its length takes two bytes
    {
        TensorBoardWriter writer(folder.path(), 0);
        EXPECT_TRUE(writer.file().filename().string().starts_with("events.out.tfevents."));
        writer.scalars(10, "train",
                       {{"loss", 0.75},
                        {"loss/dice", 0.5},
                        {"epoch", 3},
                        {"note", "no number"},
                        {"samples_per_second", {1.5, 2.5}}});
        writer.scalars(int64_t{1} << 40, "train", {{"loss", 0.25}});
        writer.scalar(20, "validation/dice", -1.0);
        writer.image(20, "preview/case", picture);
        writer.text(0, "configuration", long_text + " caf\xc3\xa9");
    }
    const json found = read_back(folder.path());
    EXPECT_EQ(found["scalars"], json::parse(R"({
        "train/loss": [[10, 0.75], [1099511627776, 0.25]],
        "train/loss/dice": [[10, 0.5]],
        "train/epoch": [[10, 3.0]],
        "train/samples_per_second/rank0": [[10, 1.5]],
        "train/samples_per_second/rank1": [[10, 2.5]],
        "validation/dice": [[20, -1.0]]})"));

    const auto& image = found["images"]["preview/case"][0];
    EXPECT_EQ(image[0], 20);
    EXPECT_EQ(image[1], 2);
    EXPECT_EQ(image[2], 3);
    std::string hex;
    for (const char byte : encode_png(picture)) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", static_cast<unsigned>(static_cast<uint8_t>(byte)));
        hex += two;
    }
    EXPECT_EQ(image[3], hex);
    EXPECT_EQ(found["texts"]["configuration"][0][1], long_text + " caf\xc3\xa9");
}

TEST(TensorBoard, AResumedRunHidesWhatTheKilledOneWrotePastItsStep) {
    const TemporaryFolder folder;
    {
        TensorBoardWriter first(folder.path(), 0);
        for (int64_t step = 1; step <= 6; ++step) first.scalar(step, "loss", 0.0);
    }
    {
        TensorBoardWriter second(folder.path(), 5);  // resumed at step 4
        for (int64_t step = 5; step <= 7; ++step) second.scalar(step, "loss", 1.0);
    }
    EXPECT_EQ(read_back(folder.path())["scalars"]["loss"].dump(),
              "[[1,0.0],[2,0.0],[3,0.0],[4,0.0],[5,1.0],[6,1.0],[7,1.0]]");
}

TEST(TensorBoard, ADamagedRecordIsNoticedByTheReader) {
    const TemporaryFolder folder;
    std::filesystem::path file;
    {
        TensorBoardWriter writer(folder.path(), 0);
        writer.scalar(1, "loss", 0.5);
        file = writer.file();
    }
    std::string bytes = read_text(file);
    bytes[bytes.size() - 6] = static_cast<char>(
        bytes[bytes.size() - 6] ^ 1);  // in the last record's message: its checksum must be one that is checked
    write_text(file, bytes);
    EXPECT_TRUE(read_back(folder.path())["scalars"].empty());
}

TEST(TensorBoard, SaysThatItCannotWrite) {
    EXPECT_THROW(TensorBoardWriter("/proc/vox_no_such_folder", 0), core::WriteError);
}

}  // namespace
}  // namespace vox::report
