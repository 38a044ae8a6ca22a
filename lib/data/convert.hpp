#pragma once
// From NIfTI files to a folder of shards: serial, or shared out over the ranks of a World.

#include <array>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "comm/world.hpp"
#include "core/geometry.hpp"
#include "data/build_prompts.hpp"
#include "data/build_views.hpp"
#include "data/chunk_codec.hpp"
#include "data/label_scheme.hpp"
#include "data/layouts.hpp"

namespace vox::data {

/// What to convert and how: the command line of convert_dataset.
struct ConvertOptions {
    std::string layout = "brats";  // brats, msd, nnunet, generic, prostate158, xray_ct, survival, prompted
    std::filesystem::path input, output;
    std::string label_scheme = "auto";  // or generic, or a name that `label_scheme` knows
    Codec codec = Codec::zstd;
    std::array<double, 3> split{0.8, 0.1, 0.1};  // train, val, test
    int64_t seed = 0;                            // of the split
    std::vector<std::string> channels;           // generic: which volumes; empty: all but the label
    std::string label;                           // generic: the label's name; empty: label, seg or mask
    std::string task;                            // prostate158: see choose_prostate158, which takes all three
    core::Double3 spacing_mm{};  // D,H,W; prostate158: of the stored grid, 0: as T2 has it; xray_ct: of .npy volumes
    ViewOptions views;                           // xray_ct
    SurvivalChoice survival;                     // survival, whose input is a table
    PromptChoice prompts;                            // brats, msd, nnunet, generic; prompted: the modality
    std::filesystem::path pictures;                  // prompted: see list_prompted
    int64_t allow_missing = 0;                   // channels that a case may lack; they become 0 everywhere
    bool skip_bad = false;                       // convert the rest where cases are refused
    bool dry_run = false;                        // read and check everything, write nothing
    uint64_t max_shard_bytes = uint64_t{256} << 20;  // a shard is closed by the case that reaches this
};

/// The same on every rank.
struct ConvertReport {
    int64_t converted = 0;             // now
    int64_t kept = 0;                  // whole in finished shards of an earlier run
    std::vector<std::string> refused;  // "case X: why", by case
    std::string scheme;
    PromptCounts prompts;  // of the cases converted now
    int64_t views_compared = 0, views_aligned = 0;  // of the cases converted now: see ViewComparison
};

/// All ranks.  Cases are dealt out round-robin; rank 0 writes dataset.json last, so that a folder without it is not finished;
/// started again, it converts only what is missing or changed.  Throws DataError listing every refused case unless
/// `skip_bad` (then also where nothing is left); WriteError where the output refuses.
ConvertReport convert(comm::World& world, const ConvertOptions& options);

/// What the labels mean.  `requested` other than "auto" decides; else names (`hint`, see Listing) and the union of label
/// values over the data set.  Throws DataError asking for --label-scheme where they do not tell.
LabelScheme resolve_scheme(const std::string& requested, const std::string& hint, const std::set<int>& values);

}  // namespace vox::data
