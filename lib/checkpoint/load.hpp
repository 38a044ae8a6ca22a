#pragma once
// Finding and reading checkpoints.  Rank 0 chooses, sends `to_text(choice)` to the others, and all ranks load the same
// one.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/manifest.hpp"
#include "checkpoint/named_tensors.hpp"
#include "checkpoint/options.hpp"

namespace vox::checkpoint {

/// Everything that a run goes on from.
struct State {
    Manifest manifest;
    NamedTensors model;      // parameters and buffers
    NamedTensors ema;        // the same names, averaged; empty where none are kept
    NamedTensors optimizer;  // Optimizer::state(); empty for one without state
};

/// One checkpoint that was found whole.
struct Choice {
    std::filesystem::path folder;  // ".../checkpoints/step_00001234_dice=0.8312"
    int64_t step = 0;
    uint64_t digest = 0;  // XXH3-64 of its manifest.json, which holds the digests of the rest
};

std::string to_text(const Choice& choice);
Choice choice_from_text(const std::string& text);

/// The newest checkpoint below `checkpoints` (a run's checkpoints/ folder) whose every byte is as it was written.
/// Damaged ones are named, with file and tensor, in warnings and skipped; links, stray files and unfinished folders are
/// ignored.  Nothing where there is none or no folder.  Reads each file once.
std::optional<Choice> newest_valid(const std::filesystem::path& checkpoints);

/// The valid one with the best metric among those of the newest one's phase; without any metric, the newest.
std::optional<Choice> best_valid(const std::filesystem::path& checkpoints);

/// What `options.resume` means for a run whose checkpoints lie in `checkpoints`.  "auto" throws DataError where
/// checkpoints exist and none is whole (starting over would silently drop them); a path (a checkpoint, a checkpoints/
/// folder or a run) throws DataError where nothing valid is there.
std::optional<Choice> choose(const Options& options, const std::filesystem::path& checkpoints);

/// The newest valid (or best) checkpoint that `path` means: a checkpoint, a checkpoints/ folder, or a run's folder.
/// Throws DataError where there is none.
Choice find(const std::filesystem::path& path, bool best = false);

/// The manifest alone.  Throws DataError where it is not the one that was chosen.
Manifest peek(const Choice& choice);

/// Copies of all tensors, in host memory, each checked against its digest.  Throws DataError naming file and tensor.
State load(const Choice& choice);

/// Weights alone, for inference and for `train.init_from`: EMA where it is kept (unless `prefer_ema` is false), else
/// the model. `path` is whatever `find` takes, or one .safetensors file of any origin.  Throws DataError.
NamedTensors load_weights(const std::filesystem::path& path, bool prefer_ema = true, bool best = false);

/// Throws DataError, naming file and tensor, unless the checkpoint in `folder` is whole.
Choice verify(const std::filesystem::path& folder);

}  // namespace vox::checkpoint
