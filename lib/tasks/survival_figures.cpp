#include "tasks/survival_figures.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.hpp"
#include "core/text.hpp"
#include "metrics/survival_baseline.hpp"
#include "metrics/survival_concordance.hpp"
#include "metrics/survival_prediction.hpp"
#include "tasks/survival_intervals.hpp"
#include "tasks/survival_predictor.hpp"

namespace vox::tasks {
namespace {

using core::concat;

double figure_of(const metrics::Figures& figures, const std::string& name) {
    const auto found = std::ranges::find(figures, name, [](const auto& entry) { return entry.first; });
    core::check(found != figures.end(), concat("a case has no figure '", name, "'"));
    return found->second;
}

/// S(t) of every case at every time, [cases, times].
std::vector<double> probabilities(const JudgedPeople& people, const metrics::StepCurve& log_hazard,
                                  std::span<const double> times) {
    std::vector<double> all;
    all.reserve(people.risks.size() * times.size());
    for (const double risk : people.risks)
        for (const double time : times) all.push_back(metrics::survival_probability(log_hazard, risk, time));
    return all;
}

/// Of each group: its size, and what was foretold beside what happened; and whether lowest and highest differ.
void add_groups(metrics::Figures& all, const JudgedPeople& people, const std::optional<metrics::StepCurve>& log_hazard,
                const SurvivalOptions& options) {
    const auto group_of = groups_by_risk(people.risks, options.risk_groups);
    std::vector<JudgedPeople> groups;
    for (size_t g = 0; g < static_cast<size_t>(options.risk_groups); ++g) {
        std::vector<size_t> places;
        for (size_t i = 0; i < group_of.size(); ++i)
            if (group_of[i] == g) places.push_back(i);
        groups.push_back(chosen(people, places));
        const auto& group = groups.back();
        const std::string name = concat("risk group ", g + 1, " of ", options.risk_groups, ": ");
        all.emplace_back(name + "cases", static_cast<double>(group.ids.size()));
        const auto seen = metrics::kaplan_meier(group.outcomes);
        const auto last =
            std::ranges::max_element(group.outcomes, {}, [](const metrics::Outcome& outcome) { return outcome.time; });
        for (const double time : options.eval_times) {
            if (group.ids.empty() || time > last->time) continue;  // nobody was followed for so long
            if (log_hazard) {
                const auto foretold = probabilities(group, *log_hazard, std::vector<double>{time});
                all.emplace_back(
                    concat(name, survival_name(time), " foretold"),
                    std::accumulate(foretold.begin(), foretold.end(), 0.0) / static_cast<double>(foretold.size()));
            }
            all.emplace_back(concat(name, survival_name(time), " Kaplan-Meier"), seen.at(time));
        }
    }
    all.emplace_back("log-rank p, lowest against highest",
                     metrics::log_rank_test(groups.front().outcomes, groups.back().outcomes).p);
}

}  // namespace

metrics::Figures person_figures(double risk, const metrics::Outcome& outcome) {
    return {{"risk", risk}, {"time", outcome.time}, {"event", outcome.event ? 1.0 : 0.0}};
}

JudgedPeople judged_people(std::span<const train::CaseFigures> cases) {
    JudgedPeople people;
    for (const auto& one : cases) {
        people.ids.push_back(one.case_id);
        people.risks.push_back(figure_of(one.figures, "risk"));
        people.outcomes.push_back({figure_of(one.figures, "time"), figure_of(one.figures, "event") != 0});
    }
    return people;
}

metrics::Figures risk_figures(const JudgedPeople& people, std::span<const metrics::Outcome> training,
                              const SurvivalOptions& options) {
    metrics::Figures figures{
        {"c_index", metrics::harrell_concordance(people.outcomes, people.risks).index},
        {"uno_c_index", metrics::uno_concordance(training, people.outcomes, people.risks, options.tau()).index}};
    const auto auc = metrics::cumulative_dynamic_auc(training, people.outcomes, people.risks, options.eval_times);
    for (size_t i = 0; i < auc.times.size(); ++i) figures.emplace_back(concat("auc/", auc.times[i]), auc.areas[i]);
    if (!auc.times.empty()) figures.emplace_back("mean_auc", auc.mean);
    return figures;
}

metrics::Figures probability_figures(const JudgedPeople& people, std::span<const metrics::Outcome> training,
                                     const metrics::StepCurve& log_hazard, const SurvivalOptions& options) {
    metrics::Figures figures;
    const auto scores = [&](const std::vector<double>& times) {
        return metrics::brier_scores(training, people.outcomes, probabilities(people, log_hazard, times), times);
    };
    const auto at_times = scores(options.eval_times);
    for (size_t i = 0; i < at_times.times.size(); ++i)
        figures.emplace_back(concat("brier/", at_times.times[i]), at_times.scores[i]);
    const auto over_time = scores(options.brier_times());
    figures.emplace_back("ibs", over_time.integrated);
    figures.emplace_back("ibs_points", static_cast<double>(over_time.times.size()));
    return figures;
}

JudgedPeople chosen(const JudgedPeople& people, const std::vector<size_t>& places) {
    JudgedPeople some;
    for (const size_t place : places) {
        some.ids.push_back(people.ids[place]);
        some.risks.push_back(people.risks[place]);
        some.outcomes.push_back(people.outcomes[place]);
    }
    return some;
}

std::vector<size_t> groups_by_risk(std::span<const double> risks, int64_t risk_groups) {
    std::vector<size_t> order(risks.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, {}, [&](size_t i) { return risks[i]; });
    std::vector<size_t> group(risks.size());
    for (size_t place = 0; place < order.size(); ++place)
        group[order[place]] = place * static_cast<size_t>(risk_groups) / order.size();
    return group;
}

report::Chart kaplan_meier_chart(const JudgedPeople& people, int64_t risk_groups) {
    report::Chart chart;
    chart.title = "Kaplan-Meier by foretold risk";
    chart.unit = "without event";
    chart.axis = "time";
    chart.noisy = false;
    chart.low = 0;
    chart.high = 1;
    chart.last_step = 0;
    const auto group_of = groups_by_risk(people.risks, risk_groups);
    for (size_t g = 0; g < static_cast<size_t>(risk_groups); ++g) {
        std::vector<metrics::Outcome> outcomes;
        for (size_t i = 0; i < group_of.size(); ++i)
            if (group_of[i] == g) outcomes.push_back(people.outcomes[i]);
        const auto curve = metrics::kaplan_meier(outcomes);
        report::Series series{concat(g == 0                                      ? "lowest"
                                     : g + 1 == static_cast<size_t>(risk_groups) ? "highest"
                                                                                 : "middle",
                                     " risk, ", outcomes.size(), " cases"),
                              {0},
                              {curve.before}};
        for (size_t i = 0; i < curve.times.size(); ++i) {  // level, then down
            series.steps.insert(series.steps.end(), 2, curve.times[i]);
            series.values.push_back(series.values.back());
            series.values.push_back(curve.values[i]);
            chart.last_step = std::max(chart.last_step, curve.times[i]);
        }
        chart.series.push_back(std::move(series));
    }
    return chart;
}

report::FiguresTable survival_table(const JudgedPeople& people, std::span<const metrics::Outcome> training,
                                    const std::optional<metrics::StepCurve>& log_hazard, const SurvivalOptions& options,
                                    uint64_t seed) {
    report::FiguresTable table{.columns = {"risk", "time", "event"}, .rows = {}, .note = {}, .all_cases = {}};
    if (log_hazard)
        for (const double time : options.eval_times) table.columns.push_back(survival_name(time));
    for (size_t i = 0; i < people.ids.size(); ++i) {
        std::vector<double> values{people.risks[i], people.outcomes[i].time, people.outcomes[i].event ? 1.0 : 0.0};
        if (log_hazard)
            for (const double time : options.eval_times)
                values.push_back(metrics::survival_probability(*log_hazard, people.risks[i], time));
        table.rows.push_back({people.ids[i], std::move(values)});
    }
    const auto judge = [&](const std::vector<size_t>& places) {
        const auto some = chosen(people, places);
        auto figures = risk_figures(some, training, options);
        if (log_hazard) {
            const auto more = probability_figures(some, training, *log_hazard, options);
            figures.insert(figures.end(), more.begin(), more.end());
        }
        return figures;
    };
    table.all_cases = with_intervals(people.ids.size(), options.bootstrap, seed, judge);
    add_groups(table.all_cases, people, log_hazard, options);
    table.note = concat(
        "c_index: Harrell's; uno_c_index: Uno's, of events before ", options.tau(),
        "; censoring is weighed as it was among the ", training.size(), " training cases.  ibs: over ",
        options.brier_points, " times from 0 to ", options.eval_times.back(), ", of which ibs_points had follow-up",
        log_hazard ? "" : "; without S(t), as this checkpoint was not the best of a validation (--best takes it)",
        options.bootstrap > 0 ? concat("; 2.5% and 97.5%: over ", options.bootstrap, " resampled sets of cases") : "");
    return table;
}

}  // namespace vox::tasks
