#include "metrics/survival_concordance.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "core/error.hpp"

namespace vox::metrics {
namespace {

/// Risks of those who were added, and how many of them lie below another one (a Fenwick tree over the order of all risks).
class AddedRisks {
public:
    explicit AddedRisks(std::span<const double> all) : sorted_(all.begin(), all.end()), sums_(all.size() + 1, 0) {
        std::ranges::sort(sorted_);
    }
    void add(double risk) {
        const auto place = std::ranges::lower_bound(sorted_, risk) - sorted_.begin();
        for (auto i = static_cast<size_t>(place) + 1; i < sums_.size(); i += i & -i) ++sums_[i];
        ++count_;
    }
    /// Those whose difference to `risk` is less than `bound`; with `or_equal`, at most.
    int64_t count(double risk, double bound, bool or_equal) const {
        const auto end = std::ranges::partition_point(
            sorted_, [&](double other) { return or_equal ? other - risk <= bound : other - risk < bound; });
        int64_t sum = 0;
        for (auto i = static_cast<size_t>(end - sorted_.begin()); i > 0; i -= i & -i) sum += sums_[i];
        return sum;
    }
    int64_t count() const { return count_; }

private:
    std::vector<double> sorted_;
    std::vector<int64_t> sums_;
    int64_t count_ = 0;
};

/// From the last time to the first; at one time, who is censored comes before an event, which is compared with them.
std::vector<size_t> latest_first(std::span<const Outcome> outcomes) {
    std::vector<size_t> order(outcomes.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::sort(order, [&](size_t a, size_t b) {
        const auto &x = outcomes[a], &y = outcomes[b];
        return x.time != y.time ? x.time > y.time : x.event < y.event;
    });
    return order;
}

Concordance weighted_concordance(std::span<const Outcome> outcomes, std::span<const double> risks,
                                 const std::function<double(double)>& weight_at, double tolerance) {
    core::check(outcomes.size() == risks.size(), "concordance: one risk an outcome is needed");
    for (const auto& outcome : outcomes) core::check(std::isfinite(outcome.time), "concordance: a time is not finite");
    Concordance result{.index = std::nan("")};
    if (!std::ranges::all_of(risks, [](double risk) { return std::isfinite(risk); })) return result;
    AddedRisks later(risks);
    const auto order = latest_first(outcomes);
    double good = 0, all = 0;
    for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
        const double time = outcomes[order[begin]].time, weight = weight_at(time);
        for (end = begin; end < order.size() && outcomes[order[end]].time == time && !outcomes[order[end]].event; ++end)
            later.add(risks[order[end]]);
        const size_t first_event = end;
        for (; end < order.size() && outcomes[order[end]].time == time; ++end) {
            if (weight <= 0) continue;
            const double risk = risks[order[end]];
            const int64_t below = later.count(risk, -tolerance, false);
            const int64_t tied = later.count(risk, tolerance, true) - below;
            result.concordant += below;
            result.tied_risk += tied;
            result.discordant += later.count() - below - tied;
            result.tied_time += static_cast<int64_t>(first_event - begin);
            good += weight * (static_cast<double>(below) + 0.5 * static_cast<double>(tied));
            all += weight * static_cast<double>(later.count());
        }
        for (size_t i = first_event; i < end; ++i) later.add(risks[order[i]]);
    }
    if (all > 0) result.index = good / all;
    return result;
}

}  // namespace

Concordance harrell_concordance(std::span<const Outcome> outcomes, std::span<const double> risks,
                                double tied_tolerance) {
    return weighted_concordance(outcomes, risks, [](double) { return 1.0; }, tied_tolerance);
}

Concordance uno_concordance(std::span<const Outcome> train, std::span<const Outcome> test,
                            std::span<const double> risks, double tau, double tied_tolerance) {
    const auto censoring = censoring_curve(train);
    const auto squared = [&](double time) { return time < tau ? std::pow(censoring_weight(censoring, time), 2) : 0; };
    return weighted_concordance(test, risks, squared, tied_tolerance);
}

}  // namespace vox::metrics
