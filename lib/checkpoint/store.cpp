#include "checkpoint/store.hpp"

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <signal.h>

#include <algorithm>
#include <chrono>

#include "checkpoint/file.hpp"
#include "checkpoint/folders.hpp"
#include "checkpoint/safetensors.hpp"
#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/fault_points.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::fault_point;
using core::WriteError;

// Between attempts at a save that has no successor: 1, 2, 4, 8 s with the default max_failures.
constexpr double first_pause_s = 1, most_pause_s = 30;

NamedTensors host_copy(const NamedTensors& tensors) {
    const c10::NoGradGuard no_grad;
    NamedTensors result;
    for (const auto& [name, value] : tensors) {
        const at::Tensor copy = at::empty(value.sizes(), at::TensorOptions(value.scalar_type()));
        copy.copy_(value);
        result.push_back({name, copy});
    }
    return result;
}

/// Starts a thread that takes no signals: handlers stay with the main thread, and a file that passes RLIMIT_FSIZE is an
/// error of write() instead of the end of the process (SIGXFSZ).
template <class Work>
std::thread start_quiet_thread(Work work) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread thread(std::move(work));  // inherits the mask
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
}

void sync(const fs::path& path) {
    fault_point("checkpoint:before_fsync");
    sync_to_disk(path);
    fault_point("checkpoint:after_fsync");
}

/// In two steps, so that a folder that is half removed does not look like a checkpoint.
void remove_checkpoint(const fs::path& folder) {
    const fs::path doomed = folder.parent_path() / concat(unfinished_prefix, "removed_", folder.filename().string());
    fs::remove_all(doomed);
    fs::rename(folder, doomed);
    fault_point("checkpoint:during_prune");
    fs::remove_all(doomed);
}

/// What killed writers left, and what an equal step replaced.
void remove_unfinished(const fs::path& checkpoints) {
    for (const auto& entry : fs::directory_iterator(checkpoints)) {
        const bool ours =
            entry.path().filename().string().starts_with(unfinished_prefix) && is_real_folder(entry.path());
        if (!ours) continue;
        core::log::debug("removing ", entry.path().string());
        fs::remove_all(entry.path());
    }
}

}  // namespace

Store::Store(fs::path checkpoints, Options options)
    : checkpoints_(std::move(checkpoints)), options_(std::move(options)) {
    try {
        fs::create_directories(checkpoints_);
        remove_unfinished(checkpoints_);
    } catch (const fs::filesystem_error& error) {
        throw WriteError(concat("cannot prepare the folder for checkpoints: ", error.what()));
    }
}

Store::~Store() {
    if (writer_.joinable()) writer_.join();
}

void Store::set_aside_after(int64_t step) {
    for (const auto& later : list_folders(checkpoints_)) {
        if (later.step <= step) break;
        const std::string name = later.folder.filename().string();
        fs::path aside = checkpoints_ / concat("superseded_", name);
        for (int copy = 2; fs::exists(aside); ++copy) aside = checkpoints_ / concat("superseded_", name, '_', copy);
        core::log::warning("this run goes on from step ", step, ": setting ", name, " aside as ",
                           aside.filename().string());
        put_in_place(later.folder, aside);
    }
}

void Store::save_async(const State& state) {
    wait();
    State copy{state.manifest, host_copy(state.model), host_copy(state.ema), host_copy(state.optimizer)};
    in_flight_ = true;
    writer_ = start_quiet_thread([this, copy = std::move(copy)] { write_and_count(copy); });
}

void Store::wait() {
    if (writer_.joinable()) writer_.join();
    if (bug_) std::rethrow_exception(std::exchange(bug_, nullptr));
    const SaveStats now = stats();
    if (now.failed_in_row >= options_.max_failures) {
        throw WriteError(
            concat(now.failed_in_row, " checkpoints in a row could not be written; the last: ", now.last_error));
    }
}

