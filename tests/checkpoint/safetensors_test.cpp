#include "checkpoint/safetensors.hpp"

#include <ATen/ops/empty.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <cstdlib>
#include <map>

#include "checkpoint/fixtures.hpp"
#include "checkpoint/hash.hpp"
#include "checkpoint/safetensors_header.hpp"
#include "core/error.hpp"

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;
using core::DataError;
using testing::HasSubstr;
using namespace test;

NamedTensors every_dtype() {
    NamedTensors tensors;
    for (const auto dtype :
         {at::kByte, at::kBFloat16, at::kDouble, at::kShort, at::kFloat, at::kHalf, at::kLong, at::kInt, at::kBool}) {
        tensors.push_back({core::concat("of.", dtype), ramp({3, 5}, 1, dtype)});
    }
    tensors.push_back({"scalar", ramp({}, 7)});
    tensors.push_back({"empty", at::empty({0, 4}, at::TensorOptions(at::kFloat))});
    return tensors;
}

/// A file of this header and so many bytes of data.
fs::path craft(const fs::path& folder, const std::string& header, size_t data_bytes, uint64_t claimed_length = 0) {
    const uint64_t length = claimed_length != 0 ? claimed_length : header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    const fs::path file = folder / "crafted.safetensors";
    write_bytes(file, bytes + header + std::string(data_bytes, '\1'));
    return file;
}

std::string refusal(const fs::path& file) {
    return message_of<DataError>([&] { read_safetensors(file); });
}

TEST(Safetensors, GivesBackEveryDtypeAndTheMetadata) {
    const ScratchFolder scratch;
    const fs::path file = scratch.path() / "a.safetensors";
    const FileRecord record = write_safetensors(file, every_dtype(), {{"who", "a test"}});
    EXPECT_EQ(record.bytes, fs::file_size(file));
    EXPECT_EQ(record.xxh3, hash_file(file));
    const auto content = read_safetensors(file, record);
    expect_same(content.tensors, every_dtype());
    EXPECT_EQ(content.metadata.at("who"), "a test");
}

TEST(Safetensors, WritesValuesNotTheMemoryFormat) {
    const ScratchFolder scratch;
    const at::Tensor weight = ramp({2, 3, 2, 4, 5}, 0);
    write_safetensors(scratch.path() / "a", {{"w", weight}});
    write_safetensors(scratch.path() / "b", {{"w", weight.contiguous(at::MemoryFormat::ChannelsLast3d)}});
    EXPECT_EQ(read_bytes(scratch.path() / "a"), read_bytes(scratch.path() / "b"));
}

constexpr const char* convert_script = R"(
import sys, torch
from safetensors import safe_open
from safetensors.torch import save_file
folder = sys.argv[1]
with safe_open(folder + '/ours.safetensors', 'pt') as file:
    assert file.metadata() == {'who': 'us'}, file.metadata()
    tensors = {name: file.get_tensor(name) for name in file.keys()}
assert len(tensors) == 11 and tensors['empty'].shape == (0, 4)
expected = torch.arange(15, dtype=torch.float64).mul(0.37).add(1).reshape(3, 5)
dtypes = {'Double': torch.float64, 'Float': torch.float32, 'Half': torch.float16, 'BFloat16': torch.bfloat16,
          'Long': torch.int64, 'Int': torch.int32, 'Short': torch.int16, 'Byte': torch.uint8, 'Bool': torch.bool}
for name, dtype in dtypes.items():
    tensor = tensors['of.' + name]
    assert tensor.dtype == dtype and torch.equal(tensor, expected.to(dtype)), name
tensors['python'] = expected.float()
save_file(tensors, folder + '/theirs.safetensors', {'who': 'python'})
)";

TEST(Safetensors, PythonReadsWhatWeWriteAndWeReadWhatPythonWrites) {
    const char* python = std::getenv("VOX_PYTHON");
    if (python == nullptr || !fs::exists(python)) GTEST_SKIP() << "no VOX_PYTHON";
    const ScratchFolder scratch;
    write_safetensors(scratch.path() / "ours.safetensors", every_dtype(), {{"who", "us"}});
    write_bytes(scratch.path() / "convert.py", convert_script);
    const std::string command =
        core::concat('\'', python, "' ", (scratch.path() / "convert.py").string(), ' ', scratch.path().string());
    ASSERT_EQ(std::system(command.c_str()), 0);
    auto expected = every_dtype();
    expected.push_back({"python", ramp({3, 5}, 1)});
    const auto content = read_safetensors(scratch.path() / "theirs.safetensors");
    expect_same(content.tensors, expected);
    EXPECT_EQ(content.metadata.at("who"), "python");
}

