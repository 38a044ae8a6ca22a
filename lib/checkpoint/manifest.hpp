#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vox::checkpoint {

/// A figure that ranks checkpoints: the best one of its phase is kept.
struct Metric {
    std::string name;  // "mean_dice"
    double value = 0;
    bool higher_is_better = true;
    bool operator==(const Metric&) const = default;
};

/// What a checkpoint says about the run, beside its tensors.  Everything is given by the caller.
struct Manifest {
    int64_t step = 0;   // optimizer steps that are done
    int64_t epoch = 0;
    int64_t micro_batch = 0;  // global micro-batches of this epoch that were trained on: data::Position
    std::string phase;
    uint64_t seed = 0;
    int64_t global_micro_batch = 0;
    int64_t accumulation = 1;
    std::string config_yaml;     // the resolved configuration
    std::string dataset_digest;  // of the training data
    std::string program;         // version and git hash
    int64_t world_size = 1;
    int64_t threads_per_rank = 1;
    std::string cpu_capability;  // "AVX512": kernels differ in their last bits
    std::optional<Metric> metric;
    /// What inference must know besides configuration and weights: label scheme, channel names, ...
    std::map<std::string, std::string> facts;
    /// Small state of the trainer's parts: loss scale, plateau, number of EMA updates, skipped steps.  May be infinite
    /// or NaN.
    std::map<std::string, double> scalars;

    bool operator==(const Manifest&) const = default;
};

/// One line for each thing that decides about the last bits only and differs ("world size 4, was 2"): world size, threads per
/// rank, CPU capability.  Empty, and no `changes` (changes.hpp): a resumed run repeats the bits.
std::vector<std::string> differences(const Manifest& saved, const Manifest& now);

/// One file of a checkpoint.
struct FileRecord {
    uint64_t bytes = 0;
    uint64_t xxh3 = 0;
    std::map<std::string, uint64_t> tensors;  // name to XXH3-64 of its bytes
    bool operator==(const FileRecord&) const = default;
};

/// manifest.json: the manifest, and what the files beside it hold.
struct ManifestFile {
    Manifest manifest;
    std::map<std::string, FileRecord> files;  // "model.safetensors"
    bool operator==(const ManifestFile&) const = default;
};

/// Canonical JSON text that holds its own XXH3-64, so that any changed byte is noticed.
std::string to_json(const ManifestFile& file);
/// Throws DataError, with `where` in front, for a text that `to_json` did not write.
ManifestFile parse_manifest(std::string_view text, const std::string& where);

}  // namespace vox::checkpoint
