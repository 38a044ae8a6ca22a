#pragma once
// metrics.jsonl of a run: one JSON object a line.

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "core/appended_file.hpp"
#include "report/fields.hpp"

namespace vox::report {

/// What a line of metrics.jsonl is about; its "kind".
enum class Kind {
    step,        // "step": an optimizer step that was logged
    validation,  // "validation": the figures of one validation
    timing,      // "timing": seconds by name, since the start of this process; the last line counts
    final,       // "final": the figures a run ends with
};

/// Appends lines {"kind": ..., "step": ..., <fields in their order>}, each written at once, so that a killed run loses none.
/// A number that is not finite is written as null, with its text ("nan", "inf", "-inf") in a field "<name>.text" after it.
/// One rank (rank 0), one thread.
class MetricsLog {
public:
    /// Opens or creates `file`.  Lines past `resumed_step` (a half-written one too) are cut off, so that no step is there
    /// twice after a resume; a start from step 0 keeps nothing.  Throws WriteError.
    MetricsLog(const std::filesystem::path& file, int64_t resumed_step);

    /// A line that the disk refuses is a warning, and waits (core::AppendedFile).
    void write(Kind kind, int64_t step, const Fields& fields);
    /// Throws WriteError where lines are missing.
    void flush() { file_.flush(); }

private:
    core::AppendedFile file_;
};

/// The line without its newline.
std::string to_json_line(Kind kind, int64_t step, const Fields& fields);

std::string_view kind_name(Kind kind);

}  // namespace vox::report
