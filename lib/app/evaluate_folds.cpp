#include <algorithm>
#include <map>

#include "app/evaluation.hpp"
#include "app/opened_run.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "tasks/open_shards.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// Runs of a cross-validation, before their weights are read.
struct Members {
    std::vector<fs::path> runs;
    std::vector<tasks::TaskConfig> configs;  // one a run
    std::map<std::string, std::vector<std::string>> splits;  // by case: what it is to each run
};

void check_data_set(const fs::path& run, const std::string& trained_on, const data::ShardReader& reader,
                    const fs::path& shards) {
    if (trained_on != reader.digest())
        throw DataError(concat(run.string(), " was trained on another data set than ", shards.string(),
                               " (its dataset.json had the digest ", trained_on, ", this one has ", reader.digest(),
                               "), so that nobody can tell which of these cases it did not train on"));
}

Members read_members(const std::vector<fs::path>& runs, const RunToEvaluate& how) {
    Members members{runs, {}, {}};
    for (const auto& run : runs) {
        auto trained = tasks::peek_trained(run, how.best);
        const auto reader = tasks::open_shards(how.shards, trained.config, 0, /*may_lack_column=*/true);
        check_data_set(run, trained.state.manifest.dataset_digest, *reader, how.shards);
        for (const auto& info : reader->cases()) members.splits[info.id].push_back(info.split);
        members.configs.push_back(std::move(trained.config));
    }
    return members;
}

/// Cases that test every run are of none; those that every run leaves out neither.
void check_each_case_once(const Members& members) {
    std::vector<std::string> nowhere, several;
    for (const auto& [id, splits] : members.splits) {
        if (std::ranges::count(splits, "test") == std::ssize(splits)) continue;
        if (std::ranges::count(splits, "") == std::ssize(splits)) continue;
        std::vector<std::string> own;
        for (size_t i = 0; i < splits.size(); ++i)
            if (splits[i] == "val") own.push_back(members.runs[i].string());
        if (own.empty()) nowhere.push_back(id);
        if (own.size() > 1) several.push_back(concat(id, " (", core::join(own, " and "), ")"));
    }
    if (nowhere.empty() && several.empty()) return;
    std::string text = "out of fold every case must validate exactly one run (data.fold_column, data.fold, data.folds)";
    if (!nowhere.empty()) text += concat("\nvalidate none of the runs: ", core::join_first(nowhere));
    if (!several.empty()) text += concat("\nvalidate several: ", core::join_first(several));
    throw DataError(text);
}

template <class Value>
void check_same(const Members& members, const char* what, Value&& value) {
    for (size_t i = 1; i < members.runs.size(); ++i)
        if (value(members.configs[i]) != value(members.configs[0]))
            throw DataError(concat(members.runs[0].string(), " and ", members.runs[i].string(), " differ in ", what,
                                   ": their figures cannot be taken together"));
}

void check_same_figures(const Members& members) {
    using Config = tasks::TaskConfig;
    check_same(members, "task", [](const Config& one) { return one.task; });
    check_same(members, "the section metrics", [](const Config& one) { return one.metrics; });
    check_same(members, "survival.eval_times", [](const Config& one) { return one.survival.eval_times; });
    check_same(members, "survival.brier_points", [](const Config& one) { return one.survival.brier_points; });
    check_same(members, "survival.uno_tau", [](const Config& one) { return one.survival.uno_tau; });
}

report::FiguresTable survival_of(comm::World& world, const Members& members, RunToEvaluate how, at::Device device) {
    std::vector<tasks::ForetoldFold> folds;
    for (const auto& run : members.runs) {
        how.run = run;
        folds.push_back(foretell_split(world, how, open_run(world, how), device));
    }
    const auto& first = members.configs.front();
    return tasks::out_of_fold_table(folds, first.survival, static_cast<uint64_t>(first.seed));
}

/// Where each case has figures of its own.
report::FiguresTable cases_of_all(comm::World& world, const Members& members, RunToEvaluate how, at::Device device) {
    report::FiguresTable all;
    for (const auto& run : members.runs) {
        how.run = run;
        auto table = evaluate_run(world, how, device);
        if (!all.columns.empty() && table.columns != all.columns)
            throw DataError(concat(members.runs[0].string(), " gives the figures ", core::join(all.columns), ", ",
                                   run.string(), " gives ", core::join(table.columns)));
        for (auto& row : table.rows) row.run = run.string();
        table.rows.insert(table.rows.begin(), all.rows.begin(), all.rows.end());
        all = std::move(table);
    }
    all.names_runs = true;
    std::ranges::stable_sort(all.rows, {}, &report::TableRow::id);
    all.note += concat("\neach case judged by the one of ", members.runs.size(), " runs that did not train on it");
    return all;
}

}  // namespace

report::FiguresTable evaluate_out_of_fold(comm::World& world, const std::vector<fs::path>& runs, RunToEvaluate how,
                                          at::Device device) {
    how.split = "val";
    Members members;
    world.together("opening runs and shards", [&] {
        members = read_members(runs, how);
        check_same_figures(members);
        check_each_case_once(members);
    });
    const bool survival = members.configs.front().task == "survival";
    const auto asked = how.change_metrics;
    how.change_metrics = [asked](metrics::Options& own) {
        if (asked) asked(own);
        own.lesions = false;  // which ranks candidates by the probabilities of one network
    };
    auto table = survival ? survival_of(world, members, how, device) : cases_of_all(world, members, how, device);
    if (how.best)
        table.note +=
            "\nthe best checkpoint of a run is the best by the cases that it is judged on here, which flatters it";
    return table;
}

}  // namespace vox::app
