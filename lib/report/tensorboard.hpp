#pragma once
// TensorBoard event files, written without TensorFlow: TFRecord framing around Event messages (protocol buffers).
// Formats: tensorflow/core/lib/io/record_writer, tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/appended_file.hpp"
#include "report/fields.hpp"
#include "report/png.hpp"

namespace vox::report {

/// One event file `events.out.tfevents.<seconds>.<host>.<pid>.<n>` in a run's folder.  One rank (rank 0), one thread.
class TensorBoardWriter {
public:
    /// Creates the file.  What older files of the folder hold from step `first_step` on is hidden by TensorBoard from then on: give
    /// the resumed step + 1.  Throws WriteError.
    TensorBoardWriter(const std::filesystem::path& folder, int64_t first_step);

    /// Every number of `fields` under "<group>/<name>" in one event; a list as its entries "<name>/rank0", "<name>/rank1", ...
    /// Texts are left out.  An event that the disk refuses is a warning, and waits (core::AppendedFile).
    void scalars(int64_t step, std::string_view group, const Fields& fields);
    void scalar(int64_t step, std::string_view tag, double value);
    void image(int64_t step, std::string_view tag, const Image& image);
    /// Shown as Markdown in the "Text" tab.
    void text(int64_t step, std::string_view tag, std::string_view markdown);

    /// Throws WriteError where events are missing.
    void flush() { file_.flush(); }

    const std::filesystem::path& file() const { return path_; }

private:
    void write_event(const std::string& event);

    std::filesystem::path path_;
    core::AppendedFile file_;
};

/// CRC-32C (Castagnoli) of the bytes; with TFRecord's masking.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace vox::report
