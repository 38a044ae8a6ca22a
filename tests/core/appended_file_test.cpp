#include "core/appended_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace vox::core {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// Files of this process may not grow beyond `bytes` while this lives: the disk is "full".
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

private:
    rlimit before_{};
};

std::string content(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(AppendedFile, SaysOnceThatTheDiskRefusesAndOnceThatItTakesAgain) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "notes";
    AppendedFile file(path, O_APPEND);
    EXPECT_THAT(file.append("one\n"), IsEmpty());
    {
        const FileSizeLimit full(6);  // half of the next record
        EXPECT_THAT(file.append("two\n"), testing::AllOf(HasSubstr(path.string()), HasSubstr("File too large")));
        EXPECT_THAT(file.append("three\n"), IsEmpty());
        EXPECT_EQ(content(path), "one\ntw");
        EXPECT_THROW(file.flush(), WriteError);
    }
    EXPECT_THAT(file.append("four\n"), HasSubstr("nothing of it was lost"));
    EXPECT_THAT(file.append("five\n"), IsEmpty());
    EXPECT_NO_THROW(file.flush());
    EXPECT_EQ(content(path), "one\ntwo\nthree\nfour\nfive\n");
}

TEST(AppendedFile, LosesWholeRecordsBeyondItsBoundAndSaysHowMuch) {
    const test::TemporaryFolder folder;
    AppendedFile file(folder.path() / "notes", O_APPEND);
    const std::string large(AppendedFile::most_waiting_bytes - 5, 'x');
    {
        const FileSizeLimit full(0);
        EXPECT_THAT(file.append(large), HasSubstr("cannot write"));
        EXPECT_THAT(file.append("too long"), IsEmpty());
        EXPECT_THAT(file.append("fits"), IsEmpty());
    }
    EXPECT_THAT(file.append("end"), HasSubstr("8 bytes of it were lost"));
    EXPECT_TRUE(content(folder.path() / "notes") == large + "fitsend");  // too long to be printed
    EXPECT_THROW(file.flush(), WriteError);
}

TEST(AppendedFile, WritesWhatWaitsWhenItGoes) {
    const test::TemporaryFolder folder;
    {
        AppendedFile file(folder.path() / "notes", O_APPEND);
        const FileSizeLimit full(0);  // goes before the file does
        EXPECT_THAT(file.append("late"), HasSubstr("cannot write"));
    }
    EXPECT_EQ(content(folder.path() / "notes"), "late");
    EXPECT_THROW(AppendedFile(folder.path() / "none" / "notes", O_APPEND), WriteError);
}

}  // namespace
}  // namespace vox::core
