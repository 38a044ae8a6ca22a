// The trainer between steps: validation, and the end of a run.

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "core/log.hpp"
#include "core/text.hpp"
#include "train/memory.hpp"
#include "train/replicas.hpp"
#include "train/trainer.hpp"

namespace vox::train {
namespace {

bool better(const checkpoint::Metric& a, const std::optional<checkpoint::Metric>& b) {
    if (std::isnan(a.value)) return false;
    return !b || (a.higher_is_better ? a.value > b->value : a.value < b->value);
}

checkpoint::Metric key_figure(const Task& task, const ValidationResult& result) {
    const auto key = task.key_metric();
    const auto figure = std::ranges::find(result.summary, key.name, [](const auto& entry) { return entry.first; });
    core::check(figure != result.summary.end(), core::concat("the task's summary has no figure '", key.name, "'"));
    return {key.name, figure->second, key.higher_is_better};
}

}  // namespace

/// All ranks, with the weights that were validated.
void Trainer::look_behind_best(ValidationResult& result) {
    const auto cases = task_.cases_behind_best();
    if (cases.empty()) return;
    const at::NoGradGuard no_grad;
    const core::Timer timer;
    const auto behind = figures_of_cases(cases, world_, "looking behind the best validation",
                                         [&](size_t i) { return task_.validate_case(cases[i], /*preview=*/false); });
    auto findings = task_.behind_best(behind, result.cases);
    result.summary.insert(result.summary.end(), findings.figures.begin(), findings.figures.end());
    result.charts = std::move(findings.charts);
    best_facts_ = std::move(findings.facts);
    result.seconds += timer.seconds();
}

bool Trainer::validation_due() const {
    if (steps_done_ == total_steps_) return true;
    if (options_.validate_every_steps > 0 && steps_done_ % options_.validate_every_steps == 0) return true;
    const auto position = task_.train_data().position();
    return options_.validate_every_epochs > 0 && position.micro_batch == 0 &&
           position.epoch % options_.validate_every_epochs == 0;
}

void Trainer::run_validation() {                                // all ranks
    if (task_.validation_cases().empty()) return;
    if (journal_) journal_->pause();
    ValidationResult result;
    {
        const EmaScope averages(ema_.get(), changing_);
        result = validate(task_, world_);
        last_metric_ = key_figure(task_, result);
        improved_ = better(*last_metric_, best_);
        if (improved_) look_behind_best(result);
    }
    train_mode();
    validation_seconds_ += result.seconds;
    if (improved_) best_ = last_metric_;
    schedule_->observe(last_metric_->value, last_metric_->higher_is_better);
    early_stopping_.observe(last_metric_->value, last_metric_->higher_is_better);
    {
        const std::scoped_lock lock(changing_);
        remember_step();
    }
    world_.on_root("writing the validation down", [&] {
        journal_->validation(steps_done_, result);
        journal_->resume();
        std::string line;
        for (const auto& [name, value] : result.summary) line += core::concat("  ", name, " ", value);
        core::log::info("validation at step ", steps_done_, " (", result.cases.size(), " cases, ",
                        core::human_seconds(result.seconds), "):", line);
    });
}

std::string Trainer::how_it_ended() const {
    if (steps_done_ >= total_steps_) return core::concat("all ", total_steps_, " steps are done");
    if (early_stopping_.over()) return early_stopping_.reason(task_.key_metric().name);
    return "stopped by request, and saved; start again to go on";
}

void Trainer::finish() {
    check_replicas(task_.model(), world_, steps_done_);
    const double peak = world_.max(static_cast<double>(peak_host_bytes()));
    const auto own = task_.train_data().reader().counters();
    const auto chunks = world_.sum({static_cast<double>(own.chunks_decoded), static_cast<double>(own.cache_hits)});
    const double kept = world_.max(static_cast<double>(own.cache_peak_bytes));
    world_.on_root("finishing the run", [&] {
        store_->wait();
        if (steps_done_ < total_steps_)
            core::log::info("ended at step ", steps_done_, " of ", total_steps_, ": ", how_it_ended());
        const int64_t failed_saves = store_->stats().failed;
        report::Fields figures{{"steps", steps_done_},
                               {"skipped_steps", skipped_steps_},
                               {"failed_saves", failed_saves},
                               {"ended", how_it_ended()},
                               {"chunks_decoded", static_cast<int64_t>(chunks[0])},
                               {"cache_hits", static_cast<int64_t>(chunks[1])},
                               {"cache_peak_bytes", static_cast<int64_t>(kept)}};
        if (best_) figures.emplace_back("best/" + best_->name, best_->value);
        journal_->finish(steps_done_, figures,
                         {{"total", since_start_.seconds()},
                          {"training", train_seconds_},
                          {"waiting for data", data_seconds_},
                          {"waiting for gradients", reducer_->exposed_seconds()},
                          {"validation", validation_seconds_}});
        if (skipped_steps_ > 0) core::log::warning(skipped_steps_, " of ", steps_done_, " steps were skipped");
        if (failed_saves > 0) core::log::warning(failed_saves, " attempts to save a checkpoint failed");
        core::log::info("peak memory of a rank: ", core::human_bytes(peak), "; training ",
                        core::human_seconds(train_seconds_), ", of which waiting for data ",
                        core::human_seconds(data_seconds_));
        core::log::info("chunks over all ranks: ", chunks[0], " decoded, ", chunks[1],
                        " found in memory; kept at most ", core::human_bytes(kept), " of a budget of ",
                        core::human_bytes(static_cast<double>(own.cache_budget_bytes)), " (data.cache, data.cache_mb)");
    });
}

}  // namespace vox::train
