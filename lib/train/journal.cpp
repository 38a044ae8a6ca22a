#include "train/journal.hpp"

#include <cmath>
#include <cstdio>

#include "core/log.hpp"
#include "core/text.hpp"
#include "report/html.hpp"
#include "train/straggler.hpp"

namespace vox::train {
namespace {

report::ProgressOptions progress_options(int64_t first_step, int64_t total_steps) {
    report::ProgressOptions options;
    options.first_step = first_step;
    options.total_steps = total_steps;
    options.terminal = report::standard_error_is_terminal();
    return options;
}

}  // namespace

Journal::Journal(report::RunPaths paths, int64_t first_step, int64_t total_steps, const std::string& resolved_config)
    : paths_(std::move(paths)),
      metrics_(paths_.metrics(), first_step),
      tensorboard_(paths_.tensorboard(), first_step + 1),
      progress_(progress_options(first_step, total_steps)) {
    tensorboard_.text(first_step, "configuration", core::concat("```yaml\n", resolved_config, "\n```"));
}

void Journal::progress(int64_t step, const StepResult& result, const std::string& note) {
    progress_.update(step, result.loss, result.items, note);
}

void Journal::step(int64_t step, int64_t epoch, const StepResult& result, const std::vector<std::string>& terms,
                   const RankFigures& ranks) {
    report::Fields fields{{"epoch", epoch}, {"loss", result.loss}};
    for (size_t i = 0; i < terms.size(); ++i) fields.emplace_back("loss/" + terms[i], result.term_means[i]);
    fields.emplace_back("lr", result.lr);
    fields.emplace_back("grad_norm", result.grad_norm);
    if (result.loss_scale != 1) fields.emplace_back("loss_scale", result.loss_scale);
    fields.emplace_back("step_seconds", result.seconds);
    fields.emplace_back("samples_per_second", ranks.samples_per_second);
    fields.emplace_back("data_wait_share", ranks.data_wait_share);
    fields.emplace_back("memory_bytes", ranks.memory_bytes);
    fields.emplace_back("chunks_decoded", ranks.chunks_decoded);
    fields.emplace_back("cache_hits", ranks.cache_hits);
    if (ranks.own_seconds.size() > 1) fields.emplace_back("own_seconds", ranks.own_seconds);
    if (result.empty || result.bad) fields.emplace_back("skipped", 1);
    metrics_.write(report::Kind::step, step, fields);
    tensorboard_.scalars(step, "train", fields);
}

void Journal::stragglers(int64_t step, const std::vector<double>& own_seconds, const std::vector<std::string>& hosts) {
    constexpr double kPauseS = 600;
    const auto slow = train::stragglers(own_seconds);
    std::vector<int> ranks;
    for (const auto& one : slow) ranks.push_back(one.rank);
    const bool said = ranks == slow_ranks_ && since_warning_.seconds() < kPauseS;
    slow_ranks_ = ranks;
    if (slow.empty() || said) return;
    since_warning_.restart();
    const auto ms = [](double seconds) { return core::concat(std::lround(1000 * seconds), " ms"); };
    for (const auto& [rank, own, others] : slow)
        core::log::warning("step ", step, ": the other ranks wait for rank ", rank, " on ",
                           hosts.at(static_cast<size_t>(rank)), ", which takes ", ms(own), " a step, they ", ms(others),
                           " (medians).  A busy or throttled processor, or a slow disk there?");
}

void Journal::validation(int64_t step, const ValidationResult& result) {
    report::Fields fields;
    for (const auto& [name, value] : result.summary) fields.emplace_back(name, value);
    fields.emplace_back("cases", static_cast<int64_t>(result.cases.size()));
    fields.emplace_back("seconds", result.seconds);
    metrics_.write(report::Kind::validation, step, fields);
    tensorboard_.scalars(step, "validation", fields);
    try {
        for (const auto& [chart, drawn] : result.charts) report::write_chart(paths_.root, chart, drawn);
    } catch (const std::exception& error) {
        core::log::warning("a chart of step ", step, " is missing: ", error.what());
    }
    if (!result.preview) return;
    tensorboard_.image(step, "preview", *result.preview);
    char name[32];
    std::snprintf(name, sizeof name, "step_%08lld.png", static_cast<long long>(step));
    try {
        std::filesystem::create_directories(paths_.previews());
        report::write_png(paths_.previews() / name, *result.preview);
    } catch (const std::exception& error) {
        core::log::warning("the preview of step ", step, " is missing: ", error.what());
    }
}

void Journal::finish(int64_t step, const report::Fields& final_figures, const report::Fields& timings) {
    metrics_.write(report::Kind::final, step, final_figures);
    metrics_.write(report::Kind::timing, step, timings);
    metrics_.flush();
    tensorboard_.flush();
    report::write_report(paths_.root);
    core::log::info("report: ", paths_.report().string());
}

}  // namespace vox::train
