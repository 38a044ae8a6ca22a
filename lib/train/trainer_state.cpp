// The trainer's other half: validation, checkpoints, and the end of a run.

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

}  // namespace

void Trainer::resume(const std::optional<checkpoint::Choice>& choice) {
    const std::string from = choice ? choice->folder.string() : "";
    world_.together(core::concat("loading ", from), [&] {
        if (choice) {
            const auto state = checkpoint::load(*choice);
            const auto& saved = state.manifest;
            checkpoint::copy_into(
                checkpoint::module_state(task_.model()), state.model,
                core::concat("the model in ", from, " (was it trained with another section 'model'?)"));
            optimizer_->load_state(state.optimizer);
            const auto number = [&](const char* name, double otherwise) {
                const auto found = saved.scalars.find(name);
                return found == saved.scalars.end() ? otherwise : found->second;
            };
            if (ema_) ema_->load_state(state.ema, static_cast<int64_t>(number("ema_updates", 0)));
            schedule_->load_state(saved.scalars);
            scaler_.load_state(saved.scalars);
            steps_done_ = saved.step;
            skipped_steps_ = static_cast<int64_t>(number("skipped_steps", 0));
            bad_steps_in_row_ = static_cast<int64_t>(number("bad_steps_in_row", 0));
            const double best = number("best", std::nan(""));
            const auto key = task_.key_metric();
            if (!std::isnan(best)) best_ = checkpoint::Metric{key.name, best, key.higher_is_better};
            task_.train_data().seek({saved.epoch, saved.micro_batch});
            if (world_.is_root())
                for (const auto& difference : checkpoint::differences(saved, manifest()))
                    core::log::warning("resuming with ", difference, ": results agree, but not bit for bit");
        } else if (!options_.init_from.empty()) {
            checkpoint::copy_into(checkpoint::module_state(task_.model()), checkpoint::load_weights(options_.init_from),
                                  options_.init_from, /*any_dtype=*/true);
            core::log::info("starting from the weights of ", options_.init_from);
        }
    });
    check_replicas(task_.model(), world_, steps_done_);
    if (choice) core::log::info("going on from ", from, " at step ", steps_done_, " of ", total_steps_);
    world_.on_root("opening the run's files", [&] {
        store_ = std::make_unique<checkpoint::Store>(run_.paths.checkpoints(), run_.checkpoint);
        store_->set_aside_after(steps_done_);
        journal_ = std::make_unique<Journal>(run_.paths, steps_done_, total_steps_, run_.resolved_config);
    });
    since_save_.restart();
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
    for (const auto& [name, value] : result.summary) {
        if (name != key.name) continue;
        last_metric_ = checkpoint::Metric{key.name, value, key.higher_is_better};
        if (std::isfinite(value)) schedule_->observe(value, key.higher_is_better);
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

/// Rank 0 decides about time, since clocks differ; the rest is the same on every rank.
bool Trainer::save_due() {
    if (last_metric_ && better(*last_metric_, best_)) return true;
    const bool due = run_.checkpoint.due(steps_done_, since_save_.seconds() / 60);
    return world_.broadcast(due ? "1" : "0") == "1";
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
    manifest.scalars["skipped_steps"] = static_cast<double>(skipped_steps_);
    manifest.scalars["bad_steps_in_row"] = static_cast<double>(bad_steps_in_row_);
    if (ema_) manifest.scalars["ema_updates"] = static_cast<double>(ema_->updates());
    if (best_) manifest.scalars["best"] = best_->value;
    return manifest;
}

void Trainer::save(bool wait) {                                 // all ranks; rank 0 writes
    if (last_metric_ && better(*last_metric_, best_)) best_ = last_metric_;
    world_.on_root("saving a checkpoint", [&] {
        checkpoint::State state{manifest(), checkpoint::module_state(task_.model()), {}, optimizer_->state()};
        if (ema_) state.ema = ema_->state();
        if (wait)
            store_->save(state);
        else
            store_->save_async(state);
    });
    last_metric_.reset();
    since_save_.restart();
}

void Trainer::finish() {
    check_replicas(task_.model(), world_, steps_done_);
    const double peak = world_.max(static_cast<double>(peak_host_bytes()));
    world_.on_root("finishing the run", [&] {
        store_->wait();
        report::Fields figures{{"steps", steps_done_}, {"skipped_steps", skipped_steps_}};
        if (best_) figures.emplace_back("best/" + best_->name, best_->value);
        journal_->finish(steps_done_, figures,
                         {{"total", since_start_.seconds()},
                          {"training", train_seconds_},
                          {"waiting for data", data_seconds_},
                          {"waiting for gradients", reducer_->exposed_seconds()},
                          {"validation", validation_seconds_}});
        core::log::info("peak memory of a rank: ", core::human_bytes(peak), "; training ",
                        core::human_seconds(train_seconds_), ", of which waiting for data ",
                        core::human_seconds(data_seconds_));
    });
}

}  // namespace vox::train
