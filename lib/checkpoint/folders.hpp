#pragma once
// Names of the folders and files of a checkpoint, and which folders may go.  Inside this module only.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/manifest.hpp"
#include "checkpoint/options.hpp"

namespace vox::checkpoint {

constexpr std::string_view model_file = "model.safetensors";
constexpr std::string_view ema_file = "ema.safetensors";
constexpr std::string_view optimizer_file = "optimizer.safetensors";
constexpr std::string_view manifest_file = "manifest.json";
/// In front of the names of folders that are being written or removed.  Nobody reads them.
constexpr std::string_view unfinished_prefix = ".tmp_";

/// "step_00001234", and where the step was validated also its figure: "step_00001234_dice=0.8312".
std::string folder_name(int64_t step, const std::optional<Metric>& metric = {});

/// A folder that is named as a checkpoint.
struct Found {
    int64_t step = 0;
    std::filesystem::path folder;
};

/// The real folders (no links, no other names) in `checkpoints`, newest step first; none where it is not there.
std::vector<Found> list_folders(const std::filesystem::path& checkpoints);

/// The manifest in `folder`.  Throws DataError, also where it is a link.
ManifestFile read_manifest(const std::filesystem::path& folder);

/// Throws DataError where a folder that was found does not bear the name of the manifest in it: its step and figure, or
/// its step alone, as earlier versions named them.
void check_name(const Found& found, const Manifest& manifest);

/// What ranks a checkpoint.
struct Ranked {
    int64_t step = 0;
    std::string phase;
    std::optional<Metric> metric;
    std::filesystem::path folder = {};
};

/// What `list_folders` finds, without those whose manifest cannot be read or has another name.
std::vector<Ranked> list_ranked(const std::filesystem::path& checkpoints);

/// The best metric of one phase, the older one of equals, since the later one was no better; nothing where none has a metric.
/// Where the phase's checkpoints were judged by different metrics (it went on under another one), those of the newest one's
/// metric compete.
std::optional<int64_t> best_step(const std::vector<Ranked>& all, const std::string& phase);

/// What may be removed now that `newest` was written: all but the last keep_last, the best of the newest's phase, and
/// multiples of keep_every.
std::vector<int64_t> steps_to_remove(const std::vector<Ranked>& all, const Ranked& newest, const Options& options);

}  // namespace vox::checkpoint
