#include "checkpoint/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

using core::concat;
using core::DataError;
using nlohmann::json;

struct DtypeFacts {
    Dtype dtype;
    std::string_view name;
    int64_t bytes;
};
constexpr std::array all_dtypes = {
    DtypeFacts{Dtype::f64, "F64", 8},   DtypeFacts{Dtype::f32, "F32", 4}, DtypeFacts{Dtype::f16, "F16", 2},
    DtypeFacts{Dtype::bf16, "BF16", 2}, DtypeFacts{Dtype::i64, "I64", 8}, DtypeFacts{Dtype::i32, "I32", 4},
    DtypeFacts{Dtype::i16, "I16", 2},   DtypeFacts{Dtype::u8, "U8", 1},   DtypeFacts{Dtype::boolean, "BOOL", 1},
};
const DtypeFacts& facts(Dtype dtype) {
    return *std::find_if(all_dtypes.begin(), all_dtypes.end(), [&](auto& item) { return item.dtype == dtype; });
}
constexpr size_t max_dimensions = 64;  // ATen's own limit
constexpr std::string_view metadata_key = "__metadata__";

/// Takes the header apart while it is parsed, so that no tree is built out of what a foreign file says.
class HeaderReader : public nlohmann::json_sax<json> {
public:
    explicit HeaderReader(const std::string& where) : where_(where) {}
    Header header;

    bool start_object(std::size_t) override {
        if (place_ == Place::outside) return go(Place::names);
        if (place_ == Place::tensor_value) return go(Place::fields);
        if (place_ == Place::metadata_value) return go(Place::metadata);
        return refuse("an object");
    }
    bool end_object() override {
        if (place_ == Place::fields) finish_tensor();
        return go(place_ == Place::names ? Place::outside : Place::names);
    }
    bool key(string_t& text) override {
        if (place_ == Place::names) return start_name(text);
        if (place_ == Place::metadata) {
            metadata_key_ = text;
            if (header.metadata.contains(text)) fail(concat("has the metadata key '", text, "' twice"));
            return go(Place::metadata_text);
        }
        if (!fields_seen_.insert(text).second) fail(concat("gives '", text, "' twice"));
        if (text == "dtype") return go(Place::dtype);
        if (text == "shape") return go(Place::shape);
        if (text == "data_offsets") return go(Place::offsets);
        fail(concat("has an unknown field '", text, "'"));
    }
    bool string(string_t& text) override {
        if (place_ == Place::metadata_text) {
            header.metadata.emplace(metadata_key_, text);
            return go(Place::metadata);
        }
        if (place_ != Place::dtype) return refuse("a text");
        const auto* found =
            std::find_if(all_dtypes.begin(), all_dtypes.end(), [&](auto& item) { return item.name == text; });
        if (found == all_dtypes.end()) fail(concat("has the dtype '", text.substr(0, 32), "', which is not supported"));
        tensor_.dtype = found->dtype;
        return go(Place::fields);
    }
    bool start_array(std::size_t) override {
        numbers_.clear();
        if (place_ == Place::shape) return go(Place::shape_numbers);
        if (place_ == Place::offsets) return go(Place::offset_numbers);
        return refuse("a list");
    }
    bool end_array() override {
        if (place_ == Place::shape_numbers) {
            tensor_.shape.assign(numbers_.begin(), numbers_.end());
        } else {
            if (numbers_.size() != 2) fail("must have two data_offsets");
            tensor_.begin = numbers_[0];
            tensor_.end = numbers_[1];
        }
        return go(Place::fields);
    }
    bool number_unsigned(number_unsigned_t value) override {
        if (place_ != Place::shape_numbers && place_ != Place::offset_numbers) return refuse("a number");
        if (numbers_.size() >= max_dimensions) fail("has more than 64 dimensions");
        if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) fail("has a number beyond 2^63");
        numbers_.push_back(value);
        return true;
    }
    bool null() override { return refuse("null"); }
    bool boolean(bool) override { return refuse("a truth value"); }
    bool number_integer(number_integer_t) override { return refuse("a negative number"); }
    bool number_float(number_float_t, const string_t&) override { return refuse("a fraction or a huge number"); }
    bool binary(binary_t&) override { return refuse("binary data"); }
    bool parse_error(std::size_t byte, const std::string&, const nlohmann::detail::exception&) override {
        throw DataError(concat(where_, ": the header is not valid JSON at byte ", byte));
    }

