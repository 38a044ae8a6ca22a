#include "checkpoint/safetensors.hpp"

#include <ATen/ops/empty.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <memory>
#include <set>

#include "checkpoint/file.hpp"
#include "checkpoint/hash.hpp"
#include "checkpoint/safetensors_header.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian values");

constexpr std::array<std::pair<Dtype, at::ScalarType>, 9> scalar_types{{{Dtype::f64, at::kDouble},
                                                                        {Dtype::f32, at::kFloat},
                                                                        {Dtype::f16, at::kHalf},
                                                                        {Dtype::bf16, at::kBFloat16},
                                                                        {Dtype::i64, at::kLong},
                                                                        {Dtype::i32, at::kInt},
                                                                        {Dtype::i16, at::kShort},
                                                                        {Dtype::u8, at::kByte},
                                                                        {Dtype::boolean, at::kBool}}};

at::ScalarType scalar_type(Dtype dtype) {
    return std::ranges::find(scalar_types, dtype, &std::pair<Dtype, at::ScalarType>::first)->second;
}

Dtype stored_dtype(const NamedTensor& tensor) {
    const auto* found =
        std::ranges::find(scalar_types, tensor.value.scalar_type(), &std::pair<Dtype, at::ScalarType>::second);
    core::check(found != scalar_types.end(),
                concat("tensor '", tensor.name, "' has a dtype that safetensors cannot hold"));
    return found->first;
}

/// XXH3-64 of a stream.
class RunningHash {
public:
    RunningHash() : state_(XXH3_createState(), XXH3_freeState) { XXH3_64bits_reset(state_.get()); }
    void add(const void* data, size_t bytes) { XXH3_64bits_update(state_.get(), data, bytes); }
    uint64_t digest() const { return XXH3_64bits_digest(state_.get()); }

private:
    std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

/// By falling dtype size, so that every tensor is aligned without gaps, which the format forbids; then by name.
NamedTensors file_order(NamedTensors tensors) {
    std::set<std::string> names;
    for (const auto& [name, value] : tensors) {
        core::check(value.defined(), concat("tensor '", name, "' is undefined"));
        core::check(names.insert(name).second && name != "__metadata__",
                    concat("tensor name '", name, "' cannot be used"));
    }
    std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
        return std::pair(-static_cast<int64_t>(a.value.element_size()), a.name) <
               std::pair(-static_cast<int64_t>(b.value.element_size()), b.name);
    });
    return tensors;
}

Header make_header(const NamedTensors& tensors, const Metadata& metadata) {
    Header header{{}, metadata};
    uint64_t offset = 0;
    for (const auto& tensor : tensors) {
        const uint64_t end = offset + tensor.value.nbytes();
        header.tensors.push_back({tensor.name, stored_dtype(tensor), tensor.value.sizes().vec(), offset, end});
        offset = end;
    }
    return header;
}

std::string read_header_text(const InputFile& input, const fs::path& file) {
    if (input.size() < length_bytes)
        throw DataError(concat(file.string(), ": too short for a safetensors file: truncated or empty"));
    std::array<char, length_bytes> start{};
    input.read_at(0, start.data(), start.size());
    const uint64_t length = header_length(start, input.size(), file.string());
    std::string text(length, '\0');
    input.read_at(length_bytes, text.data(), text.size());
    return text;
}

/// Reads the file once from start to end and gives each tensor to `use`.
Metadata read_each(const fs::path& file, const FileRecord* record, const std::function<void(NamedTensor)>& use) {
    const InputFile input(file);
    const std::string text = read_header_text(input, file);
    const uint64_t data_start = length_bytes + text.size();
    const Header header = parse_header(text, input.size() - data_start, file.string());

    RunningHash whole;
    const uint64_t length = text.size();
    whole.add(&length, sizeof length);
    whole.add(text.data(), text.size());
    for (const auto& entry : header.tensors) {
        const at::Tensor value = at::empty(entry.shape, at::TensorOptions(scalar_type(entry.dtype)));
        core::check(value.nbytes() == entry.end - entry.begin, "a tensor's size differs from its header");
        input.read_at(data_start + entry.begin, value.mutable_data_ptr(), value.nbytes());
        if (record != nullptr) {
            const auto known = record->tensors.find(entry.name);
            if (known == record->tensors.end()) {
                throw DataError(
                    concat(file.string(), ": tensor '", entry.name, "' is not in the manifest: the header is damaged"));
            }
            if (known->second != hash_bytes(value.const_data_ptr(), value.nbytes())) {
                throw DataError(concat(file.string(), ": tensor '", entry.name, "' is damaged: its checksum is wrong"));
            }
            whole.add(value.const_data_ptr(), value.nbytes());
        }
        use({entry.name, value});
    }
    if (record != nullptr && (record->bytes != input.size() || record->xxh3 != whole.digest() ||
                              record->tensors.size() != header.tensors.size())) {
        throw DataError(concat(file.string(), ": the header is damaged: the file's checksum is wrong"));
    }
    return header.metadata;
}

SafetensorsContent read_all(const fs::path& file, const FileRecord* record) {
    SafetensorsContent content;
    content.metadata =
        read_each(file, record, [&](NamedTensor tensor) { content.tensors.push_back(std::move(tensor)); });
    return content;
}

}  // namespace

FileRecord write_safetensors(const fs::path& file, const NamedTensors& tensors, const Metadata& metadata) {
    const NamedTensors ordered = file_order(tensors);
    const std::string text = header_text(make_header(ordered, metadata));
    const uint64_t length = text.size();

    OutputFile output(file);
    RunningHash whole;
    FileRecord record;
    const auto put = [&](const void* data, size_t bytes) {
        whole.add(data, bytes);
        output.write(data, bytes);
        record.bytes += bytes;
    };
    put(&length, sizeof length);
    put(text.data(), text.size());
    for (const auto& [name, value] : ordered) {
        const at::Tensor host = value.detach().to(at::kCPU).contiguous();
        record.tensors.emplace(name, hash_bytes(host.const_data_ptr(), host.nbytes()));
        put(host.const_data_ptr(), host.nbytes());
    }
    output.close();
    record.xxh3 = whole.digest();
    return record;
}

SafetensorsContent read_safetensors(const fs::path& file) { return read_all(file, nullptr); }

SafetensorsContent read_safetensors(const fs::path& file, const FileRecord& record) { return read_all(file, &record); }

void verify_safetensors(const fs::path& file, const FileRecord& record) {
    read_each(file, &record, [](const NamedTensor&) {});
}

}  // namespace vox::checkpoint
