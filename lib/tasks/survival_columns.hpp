#pragma once
// What a data set's table says of its cases: outcomes, and columns as numbers that a network takes.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/shard_reader.hpp"
#include "metrics/survival_curve.hpp"

namespace vox::tasks {

/// Columns `time` and `event` of a case.  Throws DataError, naming the case and what its table should have said.
metrics::Outcome outcome_of(const data::CaseInfo& info);

/// One column as it was among the training cases.
struct FeatureColumn {
    std::string name;
    double mean = 0, standard_deviation = 1;  // of a column of numbers (divided by n)
    std::vector<std::string> categories;  // of a column of texts, sorted; empty: numbers
    bool operator==(const FeatureColumn&) const = default;
};

/// Makes rows out of columns as the training cases had them: numbers less their mean, over their standard deviation; texts as one number a
/// category, 1 where it is that one.  A number that is missing is the mean, 0; a text that is missing or that no training case had is no
/// category.
class FeatureScaler {
public:
    FeatureScaler() = default;
    explicit FeatureScaler(std::vector<FeatureColumn> columns) : columns_(std::move(columns)) {}

    /// Of these cases.  `names`: which columns, or {"auto"}: all but time and event, those that say which fold a case is in or name it, those of one
    /// value, and texts that are many; `left_out` gets a line on each of these.  Throws DataError for a name that no case has or whose
    /// values are all the same, and for texts that are too many to be categories.
    static FeatureScaler fit(const data::ShardReader& reader, const std::vector<size_t>& cases,
                             const std::vector<std::string>& names, std::vector<std::string>* left_out = nullptr);

    /// Values of one case.  Throws DataError, naming the case and the column, for a text where there should be a number.
    std::vector<double> row(const data::CaseInfo& info) const;
    /// A row in the table's own units, by column; of a text's categories "column=category", as they stand in the row.
    std::vector<std::pair<std::string, double>> in_units(const std::vector<double>& row) const;
    /// As many as a row has.
    int64_t width() const;
    const std::vector<FeatureColumn>& columns() const { return columns_; }

private:
    std::vector<FeatureColumn> columns_;
};

}  // namespace vox::tasks
