// The trainer between steps: start, validation, checkpoints, and the end of a run.

#include <algorithm>
#include <cmath>

#include "checkpoint/hash.hpp"
#include "checkpoint/load.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "train/cpu_capability.hpp"
#include "train/memory.hpp"
#include "train/replicas.hpp"
#include "train/trainer.hpp"

namespace vox::train {
namespace {

bool better(const checkpoint::Metric& a, const std::optional<checkpoint::Metric>& b) {
    if (std::isnan(a.value)) return false;
    return !b || (a.higher_is_better ? a.value > b->value : a.value < b->value);
}

/// Where a manifest keeps the best figure so far: a run that goes on under another key metric starts without one.
std::string best_scalar(const std::string& metric) { return "best/" + metric; }

/// A scalar of a manifest, or `otherwise` where it has none of that name.
double number(const checkpoint::Manifest& manifest, const std::string& name, double otherwise) {
    const auto found = manifest.scalars.find(name);
    return found == manifest.scalars.end() ? otherwise : found->second;
}

}  // namespace

void Trainer::resume(const std::optional<checkpoint::Choice>& choice) {
    check_early_stopping(options_.early_stopping, task_);
    const std::string from = choice ? choice->folder.string() : options_.init_from;
    checkpoint::State state;
    world_.together(from.empty() ? "starting" : core::concat("loading ", from), [&] {
        const auto model = checkpoint::module_state(task_.model());
        if (choice) {
            state = checkpoint::load(*choice);
            checkpoint::copy_into(
                model, state.model,
                core::concat("the model in ", from, " (was it trained with another section 'model'?)"));
        } else if (!from.empty()) {
            checkpoint::copy_into(model, checkpoint::load_weights(from), from, /*any_dtype=*/true);
        }
    });
    // After the weights, so that averages start from them.  A finished run is still in its last phase.
    const auto& saved = state.manifest;
    const Phase phase = task_.phase({std::min(saved.step, total_steps_ - 1), saved.epoch});
    const bool same_phase = choice && phase.name == saved.phase;
    begin_phase(phase, same_phase ? static_cast<int64_t>(number(saved, "phase_start", 0)) : saved.step);
    world_.together(core::concat("going on from ", from), [&] {
        if (!choice) return;
        load_progress(saved);
        if (same_phase) load_phase(state);
        // A run that was over stays so, also where its last step was the last of a phase.
        EarlyStopping counted(options_.early_stopping);
        counted.load_state(saved.scalars);
        if (same_phase || counted.over()) early_stopping_ = counted;
        if (world_.is_root())
            for (const auto& difference : checkpoint::differences(saved, manifest()))
                core::log::warning("resuming with ", difference, ": results agree, but not bit for bit");
    });
    check_replicas(task_.model(), world_, steps_done_);
    if (choice) core::log::info("going on from ", from, " at step ", steps_done_, " of ", total_steps_);
    if (!choice && !from.empty()) core::log::info("starting from the weights of ", from);
    world_.on_root("opening the run's files", [&] {
        store_ = std::make_unique<checkpoint::Store>(run_.paths.checkpoints(), run_.checkpoint);
        store_->set_aside_after(steps_done_);
        journal_ = std::make_unique<Journal>(run_.paths, steps_done_, total_steps_, run_.resolved_config);
    });
    since_save_.restart();
}

void Trainer::load_progress(const checkpoint::Manifest& saved) {
    steps_done_ = saved.step;
    skipped_steps_ = static_cast<int64_t>(number(saved, "skipped_steps", 0));
    bad_steps_in_row_ = static_cast<int64_t>(number(saved, "bad_steps_in_row", 0));
    scaler_.load_state(saved.scalars);
    task_.train_data().seek({saved.epoch, saved.micro_batch});
}

/// What belongs to the phase that the checkpoint was saved in.
void Trainer::load_phase(const checkpoint::State& state) {
    const auto& saved = state.manifest;
    optimizer_->load_state(state.optimizer);
    const auto key = task_.key_metric();
    const double best = number(saved, best_scalar(key.name), std::nan(""));
    if (!std::isnan(best)) best_ = checkpoint::Metric{key.name, best, key.higher_is_better};
    auto scalars = saved.scalars;
    if (std::isnan(best) && scalars.contains("plateau.best")) scalars["plateau.best"] = best;  // of another figure
    schedule_->load_state(scalars);
    if (ema_) ema_->load_state(state.ema, static_cast<int64_t>(number(saved, "ema_updates", 0)));
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
        const EmaScope averages(ema_.get());
        result = validate(task_, world_);
    }
    train_mode();
    validation_seconds_ += result.seconds;
    const auto key = task_.key_metric();
    const auto figure = std::ranges::find(result.summary, key.name, [](const auto& entry) { return entry.first; });
    core::check(figure != result.summary.end(), core::concat("the task's summary has no figure '", key.name, "'"));
    last_metric_ = checkpoint::Metric{key.name, figure->second, key.higher_is_better};
    improved_ = better(*last_metric_, best_);
    if (improved_) best_ = last_metric_;
    schedule_->observe(figure->second, key.higher_is_better);
    early_stopping_.observe(figure->second, key.higher_is_better);
    world_.on_root("writing the validation down", [&] {
        journal_->validation(steps_done_, result);
        journal_->resume();
        std::string line;
        for (const auto& [name, value] : result.summary) line += core::concat("  ", name, " ", value);
        core::log::info("validation at step ", steps_done_, " (", result.cases.size(), " cases, ",
                        core::human_seconds(result.seconds), "):", line);
    });
}

