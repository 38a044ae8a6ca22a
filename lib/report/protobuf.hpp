#pragma once
// Writing protocol-buffer messages field by field (https://protobuf.dev/programming-guides/encoding): enough for TensorBoard.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace vox::report {

/// A message under construction; fields are written in the order of the calls.
class Message {
public:
    /// int32, int64, bool, enum.
    Message& integer(uint32_t field, int64_t value) {
        tag(field, 0);
        varint(static_cast<uint64_t>(value));
        return *this;
    }
    /// double.
    Message& number(uint32_t field, double value) {
        tag(field, 1);
        return fixed(value);
    }
    /// float.
    Message& single(uint32_t field, float value) {
        tag(field, 5);
        return fixed(value);
    }
    /// string and bytes.
    Message& text(uint32_t field, std::string_view value) {
        tag(field, 2);
        varint(value.size());
        bytes_.append(value);
        return *this;
    }
    Message& message(uint32_t field, const Message& value) { return text(field, value.bytes_); }

    const std::string& bytes() const { return bytes_; }

private:
    void tag(uint32_t field, uint32_t wire_type) { varint(field << 3 | wire_type); }
    void varint(uint64_t value) {
        for (; value >= 128; value >>= 7) bytes_.push_back(static_cast<char>(value | 128));
        bytes_.push_back(static_cast<char>(value));
    }
    template <class T>
    Message& fixed(T value) {  // little endian, as the processors we run on
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        bytes_.append(raw, sizeof value);
        return *this;
    }

    std::string bytes_;
};

}  // namespace vox::report