private:
    enum class Place {
        outside,
        names,
        tensor_value,
        metadata_value,
        metadata,
        metadata_text,
        fields,
        dtype,
        shape,
        offsets,
        shape_numbers,
        offset_numbers
    };

    bool go(Place place) {
        place_ = place;
        return true;
    }
    [[noreturn]] void fail(const std::string& what) const {
        throw DataError(concat(where_, ": tensor '", tensor_.name, "' ", what));
    }
    bool refuse(const char* what) const {
        throw DataError(
            concat(where_, ": the header has ", what, " where the format has none (near '", tensor_.name, "')"));
    }
    bool start_name(const std::string& name) {
        if (!names_.insert(name).second) throw DataError(concat(where_, ": the name '", name, "' appears twice"));
        if (name == metadata_key) return go(Place::metadata_value);
        tensor_ = {};
        tensor_.name = name;
        fields_seen_.clear();
        return go(Place::tensor_value);
    }
    void finish_tensor() {
        if (fields_seen_.size() != 3) fail("needs dtype, shape and data_offsets");
        header.tensors.push_back(tensor_);
    }

    const std::string& where_;
    Place place_ = Place::outside;
    std::set<std::string> names_;
    std::set<std::string> fields_seen_;
    std::string metadata_key_;
    TensorEntry tensor_;
    std::vector<uint64_t> numbers_;
};

/// Bytes of the tensor, or nothing where they pass 2^63 (zero-sized dimensions do not hide an absurd one).
std::optional<uint64_t> byte_count(const TensorEntry& tensor) {
    int64_t extent = facts(tensor.dtype).bytes;
    bool empty = false;
    for (const int64_t size : tensor.shape) {
        empty = empty || size == 0;
        if (__builtin_mul_overflow(extent, std::max<int64_t>(size, 1), &extent)) return std::nullopt;
    }
    return empty ? 0 : static_cast<uint64_t>(extent);
}

void check_layout(const Header& header, uint64_t data_bytes, const std::string& where) {
    uint64_t expected = 0;
    for (const auto& tensor : header.tensors) {
        const auto fail = [&](const auto&... what) {
            throw DataError(concat(where, ": tensor '", tensor.name, "' ", what...));
        };
        if (tensor.end < tensor.begin) fail("ends before it begins");
        if (tensor.end > data_bytes)
            fail("ends at data byte ", tensor.end, ", but there are ", data_bytes, ": truncated or damaged");
        if (tensor.begin < expected) fail("overlaps the one before");
        if (tensor.begin > expected) fail("leaves a hole before it");
        const auto bytes = byte_count(tensor);
        if (!bytes) fail("has a shape that is too large");
        if (*bytes != tensor.end - tensor.begin)
            fail("has ", tensor.end - tensor.begin, " bytes where its shape needs ", *bytes);
        expected = tensor.end;
    }
    if (expected != data_bytes) {
        throw DataError(concat(where, ": ", data_bytes - expected, " bytes follow the last tensor"));
    }
}

}  // namespace

uint64_t header_length(std::span<const char, length_bytes> start, uint64_t file_bytes, const std::string& where) {
    uint64_t length = 0;
    std::memcpy(&length, start.data(), length_bytes);
    if (length <= header_limit && length <= file_bytes - length_bytes) return length;
    const bool zip = start[0] == 'P' && start[1] == 'K';
    const bool pickle = start[0] == '\x80';
    throw DataError(concat(where, ": the header's length ", length, " is more than the file or the format allows",
                           zip || pickle ? ".  This is a pickle file (torch.save), which may run code when it is read: "
                                           "convert it with safetensors.torch.save_file"
                                         : ""));
}

std::string header_text(const Header& header) {
    json root = json::object();
    if (!header.metadata.empty()) root[std::string(metadata_key)] = header.metadata;
    for (const auto& tensor : header.tensors) {
        root[tensor.name] = {
            {"dtype", facts(tensor.dtype).name}, {"shape", tensor.shape}, {"data_offsets", {tensor.begin, tensor.end}}};
    }
    std::string text = root.dump(-1, ' ', false, json::error_handler_t::replace);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
}

Header parse_header(std::string_view text, uint64_t data_bytes, const std::string& where) {
    if (text.empty() || text.front() != '{') throw DataError(concat(where, ": the header does not begin with '{'"));
    HeaderReader reader(where);
    json::sax_parse(text.begin(), text.end(), &reader);
    Header header = std::move(reader.header);
    std::stable_sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    check_layout(header, data_bytes, where);
    return header;
}

}  // namespace vox::checkpoint
