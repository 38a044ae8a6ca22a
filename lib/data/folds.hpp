#pragma once
// Which cases train and which validate in one run of a cross-validation, in place of the splits of the shards.

#include <cstdint>
#include <string>
#include <vector>

#include "data/case_info.hpp"

namespace vox::data {

/// One run of a cross-validation.  A column alone has words (train, val, test); with a number it has whole numbers, and cases of that number
/// validate; a count and a number cut by hash.  Nothing of it: the splits stay as they are.
struct Folds {
    std::string column{};  // of the data set's table
    int64_t number = -1;  // the fold that validates; -1: words say it
    int64_t count = 0;  // folds by hash
    int64_t seed = 0;  // of the hash
    bool may_lack_column = false;  // then a data set none of whose cases has the column keeps its splits
    bool any() const { return !column.empty() || count > 0; }
};

/// Sets `split` of each case.  By numbers every other case trains; by hash cases of the split "test" stay what they are.  Throws DataError,
/// naming case, column and text, for a cell that is no split or no number; where no case has the number; for fewer cases than folds.
void assign_folds(std::vector<CaseInfo>& cases, const Folds& folds);

}  // namespace vox::data
