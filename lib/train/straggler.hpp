#pragma once
// Which rank the others wait for, step after step.

#include <deque>
#include <vector>

namespace vox::train {

/// One rank's time of its own in its last steps: computing and waiting for data, not for other ranks.
class OwnTime {
public:
    void add(double seconds);
    /// 0 before there are enough steps to tell.
    double median() const;

private:
    std::deque<double> last_;
};

/// A rank that the others wait for.
struct Straggler {
    int rank = 0;
    double own_seconds = 0;
    double others_seconds = 0;  // their median
};

/// Ranks whose time is more than half as much again as the median of the others', and 20 ms longer.  Times of 0 are not known.
std::vector<Straggler> stragglers(const std::vector<double>& own_seconds);

/// The middle one; the mean of the two in the middle.  Of nothing: 0.
double median_of(std::vector<double> values);

}  // namespace vox::train