TEST(Safetensors, RefusesWhatTheFormatForbids) {
    const ScratchFolder scratch;
    const auto crafted = [&](const std::string& header, size_t bytes) {
        return refusal(craft(scratch.path(), header, bytes));
    };
    const std::string ok = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
    ASSERT_EQ(crafted("{" + ok + "}", 8), "");
    EXPECT_THAT(crafted("{" + ok + "}", 7), HasSubstr("'a' ends at data byte 8"));
    EXPECT_THAT(crafted("{" + ok + "}", 9), HasSubstr("1 bytes follow the last tensor"));
    EXPECT_THAT(crafted("{" + ok + "," + ok + "}", 8), HasSubstr("'a' appears twice"));
    EXPECT_THAT(crafted("{" + ok + R"(,"b":{"dtype":"U8","shape":[1],"data_offsets":[7,8]}})", 8),
                HasSubstr("'b' overlaps"));
    EXPECT_THAT(crafted("{" + ok + R"(,"b":{"dtype":"U8","shape":[1],"data_offsets":[9,10]}})", 10),
                HasSubstr("'b' leaves a hole"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8),
                HasSubstr("8 bytes where its shape needs 12"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})", 4),
                HasSubstr("too large"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}})", 0),
                HasSubstr("too large"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4),
                HasSubstr("beyond 2^63"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), HasSubstr("negative"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"F32","shape":[1e1],"data_offsets":[0,4]}})", 4), HasSubstr("fraction"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1),
                HasSubstr("'F8_E4M3', which is not supported"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1),
                HasSubstr("ends before it begins"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1), HasSubstr("two data_offsets"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"U8","shape":[1]}})", 1), HasSubstr("needs dtype, shape and data_offsets"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
                HasSubstr("'dtype' twice"));
    EXPECT_THAT(crafted(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"code":"x"}})", 1),
                HasSubstr("unknown field 'code'"));
    EXPECT_THAT(crafted(R"({"__metadata__":{"n":1}})", 0), HasSubstr("a number"));
    EXPECT_THAT(crafted(R"({"a":[]})", 0), HasSubstr("a list"));
    EXPECT_THAT(crafted(R"([])", 0), HasSubstr("does not begin with '{'"));
    EXPECT_THAT(crafted("{\"a\":" + std::string(100000, '{'), 0), HasSubstr("not valid JSON"));
}

TEST(Safetensors, RefusesAHeaderLengthBeyondTheFileAndAPickle) {
    const ScratchFolder scratch;
    EXPECT_THAT(refusal(craft(scratch.path(), "{}", 0, 3)), HasSubstr("more than the file"));
    EXPECT_THAT(refusal(craft(scratch.path(), "{}", 0, uint64_t{1} << 62)), HasSubstr("more than the file"));
    EXPECT_THAT(refusal(craft(scratch.path(), "{}", 0, ~uint64_t{0} - 4)), HasSubstr("more than the file"));
    write_bytes(scratch.path() / "model.pt", pickle_bytes());
    EXPECT_THAT(refusal(scratch.path() / "model.pt"), HasSubstr("pickle"));
    write_bytes(scratch.path() / "old.pt", "\x80\x02\x8a\x0al\xfc\x9c" + std::string(200, 'x'));
    EXPECT_THAT(refusal(scratch.path() / "old.pt"), HasSubstr("pickle"));
    write_bytes(scratch.path() / "none", "");
    EXPECT_THAT(refusal(scratch.path() / "none"), HasSubstr("truncated or empty"));
    EXPECT_THAT(refusal(scratch.path()), HasSubstr("not a regular file"));
}

// Files of many gigabytes that hold nothing: what they claim is not allocated.
TEST(Safetensors, RefusesAForeignGiantWithinLittleMemory) {
    const ScratchFolder scratch;
    rusage before{}, after{};
    getrusage(RUSAGE_SELF, &before);
    for (const auto& [length, expected] :
         std::map<uint64_t, std::string>{{header_limit + 1, "more than the file or the format allows"},
                                         {uint64_t{1} << 36, "more than the file"}}) {
        const fs::path file = craft(scratch.path(), "{", 0, length);
        fs::resize_file(file, uint64_t{1} << 37);
        EXPECT_THAT(refusal(file), HasSubstr(expected));
    }
    const fs::path file =
        craft(scratch.path(), R"({"a":{"dtype":"F32","shape":[34359738368],"data_offsets":[0,137438953472]}})", 0);
    fs::resize_file(file, uint64_t{1} << 37);
    EXPECT_THAT(refusal(file), HasSubstr("truncated or damaged"));
    getrusage(RUSAGE_SELF, &after);
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << "KiB";
}

// Every header byte in several ways, and every length: refused or read, never more (the process lives, memory stays
// bounded).
TEST(Safetensors, SurvivesEveryFlippedHeaderByteAndEveryTruncation) {
    const ScratchFolder scratch;
    const fs::path file = scratch.path() / "a.safetensors";
    const FileRecord record = write_safetensors(file, every_dtype(), {{"k", "v"}});
    const std::string whole = read_bytes(file);
    uint64_t length = 0;
    std::memcpy(&length, whole.data(), 8);
    for (size_t byte = 0; byte < 8 + length; ++byte) {
        for (const int mask : {0x01, 0x20, 0x80}) {
            std::string damaged = whole;
            damaged[byte] = static_cast<char>(damaged[byte] ^ mask);
            write_bytes(file, damaged);
            try {
                for (const auto& tensor : read_safetensors(file).tensors)
                    ASSERT_LE(tensor.value.nbytes(), whole.size());
            } catch (const DataError&) {
                // Refused: as good.
            }
            ASSERT_THROW(verify_safetensors(file, record), DataError) << "byte " << byte << " mask " << mask;
        }
    }
    for (size_t size = 0; size < whole.size(); ++size) {
        write_bytes(file, whole.substr(0, size));
        ASSERT_THROW(read_safetensors(file), DataError) << "length " << size;
    }
}

TEST(Safetensors, RefusesToWriteWhatItCannotHold) {
    const ScratchFolder scratch;
    const fs::path file = scratch.path() / "a";
    EXPECT_THROW(write_safetensors(file, {{"c", at::empty({2}, at::TensorOptions(at::kComplexFloat))}}),
                 core::InternalError);
    EXPECT_THROW(write_safetensors(file, {{"a", ramp({1}, 0)}, {"a", ramp({1}, 0)}}), core::InternalError);
    EXPECT_THROW(write_safetensors(file, {{"a", at::Tensor()}}), core::InternalError);
    EXPECT_THROW(write_safetensors(scratch.path() / "no" / "folder", {{"a", ramp({1}, 0)}}), core::WriteError);
}

}  // namespace
}  // namespace vox::checkpoint
