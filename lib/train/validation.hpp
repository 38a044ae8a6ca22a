#pragma once
// Exact validation: each case once, sharded over ranks by work, figures from gathered per-case results.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/world.hpp"
#include "data/shard_reader.hpp"
#include "train/early_stopping.hpp"
#include "train/task.hpp"

namespace vox::train {

struct ValidationResult {
    metrics::Figures summary;           // over all cases; the same on every rank
    std::vector<CaseFigures> cases;     // in the order of Task::validation_cases(); the same on every rank
    std::optional<report::Image> preview;  // of the first case; rank 0 only
    std::vector<std::pair<std::string, report::Chart>> charts;  // of the best so far: BestFindings::charts
    double seconds = 0;
};

/// The rank that computes each case: the largest work first, always to the rank with the least so far; the first case
/// goes to rank 0, which draws its preview.
std::vector<int> shard_by_work(std::span<const ValidationCase> cases, int world_size);

/// All ranks: `compute(i)` for each case on one rank, named `what` where it fails; the figures of all cases in their order,
/// every bit of them, on every rank (previews stay where they were made).
std::vector<CaseFigures> figures_of_cases(std::span<const ValidationCase> cases, comm::World& world,
                                          const std::string& what, const std::function<CaseFigures(size_t)>& compute);

/// The cases of a split, each with its voxels as its work; and those with a label.
std::vector<ValidationCase> cases_of(const data::ShardReader& reader, const std::string& split);
std::vector<ValidationCase> labelled_cases(const data::ShardReader& reader, const std::string& split);

/// Any rank, the same on every rank.  Throws ConfigError where early stopping counts validations and `task` has no case for one.
void check_early_stopping(const EarlyStoppingOptions& options, const Task& task);

/// All ranks.  A case that fails on one rank is an error on all.
ValidationResult validate(Task& task, comm::World& world);

}  // namespace vox::train