void Store::save(const State& state) {
    double pause_s = first_pause_s;
    while (true) {
        save_async(state);
        wait();  // throws after max_failures in a row
        if (stats().failed_in_row == 0) return;
        core::log::warning("nothing saves after this one: trying again in ", pause_s, " s");
        std::this_thread::sleep_for(std::chrono::duration<double>(pause_s));
        pause_s = std::min(2 * pause_s, most_pause_s);
    }
}

SaveStats Store::stats() const {
    const std::scoped_lock lock(mutex_);
    return stats_;
}

// The writer thread, from here on.

void Store::write_and_count(const State& state) noexcept {
    const core::Activity activity(concat("writing the checkpoint of step ", state.manifest.step));
    const core::Timer timer;
    const std::string name = folder_name(state.manifest.step, state.manifest.metric);
    const auto failed = [&](const std::string& why) {
        core::log::warning("the checkpoint of step ", state.manifest.step, " was not saved: ", why,
                           ".  The older ones stay; the next save tries again");
        std::error_code ignored;  // frees what a full disk needs most
        fs::remove_all(checkpoints_ / concat(unfinished_prefix, name), ignored);
        const std::scoped_lock lock(mutex_);
        ++stats_.failed;
        ++stats_.failed_in_row;
        stats_.last_error = why;
    };
    try {
        const uint64_t bytes = write(state, name);
        const std::scoped_lock lock(mutex_);
        ++stats_.saved;
        stats_.failed_in_row = 0;
        stats_.last_step = state.manifest.step;
        stats_.last_seconds = timer.seconds();
        stats_.last_bytes = bytes;
    } catch (const WriteError& error) {
        failed(error.what());
    } catch (const fs::filesystem_error& error) {
        failed(error.what());
    } catch (...) {
        bug_ = std::current_exception();
    }
    in_flight_ = false;
}

uint64_t Store::write(const State& state, const std::string& name) {
    fault_point("checkpoint:begin");
    const fs::path unfinished = checkpoints_ / concat(unfinished_prefix, name);
    fs::remove_all(unfinished);
    fs::create_directory(unfinished);

    ManifestFile file{state.manifest, {}};
    uint64_t bytes = 0;
    const auto put = [&](std::string_view file_name, const NamedTensors& tensors) {
        if (tensors.empty()) return;
        fault_point("checkpoint:before_write");
        const FileRecord record = write_safetensors(unfinished / file_name, tensors);
        fault_point("checkpoint:after_write");
        bytes += record.bytes;
        file.files.emplace(file_name, record);
    };
    core::check(!state.model.empty(), "a checkpoint needs a model");
    put(model_file, state.model);
    put(ema_file, state.ema);
    put(optimizer_file, state.optimizer);
    const std::string text = to_json(file);
    fault_point("checkpoint:before_write");
    OutputFile manifest(unfinished / manifest_file);
    manifest.write(text.data(), text.size());
    manifest.close();
    fault_point("checkpoint:after_write");

    for (const auto& [file_name, record] : file.files) sync(unfinished / file_name);
    sync(unfinished / manifest_file);
    sync(unfinished);
    fault_point("checkpoint:before_rename");
    put_in_place(unfinished, checkpoints_ / name);
    fault_point("checkpoint:after_rename");
    sync(checkpoints_);

    fault_point("checkpoint:before_prune");
    prune(state.manifest, name);
    return bytes + text.size();
}

void Store::prune(const Manifest& newest, const std::string& name) {
    try {
        remove_unfinished(checkpoints_);
        for (const auto& found : list_folders(checkpoints_))  // the same step, saved before with another figure
            if (found.step == newest.step && found.folder.filename() != name) remove_checkpoint(found.folder);
        const auto all = list_ranked(checkpoints_);
        const Ranked ranked{newest.step, newest.phase, newest.metric, checkpoints_ / name};
        const auto doomed = steps_to_remove(all, ranked, options_);
        for (const auto& one : all)
            if (std::ranges::find(doomed, one.step) != doomed.end()) remove_checkpoint(one.folder);
    } catch (const fs::filesystem_error& error) {
        core::log::warning("old checkpoints could not be removed: ", error.what());  // the new one is safe
    }
}

}  // namespace vox::checkpoint
