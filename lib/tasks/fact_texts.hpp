#pragma once
// What a checkpoint's manifest keeps of a task, as texts: every number with all its bits.

#include <map>
#include <string>
#include <vector>

#include "data/case_info.hpp"

namespace vox::tasks {

using FactTexts = std::map<std::string, std::string>;

/// "a,b,c" as its parts; an empty text has none.
std::vector<std::string> split_text(const std::string& text);
/// A number that `std::strtod` reads back to the same bits; and numbers with commas between them, and back.
std::string exact_text(double value);
std::string exact_texts(const std::vector<double>& values);
std::vector<double> numbers_of(const std::string& text);

/// Throws DataError where there is none: the checkpoint is not of a `task` run.
const std::string& fact_of(const FactTexts& texts, const std::string& name, const std::string& task);

/// How files come to the training data's grid; nothing is written where nothing was resampled.
void add_common_grid(FactTexts& texts, const data::CommonGrid& grid);
data::CommonGrid common_grid_of(const FactTexts& texts);

}  // namespace vox::tasks
