#include "report/tensorboard.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>

#include "core/calendar.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "report/protobuf.hpp"

namespace vox::report {
namespace {

using core::concat;

constexpr std::array<uint32_t, 256> crc_table() {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value & 1) ? (value >> 1) ^ 0x82F63B78U : value >> 1;
        table[i] = value;
    }
    return table;
}

template <class T>
std::string little_endian(T value) {
    static_assert(std::endian::native == std::endian::little, "TFRecord numbers are little endian");
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string host_name() {
    std::array<char, 256> name{};
    return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "host";
}

/// Two writers of one process within a second must not share a file.
std::string new_file_name() {
    static std::atomic<int> counter{0};
    return concat("events.out.tfevents.", static_cast<int64_t>(core::seconds_since_1970()), '.', host_name(), '.',
                  getpid(), '.', counter++);
}

/// Event { wall_time = 1; step = 2; ... }
Message event(int64_t step) { return Message().number(1, core::seconds_since_1970()).integer(2, step); }

/// Event { summary = 5 { value = 1 {...} ... } }
Message summary_event(int64_t step, const Message& summary) { return event(step).message(5, summary); }

Message scalar_value(std::string_view tag, double value) {
    return Message().text(1, tag).single(2, static_cast<float>(value));
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
    static constexpr auto kTable = crc_table();
    uint32_t crc = 0xFFFFFFFFU;
    for (const char byte : bytes) crc = kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xFF] ^ (crc >> 8);
    return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8U; }

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder, int64_t first_step)
    : path_(folder / new_file_name()), file_(path_, O_EXCL) {
    write_event(event(0).text(3, "brain.Event:2").bytes());  // Event.file_version, always first
    // Event.session_log = 7 { status = 1: START = 1 }: older files' events from this step on are orphans.
    if (first_step > 0) write_event(event(first_step).message(7, Message().integer(1, 1)).bytes());
}

void TensorBoardWriter::write_event(const std::string& event) {
    const std::string length = little_endian(uint64_t{event.size()});
    const auto news =
        file_.append(concat(length, little_endian(masked_crc32c(length)), event, little_endian(masked_crc32c(event))));
    if (!news.empty()) core::log::warning(news);
}

void TensorBoardWriter::scalar(int64_t step, std::string_view tag, double value) {
    write_event(summary_event(step, Message().message(1, scalar_value(tag, value))).bytes());
}

void TensorBoardWriter::scalars(int64_t step, std::string_view group, const Fields& fields) {
    Message summary;
    for (const auto& [name, value] : fields) {
        const std::string tag = concat(group, '/', name);
        if (const auto* number = std::get_if<double>(&value)) {
            summary.message(1, scalar_value(tag, *number));
        } else if (const auto* whole = std::get_if<int64_t>(&value)) {
            summary.message(1, scalar_value(tag, static_cast<double>(*whole)));
        } else if (const auto* list = std::get_if<std::vector<double>>(&value)) {
            for (size_t i = 0; i < list->size(); ++i)
                summary.message(1, scalar_value(concat(tag, "/rank", i), (*list)[i]));
        }
    }
    if (!summary.bytes().empty()) write_event(summary_event(step, summary).bytes());
}

void TensorBoardWriter::image(int64_t step, std::string_view tag, const Image& image) {
    // Summary.Image { height = 1; width = 2; colorspace = 3 (1 grey, 3 RGB); encoded_image_string = 4 }
    const auto picture = Message()
                             .integer(1, image.height)
                             .integer(2, image.width)
                             .integer(3, image.channels)
                             .text(4, encode_png(image));
    write_event(summary_event(step, Message().message(1, Message().text(1, tag).message(4, picture))).bytes());
}

void TensorBoardWriter::text(int64_t step, std::string_view tag, std::string_view markdown) {
    // TensorProto { dtype = 1: DT_STRING = 7; tensor_shape = 2 { dim = 2 { size = 1 } }; string_val = 8 }
    const auto shape = Message().message(2, Message().integer(1, 1));
    const auto tensor = Message().integer(1, 7).message(2, shape).text(8, markdown);
    // SummaryMetadata { plugin_data = 1 { plugin_name = 1 }; data_class = 4: DATA_CLASS_TENSOR = 2 }
    const auto metadata = Message().message(1, Message().text(1, "text")).integer(4, 2);
    const auto value = Message().text(1, tag).message(8, tensor).message(9, metadata);
    write_event(summary_event(step, Message().message(1, value)).bytes());
}

}  // namespace vox::report
