#pragma once
// The seam between the trainer and what is trained.  Axes: B batch, C channel, D H W voxels.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/batch.hpp"
#include "data/loader.hpp"
#include "infer/predictor.hpp"
#include "metrics/figures.hpp"
#include "report/chart.hpp"
#include "report/png.hpp"

namespace vox::train {

/// One part of the loss: "dice", "cox", "ce_tokens", ...
struct Term {
    std::string name;
    double coefficient = 1.0;
};

/// How far the run is.
struct Progress {
    int64_t step = 0;   // optimizer steps done
    int64_t epoch = 0;
};

/// What trains now.  Fixed until `name` changes; a change starts reducer, optimizer, schedule, EMA and "best" anew.
struct Phase {
    std::string name = "train";
    std::vector<std::string> frozen;  // parameter name prefixes that do not train; their modules are in eval mode
    int64_t steps = 0;                // its length, for the schedule; 0: to the end of the run
};

/// A validation case and how much work it is (voxels), for sharding over ranks.
struct ValidationCase {
    std::string id;
    size_t index = 0;  // into the task's reader
    double work = 1;
};

/// The figures of one case, computed on one rank.
struct CaseFigures {
    std::string case_id;
    metrics::Figures figures;
    std::optional<report::Image> preview;  // where one was asked for
};

/// Which validation figure decides what is best.
struct KeyMetric {
    std::string name;
    bool higher_is_better = true;
};

/// What a task adds to a validation that was the best so far.
struct BestFindings {
    metrics::Figures figures;  // shown with those of the validation
    std::vector<std::pair<std::string, report::Chart>> charts;  // by name, for the report
    std::map<std::string, std::string> facts;  // beside Task::facts() in the checkpoint of this step, and in no other
};

/// What one kind of training knows and the trainer does not.
class Task {
public:
    virtual ~Task() = default;

    virtual torch::nn::Module& model() = 0;
    virtual data::Loader& train_data() = 0;

    /// The parts of the loss: fixed within a phase; each is logged by its name.
    virtual std::vector<Term> terms() const = 0;
    /// All ranks, before any forward of the step: gather event times, draw timesteps, and the like.
    virtual void prepare(std::span<data::Batch>) {}
    /// Per term, before the forward: how much this batch counts (items, tokens, own events).  Summed over micro-batches and
    /// ranks by the trainer.
    virtual std::vector<double> weights(const data::Batch& batch) const = 0;
    /// Per term: this rank's share of the loss, a sum and not a mean; the sum over ranks is the loss.  Scalars with a graph,
    /// also for an empty batch; finite also where the weight is 0, since 0 times NaN is NaN.
    virtual std::vector<at::Tensor> loss_sums(const data::Batch& batch) = 0;

    /// Pure, the same on every rank; asked before each step.
    virtual Phase phase(const Progress&) const { return {}; }

    virtual std::vector<ValidationCase> validation_cases() const = 0;
    /// Any rank, no communication: the figures of one case, with a preview image where `preview` is set.
    virtual CaseFigures validate_case(const ValidationCase& which, bool preview) = 0;
    /// Pure, after the gather, the same on every rank: means, percentiles, ... over all cases, each case once.
    virtual metrics::Figures summarise(std::span<const CaseFigures> cases) const = 0;
    virtual KeyMetric key_metric() const = 0;

    /// Cases whose figures behind_best needs: validate_case is asked for each on one rank, where a validation was the best so far, with the
    /// weights that were validated.  The same on every rank; none: behind_best is not asked.
    virtual std::vector<ValidationCase> cases_behind_best() const { return {}; }
    /// Pure, the same on every rank: out of the figures of these cases, and of the validation's.
    virtual BestFindings behind_best(std::span<const CaseFigures>, std::span<const CaseFigures>) const { return {}; }

    /// Any rank, no communication: sample in, result in the sample's own geometry out.  The same object serves `infer`.
    virtual infer::Predictor& predictor() = 0;

    /// What `infer` must know besides configuration and weights; kept in checkpoints.
    virtual std::map<std::string, std::string> facts() const { return {}; }
    /// Digest of the data set, kept in checkpoints and compared on resume.
    virtual std::string data_digest() const = 0;
};

}  // namespace vox::train
