#include "tasks/survival_folds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.hpp"
#include "metrics/survival_baseline.hpp"
#include "metrics/survival_concordance.hpp"
#include "metrics/survival_prediction.hpp"
#include "tasks/survival_intervals.hpp"
#include "tasks/survival_predictor.hpp"

namespace vox::tasks {
namespace {

using core::concat;
using Places = std::vector<size_t>;

/// S(t) of every case, [cases, times], each by its own run.
struct Probabilities {
    std::vector<double> times, values;

    void add(const ForetoldFold& fold) {
        for (const double risk : fold.people.risks)
            for (const double time : times)
                values.push_back(metrics::survival_probability(*fold.log_hazard, risk, time));
    }
    double at(size_t place, size_t time) const { return values[place * times.size() + time]; }
    std::vector<double> of(const Places& places) const {
        std::vector<double> some;
        for (const size_t place : places)
            for (size_t time = 0; time < times.size(); ++time) some.push_back(at(place, time));
        return some;
    }
};

/// A mean by numbers of cases of what is defined.
struct CaseMean {
    double sum = 0, cases = 0;
    void add(double value, size_t count) {
        if (std::isnan(value)) return;
        sum += value * static_cast<double>(count);
        cases += static_cast<double>(count);
    }
    double value() const { return cases > 0 ? sum / cases : std::numeric_limits<double>::quiet_NaN(); }
};

struct Concordances {
    double harrell, uno;
};

class Pool {
public:
    Pool(std::span<const ForetoldFold> folds, const SurvivalOptions& options)
        : folds_(folds), options_(options), at_times_{options.eval_times, {}}, over_time_{options.brier_times(), {}} {
        has_probabilities_ =
            std::ranges::all_of(folds, [](const ForetoldFold& fold) { return fold.log_hazard.has_value(); });
        for (size_t f = 0; f < folds.size(); ++f) {
            const auto& own = folds[f].people;
            people_.ids.insert(people_.ids.end(), own.ids.begin(), own.ids.end());
            people_.risks.insert(people_.risks.end(), own.risks.begin(), own.risks.end());
            people_.outcomes.insert(people_.outcomes.end(), own.outcomes.begin(), own.outcomes.end());
            fold_of_.resize(people_.ids.size(), f);
            if (!has_probabilities_) continue;
            at_times_.add(folds[f]);
            over_time_.add(folds[f]);
        }
    }

    size_t size() const { return people_.ids.size(); }
    bool has_probabilities() const { return has_probabilities_; }

    /// Of the cases at `places`, which may come several times.
    metrics::Figures judge(const Places& places) const {
        metrics::Figures figures;
        add_concordances(figures, places);
        if (has_probabilities_) add_of_probabilities(figures, places);
        return figures;
    }

    Concordances of_fold(size_t fold, const JudgedPeople& some) const {
        return {metrics::harrell_concordance(some.outcomes, some.risks).index,
                metrics::uno_concordance(folds_[fold].training, some.outcomes, some.risks, options_.tau()).index};
    }

    report::TableRow row(size_t place) const {
        const auto& outcome = people_.outcomes[place];
        report::TableRow row{people_.ids[place],
                             {people_.risks[place], outcome.time, outcome.event ? 1.0 : 0.0},
                             folds_[fold_of_[place]].run};
        for (size_t time = 0; has_probabilities_ && time < at_times_.times.size(); ++time)
            row.values.push_back(at_times_.at(place, time));
        return row;
    }

private:
    void add_concordances(metrics::Figures& figures, const Places& places) const {
        CaseMean harrell, uno;
        for (size_t f = 0; f < folds_.size(); ++f) {
            Places own;
            std::ranges::copy_if(places, std::back_inserter(own), [&](size_t place) { return fold_of_[place] == f; });
            const auto found = of_fold(f, chosen(people_, own));
            harrell.add(found.harrell, own.size());
            uno.add(found.uno, own.size());
        }
        const auto all = chosen(people_, places);
        figures.emplace_back("c_index/folds", harrell.value());
        figures.emplace_back("c_index/pooled", metrics::harrell_concordance(all.outcomes, all.risks).index);
        figures.emplace_back("uno_c_index/folds", uno.value());
        figures.emplace_back("uno_c_index/pooled",
                             metrics::uno_concordance(people_.outcomes, all.outcomes, all.risks, options_.tau()).index);
    }

