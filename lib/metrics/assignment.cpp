#include "metrics/assignment.hpp"

#include <limits>

#include "core/error.hpp"

namespace vox::metrics {
namespace {

/// Rows and columns are counted from 1; column 0 holds the row that looks for a place.
class Assignment {
public:
    explicit Assignment(const std::vector<std::vector<double>>& gain)
        : gain_(gain),
          columns_(gain.front().size()),
          row_price_(gain.size() + 1, 0.0),
          column_price_(columns_ + 1, 0.0),
          row_of_(columns_ + 1, 0),
          before_(columns_ + 1, 0) {}

    void place(size_t row) {
        row_of_[0] = row;
        size_t column = shortest_path_to_a_free_column();
        while (column != 0) {  // each one on the path moves one place along it
            row_of_[column] = row_of_[before_[column]];
            column = before_[column];
        }
    }

    std::vector<size_t> columns_of_rows() const {
        std::vector<size_t> result(gain_.size());
        for (size_t column = 1; column <= columns_; ++column)
            if (row_of_[column] != 0) result[row_of_[column] - 1] = column - 1;
        return result;
    }

private:
    /// What it costs above the prices; never negative along a path.
    double cost(size_t row, size_t column) const {
        return -gain_[row - 1][column - 1] - row_price_[row] - column_price_[column];
    }

    size_t shortest_path_to_a_free_column() {
        std::vector<double> distance(columns_ + 1, std::numeric_limits<double>::infinity());
        std::vector<bool> done(columns_ + 1, false);
        size_t here = 0;
        while (row_of_[here] != 0) {
            done[here] = true;
            size_t nearest = 0;
            double step = std::numeric_limits<double>::infinity();
            for (size_t column = 1; column <= columns_; ++column) {
                if (done[column]) continue;
                if (const double now = cost(row_of_[here], column); now < distance[column]) {
                    distance[column] = now;
                    before_[column] = here;
                }
                if (distance[column] < step) {
                    step = distance[column];
                    nearest = column;
                }
            }
            for (size_t column = 0; column <= columns_; ++column) {
                if (done[column]) {
                    row_price_[row_of_[column]] += step;
                    column_price_[column] -= step;
                } else {
                    distance[column] -= step;
                }
            }
            here = nearest;
        }
        return here;
    }

    const std::vector<std::vector<double>>& gain_;
    size_t columns_;
    std::vector<double> row_price_, column_price_;
    std::vector<size_t> row_of_;  // of a column; 0: free
    std::vector<size_t> before_;  // the column before it on the path
};

}  // namespace

std::vector<size_t> best_assignment(const std::vector<std::vector<double>>& gain) {
    if (gain.empty()) return {};
    for (const auto& row : gain)
        core::check(row.size() == gain.front().size() && gain.size() <= row.size(),
                    "assignment: the rows differ in length, or there are more rows than columns");
    Assignment assignment(gain);
    for (size_t row = 1; row <= gain.size(); ++row) assignment.place(row);
    return assignment.columns_of_rows();
}

}  // namespace vox::metrics
