// The trainer and its checkpoints: going on from one, saving one, and saving the last completed step where nothing goes on.

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "checkpoint/changes.hpp"
#include "checkpoint/load.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "train/cpu_capability.hpp"
#include "train/replicas.hpp"
#include "train/trainer.hpp"

namespace vox::train {
namespace {

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
    checkpoint::PartialCopy loaded;
    world_.together(from.empty() ? "starting" : core::concat("loading ", from), [&] {
        const auto model = checkpoint::module_state(task_.model());
        if (choice) {
            state = checkpoint::load(*choice);
            // Before the weights are taken: where they do not fit, this says why.
            const auto changed = checkpoint::changes(state.manifest, manifest());
            if (!changed.empty() && world_.is_root())
                core::log::warning("the run goes on otherwise than it was saved: ", core::join(changed, "; "));
            checkpoint::check_same_folds(state.manifest, manifest());
            checkpoint::copy_into(
                model, state.model,
                core::concat("the model in ", from, " (was it trained with another section 'model'?)"));
        } else if (!from.empty()) {
            loaded = checkpoint::copy_matching(model, checkpoint::load_weights(from),
                                               core::concat("train.init_from: ", from));
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
    {
        const std::scoped_lock lock(changing_);
        remember_step();
    }
    check_replicas(task_.model(), world_, steps_done_);
    resumed_step_ = steps_done_;
    if (choice) core::log::info("going on from ", from, " at step ", steps_done_, " of ", total_steps_);
    if (!choice && !from.empty() && world_.is_root()) {
        const auto level = loaded.is_complete() ? core::log::Level::info : core::log::Level::warning;
        core::log::write(level, core::concat("starting from the weights of ", from, ": ", loaded.report()));
    }
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
    const int64_t per_epoch = task_.train_data().sampler().micro_batches_per_epoch();
    const bool past_the_end = saved.micro_batch > per_epoch;
    if (past_the_end && world_.is_root())
        core::log::warning("epoch ", saved.epoch, " has ", per_epoch, " micro-batches now, and ", saved.micro_batch,
                           " of it are done: going on with the next one");
    task_.train_data().seek(past_the_end ? data::Position{saved.epoch + 1, 0}
                                         : data::Position{saved.epoch, saved.micro_batch});
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
    // A run that had no averages until now starts them from its weights.
    if (ema_ && !state.ema.empty()) ema_->load_state(state.ema, static_cast<int64_t>(number(saved, "ema_updates", 0)));
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
    for (const auto& [name, text] : best_facts_) manifest.facts[name] = text;
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

/// With `changing_` held.
void Trainer::remember_step() {
    if (world_.is_root()) completed_.manifest = manifest();  // who saves
    completed_.buffers.clear();
    for (const auto& [name, value] : checkpoint::module_buffers(task_.model()))
        completed_.buffers.push_back({name, value.clone()});
}

/// With `changing_` held: the last completed step, whatever a step or a validation that is under way has changed since.
checkpoint::State Trainer::state_to_save() const {
    checkpoint::State state{completed_.manifest, checkpoint::module_state(task_.model()), {}, optimizer_->state()};
    if (ema_) state.ema = ema_->state();
    if (ema_ && ema_->is_swapped()) std::swap(state.model, state.ema);
    for (const auto& buffer : completed_.buffers) {
        const auto live = std::ranges::find(state.model, buffer.name, &checkpoint::NamedTensor::name);
        core::check(live != state.model.end(), "the model has no buffer " + buffer.name);
        live->value = buffer.value;
    }
    return state;
}

void Trainer::save(bool wait) {  // all ranks; rank 0 writes
    world_.on_root("saving a checkpoint", [&] {
        const std::scoped_lock lock(changing_);
        if (wait)
            store_->save(state_to_save());
        else
            store_->save_async(state_to_save());
    });
    since_save_.restart();
}

std::string Trainer::rescue() {
    std::unique_lock lock(changing_, std::chrono::seconds(1));
    if (!lock || !store_)
        return "the last completed step is not saved: rank 0 stands still where it starts, saves or changes weights";
    lock.release();  // for good: a step that comes back to life must not change what is being saved
    // A GPU's default stream may wait for a collective that never ends.
    std::optional<c10::StreamGuard> stream;
    if (comm_.device().is_cuda())
        stream.emplace(c10::impl::VirtualGuardImpl(at::kCUDA).getStreamFromGlobalPool(comm_.device()));
    const int64_t step = completed_.manifest.step;
    store_->wait();
    if (step == resumed_step_) return "no step was completed since the start: there is nothing to save";
    if (step == store_->stats().last_step)
        return core::concat("the last completed step, ", step, ", is in a checkpoint already");
    store_->save(state_to_save());
    return core::concat("the last completed step, ", step, ", is saved; start the same command again to go on");
}

}  // namespace vox::train