    void add_of_probabilities(metrics::Figures& figures, const Places& places) const {
        const auto outcomes = chosen(people_, places).outcomes;
        for (size_t t = 0; t < at_times_.times.size(); ++t) {
            std::vector<double> risks;
            for (const size_t place : places) risks.push_back(1 - at_times_.at(place, t));
            const auto found =
                metrics::cumulative_dynamic_auc(people_.outcomes, outcomes, risks, std::span(&at_times_.times[t], 1));
            if (!found.times.empty()) figures.emplace_back(concat("auc/", found.times[0]), found.areas[0]);
        }
        const auto scores = [&](const Probabilities& foretold) {
            return metrics::brier_scores(people_.outcomes, outcomes, foretold.of(places), foretold.times);
        };
        const auto at_times = scores(at_times_);
        for (size_t i = 0; i < at_times.times.size(); ++i)
            figures.emplace_back(concat("brier/", at_times.times[i]), at_times.scores[i]);
        const auto over_time = scores(over_time_);
        figures.emplace_back("ibs", over_time.integrated);
        figures.emplace_back("ibs_points", static_cast<double>(over_time.times.size()));
    }

    std::span<const ForetoldFold> folds_;
    const SurvivalOptions& options_;
    bool has_probabilities_ = false;
    JudgedPeople people_;  // of all folds, one after another
    std::vector<size_t> fold_of_;
    Probabilities at_times_, over_time_;
};

std::string note_of(const Pool& pool, size_t runs, const SurvivalOptions& options) {
    const auto interval =
        options.bootstrap > 0 ? concat("; 2.5% and 97.5%: over ", options.bootstrap, " resampled sets of cases") : "";
    const auto probabilities = pool.has_probabilities()
                                   ? concat("auc (ordered by 1 - S(t)), brier and ibs (over ", options.brier_points,
                                            " times from 0 to ", options.eval_times.back(),
                                            ", of which ibs_points had follow-up) compare probabilities of all cases")
                                   : "Without S(t), as a checkpoint was not the best of a validation (--best takes it)";
    return concat(pool.size(), " cases, each foretold by the one of ", runs,
                  " runs that did not train on it.  */folds: the runs' own ",
                  "figures, weighed by the censoring of their training cases, averaged by numbers of cases; */pooled: "
                  "of the raw risks ",
                  "of all cases, which compares scores of different networks, whose scales need not agree.  ",
                  probabilities,
                  "; what is of all cases is weighed by the censoring of all cases.  c_index: Harrell's; uno_c_index: "
                  "Uno's, of events ",
                  "before ", options.tau(), interval);
}

}  // namespace

report::FiguresTable out_of_fold_table(std::span<const ForetoldFold> folds, const SurvivalOptions& options,
                                       uint64_t seed) {
    const Pool pool(folds, options);
    report::FiguresTable table{
        .names_runs = true, .columns = {"risk", "time", "event"}, .rows = {}, .note = {}, .all_cases = {}};
    if (pool.has_probabilities())
        for (const double time : options.eval_times) table.columns.push_back(survival_name(time));
    for (size_t place = 0; place < pool.size(); ++place) table.rows.push_back(pool.row(place));
    std::ranges::sort(table.rows, {}, &report::TableRow::id);
    table.all_cases =
        with_intervals(pool.size(), options.bootstrap, seed, [&](const Places& places) { return pool.judge(places); });
    for (size_t f = 0; f < folds.size(); ++f) {
        const auto name = concat("run ", f + 1, " of ", folds.size(), ": ");
        const auto found = pool.of_fold(f, folds[f].people);
        table.all_cases.emplace_back(name + "cases", static_cast<double>(folds[f].people.ids.size()));
        table.all_cases.emplace_back(name + "c_index", found.harrell);
        table.all_cases.emplace_back(name + "uno_c_index", found.uno);
    }
    table.note = note_of(pool, folds.size(), options);
    return table;
}

}  // namespace vox::tasks
