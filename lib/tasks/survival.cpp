#include "tasks/survival.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <set>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "loss/cox.hpp"
#include "metrics/survival_baseline.hpp"
#include "tasks/model_checks.hpp"
#include "tasks/survival_figures.hpp"
#include "train/validation.hpp"

namespace vox::tasks {
namespace {

constexpr const char* kError = "mse";

/// Those of `cases` whose event was seen.
std::set<size_t> with_event(const data::ShardReader& reader, const std::vector<size_t>& cases) {
    std::set<size_t> found;
    for (const size_t index : cases)
        if (outcome_of(reader.cases()[index]).event) found.insert(index);
    return found;
}

void say_columns(const FeatureScaler& features, const std::vector<std::string>& left_out) {
    std::vector<std::string> used;
    for (const auto& column : features.columns())
        used.push_back(column.categories.empty()
                           ? column.name
                           : core::concat(column.name, " (", column.categories.size(), " categories)"));
    core::log::info("columns of the table: ", used.empty() ? "none" : core::join(used));
    for (const auto& line : left_out) core::log::info("left out of the table: ", line);
}

}  // namespace

std::shared_ptr<nn::ResNet3d> make_survival_model(const TaskConfig& config, const SurvivalFacts& facts,
                                                  comm::Communicator* comm) {
    auto options = config.resnet_3d;
    if (comm == nullptr && options.norm == "sync_batch") options.norm = "batch";  // its running statistics are fixed
    const int64_t width = facts.features.width();
    const bool regression = config.survival.is_regression();
    if ((regression || options.tabular.is_used()) && width == 0)
        throw core::ConfigError(
            core::concat(regression ? "survival.objective: regression" : "resnet_3d.tabular.fusion",
                         " needs columns of a table, but the data set has none that can be used (survival.features); "
                         "convert_dataset --layout survival stores those of its table"));
    const nn::ModelContext context{.in_channels = static_cast<int64_t>(facts.channels.size()),
                                   .out_channels = regression ? width : 1,
                                   .seed = static_cast<uint64_t>(config.seed),
                                   .communicator = comm};
    return std::make_shared<nn::ResNet3d>(options, context, options.tabular.is_used() ? width : 0);
}

Survival::Survival(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm)
    : config_(checked(config, context, comm)),
      comm_(comm),
      shards_(context.opened(config)),
      reader_(*shards_),
      training_(config.data.first_cases(reader_.split("train"))) {
    std::vector<std::string> left_out;
    const auto& options = config_.survival;
    facts_ = survival_facts(reader_, training_, options.features, !options.is_regression(), &left_out);
    fact_texts_ = facts_.to_texts();
    const bool uses_table = config_.resnet_3d.tabular.is_used();
    if (comm.rank() == 0 && (uses_table || options.is_regression())) say_columns(facts_.features, left_out);
    for (const size_t index : training_) {
        const auto& info = reader_.cases()[index];
        rows_[info.id] = {options.is_regression() ? metrics::Outcome{} : outcome_of(info), facts_.features.row(info)};
    }
    data::Stratum stratum;
    if (options.events_per_batch > 0) stratum = {with_event(reader_, training_), options.events_per_batch};
    loader_ = std::make_unique<data::Loader>(reader_, config_.data, context.global_micro_batch, comm.rank(),
                                             comm.size(), comm.device(), context.dtype, stratum);
    steps_per_epoch_ = loader_->steps_per_epoch(context.accumulation);
    model_ = make_survival_model(config_, facts_, &comm);
    model_->to(comm.device(), context.dtype);
    predictor_ = std::make_unique<SurvivalPredictor>(model_, facts_, uses_table, options.eval_times);
    validation_ = train::cases_of(reader_, "val");
    const auto most = static_cast<size_t>(config_.data.max_cases);
    if (most > 0 && validation_.size() > most) validation_.resize(most);
}

Survival::Rows Survival::rows_of(const data::Batch& batch) const {
    const int64_t count = batch.size(), width = facts_.features.width();
    const auto host = at::TensorOptions(at::kDouble);
    Rows rows{at::empty({count}, host), at::empty({count}, at::kBool), at::empty({count, width}, host)};
    for (int64_t b = 0; b < count; ++b) {
        const auto& [outcome, features] = rows_.at(batch.case_ids[static_cast<size_t>(b)]);
        rows.times.mutable_data_ptr<double>()[b] = outcome.time;
        rows.events.mutable_data_ptr<bool>()[b] = outcome.event;
        std::ranges::copy(features, rows.features.mutable_data_ptr<double>() + b * width);
    }
    return rows;
}

void Survival::prepare(std::span<data::Batch> batches) {
    if (config_.survival.objective != "concordance") return;
    pairs_.clear();
    for (const auto& batch : batches) {
        const auto rows = rows_of(batch);
        const at::Tensor any_risks = at::zeros({batch.size()}, batch.image.options());
        const auto people = loss::gather_survival_batch(comm_, any_risks, rows.times, rows.events);
        pairs_[&batch] = static_cast<double>(loss::concordance_loss_sum(people).pairs.item<int64_t>());
    }
}

std::vector<double> Survival::weights(const data::Batch& batch) const {
    const auto& objective = config_.survival.objective;
    if (objective == "concordance") return {pairs_.at(&batch)};
    const auto rows = rows_of(batch);
    if (objective == "regression") return {static_cast<double>(rows.features.numel())};
    return {static_cast<double>(rows.events.sum().item<int64_t>())};
}

std::vector<at::Tensor> Survival::loss_sums(const data::Batch& batch) {
    const auto rows = rows_of(batch);
    const bool uses_table = config_.resnet_3d.tabular.is_used();
    const at::Tensor features = rows.features.to(batch.image.options());
    const at::Tensor said = model_->forward(batch.image, uses_table ? features : at::Tensor());
    if (config_.survival.is_regression()) {
        const at::Tensor error = said.to(batch.image.scalar_type()) - features;
        return {(error * error).sum()};
    }
    const auto people = loss::gather_survival_batch(comm_, said.squeeze(1), rows.times, rows.events);
    if (config_.survival.objective == "concordance") return {loss::concordance_loss_sum(people).sum};
    return {
        loss::cox_loss_sum(people, config_.survival.ties == "efron" ? loss::CoxTies::efron : loss::CoxTies::breslow)};
}

train::Phase Survival::phase(const train::Progress& progress) const {
    const int64_t frozen_epochs = config_.survival.freeze_epochs;
    if (progress.epoch >= frozen_epochs) return {};
    train::Phase phase{.name = "head", .frozen = {}, .steps = frozen_epochs * steps_per_epoch_};
    std::set<std::string> modules;
    for (const auto& parameter : model_->named_parameters())
        if (!nn::ResNet3d::is_of_head(parameter.key()))
            modules.insert(parameter.key().substr(0, parameter.key().find('.') + 1));
    phase.frozen.assign(modules.begin(), modules.end());
    return phase;
}

train::KeyMetric Survival::key_metric() const {
    if (config_.survival.is_regression()) return {kError, false};
    return {"c_index", true};
}

train::CaseFigures Survival::validate_case(const train::ValidationCase& which, bool) {
    const auto sample = data::load_case(reader_, which.index, config_.data.intensities(), config_.data.whole());
    const auto said = predictor_->evaluate(sample);
    if (!config_.survival.is_regression())
        return {which.id, person_figures(said.front(), outcome_of(*sample.info)), std::nullopt};
    const auto wanted = facts_.features.row(*sample.info);
    double squares = 0;
    for (size_t i = 0; i < said.size(); ++i) squares += (said[i] - wanted[i]) * (said[i] - wanted[i]);
    return {which.id, {{kError, squares / static_cast<double>(said.size())}}, std::nullopt};
}

metrics::Figures Survival::summarise(std::span<const train::CaseFigures> cases) const {
    if (!config_.survival.is_regression()) return risk_figures(judged_people(cases), facts_.training, config_.survival);
    double sum = 0;
    for (const auto& one : cases) sum += one.figures.front().second;
    return {{kError, sum / static_cast<double>(cases.size())}};
}

std::vector<train::ValidationCase> Survival::cases_behind_best() const {
    if (config_.survival.objective != "cox") return {};
    auto cases = train::cases_of(reader_, "train");
    cases.resize(training_.size());
    return cases;
}

train::BestFindings Survival::behind_best(std::span<const train::CaseFigures> behind,
                                          std::span<const train::CaseFigures> validated) const {
    const auto people = judged_people(behind);
    const auto log_hazard = metrics::log_baseline_hazard(people.outcomes, people.risks);
    const auto judged = judged_people(validated);
    return {probability_figures(judged, facts_.training, log_hazard, config_.survival),
            {{"kaplan_meier", kaplan_meier_chart(judged, config_.survival.risk_groups)}},
            SurvivalFacts::hazard_texts(log_hazard)};
}

}  // namespace vox::tasks
