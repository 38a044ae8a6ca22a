#pragma once
// report.html of a run.

#include <filesystem>
#include <string>

#include "report/chart.hpp"

namespace vox::report {

/// Writes `run_folder`/report.html from its metrics.jsonl, config.yaml, previews/ and charts/: curves, slices, timings, final figures and
/// configuration in one file that needs no network.  What is not there yet is said in its place, and a half-written last line
/// is passed over, so that it may be called while a run goes on.  One rank (rank 0).  Throws WriteError.
void write_report(const std::filesystem::path& run_folder);

/// Keeps a chart of the best validation so far as charts/<name>.html, a part of the page.  Throws WriteError.
void write_chart(const std::filesystem::path& run_folder, const std::string& name, const Chart& chart);

/// The page as text.
std::string render_report(const std::filesystem::path& run_folder);

}  // namespace vox::report