/// Rank 0 decides about time, since clocks differ; the rest is the same on every rank.
bool Trainer::save_due() {
    if (improved_ && run_.checkpoint.keep_best) return true;
    const bool due = run_.checkpoint.due(steps_done_, since_save_.seconds() / 60);
    return step_world_->broadcast(due ? "1" : "0") == "1";
}

checkpoint::Manifest Trainer::manifest() const {
    const auto position = task_.train_data().position();
    checkpoint::Manifest manifest;
    manifest.step = steps_done_;
    manifest.epoch = position.epoch;
    manifest.micro_batch = position.micro_batch;
    manifest.phase = phase_.name;
    manifest.seed = run_.seed;
    manifest.global_micro_batch = run_.global_micro_batch;
    manifest.accumulation = options_.accumulation;
    manifest.config_yaml = run_.resolved_config;
    manifest.dataset_digest = task_.data_digest();
    manifest.program = run_.program;
    manifest.world_size = world_.size();
    manifest.threads_per_rank = run_.threads_per_rank;
    manifest.cpu_capability = cpu_capability();
    manifest.metric = last_metric_;
    manifest.facts = task_.facts();
    manifest.scalars = schedule_->state();
    manifest.scalars.merge(scaler_.state());
    manifest.scalars.merge(early_stopping_.state());
    manifest.scalars["phase_start"] = static_cast<double>(phase_start_);
    manifest.scalars["skipped_steps"] = static_cast<double>(skipped_steps_);
    manifest.scalars["bad_steps_in_row"] = static_cast<double>(bad_steps_in_row_);
    if (ema_) manifest.scalars["ema_updates"] = static_cast<double>(ema_->updates());
    if (best_) manifest.scalars[best_scalar(best_->name)] = best_->value;
    return manifest;
}

void Trainer::save(bool wait) {                                 // all ranks; rank 0 writes
    world_.on_root("saving a checkpoint", [&] {
        checkpoint::State state{manifest(), checkpoint::module_state(task_.model()), {}, optimizer_->state()};
        if (ema_) state.ema = ema_->state();
        if (wait)
            store_->save(state);
        else
            store_->save_async(state);
    });
    since_save_.restart();
}

std::string Trainer::how_it_ended() const {
    if (steps_done_ == total_steps_) return core::concat("all ", total_steps_, " steps are done");
    if (early_stopping_.over()) return early_stopping_.reason(task_.key_metric().name);
    return "stopped by request, and saved; start again to go on";
}

void Trainer::finish() {
    check_replicas(task_.model(), world_, steps_done_);
    const double peak = world_.max(static_cast<double>(peak_host_bytes()));
    world_.on_root("finishing the run", [&] {
        store_->wait();
        if (steps_done_ < total_steps_)
            core::log::info("ended at step ", steps_done_, " of ", total_steps_, ": ", how_it_ended());
        report::Fields figures{{"steps", steps_done_}, {"skipped_steps", skipped_steps_}, {"ended", how_it_ended()}};
        if (best_) figures.emplace_back("best/" + best_->name, best_->value);
        journal_->finish(steps_done_, figures,
                         {{"total", since_start_.seconds()},
                          {"training", train_seconds_},
                          {"waiting for data", data_seconds_},
                          {"waiting for gradients", reducer_->exposed_seconds()},
                          {"validation", validation_seconds_}});
        if (skipped_steps_ > 0) core::log::warning(skipped_steps_, " of ", steps_done_, " steps were skipped");
        core::log::info("peak memory of a rank: ", core::human_bytes(peak), "; training ",
                        core::human_seconds(train_seconds_), ", of which waiting for data ",
                        core::human_seconds(data_seconds_));
    });
}

}  // namespace vox::train
