#include "metrics/survival_prediction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.hpp"

namespace vox::metrics {
namespace {

/// Whether each of `times` can be used.
std::vector<bool> are_usable(const StepCurve& censoring, std::span<const Outcome> test, std::span<const double> times) {
    double first = std::numeric_limits<double>::infinity(), last = -first;
    for (const auto& outcome : test) {
        core::check(std::isfinite(outcome.time), "survival: a time is not finite");
        first = std::min(first, outcome.time);
        last = std::max(last, outcome.time);
    }
    std::vector<bool> usable;
    for (size_t i = 0; i < times.size(); ++i) {
        core::check(std::isfinite(times[i]) && (i == 0 || times[i - 1] < times[i]),
                    "survival: the times of figures have to ascend");
        usable.push_back(first <= times[i] && times[i] < last && censoring_weight(censoring, times[i]) > 0);
    }
    return usable;
}

std::vector<double> those_usable(const StepCurve& censoring, std::span<const Outcome> test,
                                 std::span<const double> times) {
    const auto usable = are_usable(censoring, test, times);
    std::vector<double> result;
    for (size_t i = 0; i < times.size(); ++i)
        if (usable[i]) result.push_back(times[i]);
    return result;
}

bool is_case(const Outcome& outcome, double time) { return outcome.event && outcome.time <= time; }

/// Area under the curve of weighted cases over controls.  `order`: from the highest risk to the lowest.
double area_at(double time, const StepCurve& censoring, std::span<const Outcome> test, std::span<const double> risks,
               std::span<const size_t> order, double tolerance) {
    double area = 0, cases = 0, controls = 0;
    for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
        double tied_cases = 0, tied_controls = 0;
        for (end = begin; end < order.size(); ++end) {
            if (end > begin && risks[order[end - 1]] - risks[order[end]] > tolerance) break;
            const auto& outcome = test[order[end]];
            if (is_case(outcome, time)) tied_cases += censoring_weight(censoring, outcome.time);
            if (outcome.time > time) tied_controls += 1;
        }
        area += tied_controls * (cases + tied_cases / 2);
        cases += tied_cases;
        controls += tied_controls;
    }
    return cases * controls > 0 ? area / (cases * controls) : std::nan("");
}

/// Areas averaged over the decrease of Kaplan-Meier's curve; without a case there is no area, and no decrease either.
double mean_area(const DynamicAuc& auc, const StepCurve& survival) {
    double sum = 0, left = 1;
    for (size_t i = 0; i < auc.times.size(); ++i) {
        const double now = survival.at(auc.times[i]);
        if (now < left) sum += auc.areas[i] * (left - now);
        left = now;
    }
    return left < 1 ? sum / (1 - left) : std::nan("");
}

}  // namespace

std::vector<double> usable_times(std::span<const Outcome> train, std::span<const Outcome> test,
                                 std::span<const double> times) {
    return those_usable(censoring_curve(train), test, times);
}

DynamicAuc cumulative_dynamic_auc(std::span<const Outcome> train, std::span<const Outcome> test,
                                  std::span<const double> risks, std::span<const double> times, double tied_tolerance) {
    core::check(test.size() == risks.size(), "time-dependent AUC: one risk an outcome is needed");
    const auto censoring = censoring_curve(train);
    DynamicAuc auc;
    auc.times = those_usable(censoring, test, times);
    if (std::ranges::all_of(risks, [](double risk) { return std::isfinite(risk); })) {
        std::vector<size_t> order(test.size());
        std::iota(order.begin(), order.end(), size_t{0});
        std::ranges::sort(order, [&](size_t a, size_t b) { return risks[a] > risks[b]; });
        for (const double time : auc.times)
            auc.areas.push_back(area_at(time, censoring, test, risks, order, tied_tolerance));
    } else {
        auc.areas.assign(auc.times.size(), std::nan(""));
    }
    auc.mean = mean_area(auc, kaplan_meier(test));
    return auc;
}

BrierScores brier_scores(std::span<const Outcome> train, std::span<const Outcome> test,
                         std::span<const double> survival, std::span<const double> times) {
    core::check(survival.size() == test.size() * times.size(), "Brier score: one probability an outcome and time");
    const auto censoring = censoring_curve(train);
    const auto usable = are_usable(censoring, test, times);
    BrierScores result;
    for (size_t i = 0; i < times.size(); ++i) {
        if (!usable[i]) continue;
        double sum = 0;
        for (size_t n = 0; n < test.size(); ++n) {
            const double left = survival[n * times.size() + i];
            if (is_case(test[n], times[i]))
                sum += left * left * censoring_weight(censoring, test[n].time);
            else if (test[n].time > times[i])
                sum += (1 - left) * (1 - left) * censoring_weight(censoring, times[i]);
        }
        result.times.push_back(times[i]);
        result.scores.push_back(sum / static_cast<double>(test.size()));
    }
    const auto& t = result.times;
    for (size_t i = 1; i < t.size(); ++i)
        result.integrated += (t[i] - t[i - 1]) * (result.scores[i - 1] + result.scores[i]) / 2;
    result.integrated = t.size() < 2 ? std::nan("") : result.integrated / (t.back() - t.front());
    return result;
}

}  // namespace vox::metrics
