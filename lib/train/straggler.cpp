#include "train/straggler.hpp"

#include <algorithm>

namespace vox::train {
namespace {

constexpr size_t kSteps = 20;  // that are looked at: fewer are noise where ranks share cores
constexpr double kFactor = 1.5;
constexpr double kLeastExcessS = 0.02;

}  // namespace

void OwnTime::add(double seconds) {
    last_.push_back(seconds);
    if (last_.size() > kSteps) last_.pop_front();
}

double OwnTime::median() const { return last_.size() < kSteps ? 0.0 : median_of({last_.begin(), last_.end()}); }

std::vector<Straggler> stragglers(const std::vector<double>& own_seconds) {
    std::vector<Straggler> slow;
    if (std::ranges::any_of(own_seconds, [](double seconds) { return seconds <= 0; })) return slow;
    for (size_t rank = 0; rank < own_seconds.size(); ++rank) {
        std::vector<double> others = own_seconds;
        others.erase(others.begin() + static_cast<long>(rank));
        const double usual = median_of(others);
        const double own = own_seconds[rank];
        if (!others.empty() && own > kFactor * usual && own > usual + kLeastExcessS)
            slow.push_back({static_cast<int>(rank), own, usual});
    }
    return slow;
}

double median_of(std::vector<double> values) {
    if (values.empty()) return 0.0;
    std::ranges::sort(values);
    const size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace vox::train
