#include "train/validation.hpp"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <sstream>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/fault_points.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace vox::train {
namespace {

// One line a case: index, then name and value in turn, separated by tabs.  Hexadecimal numbers keep every bit.
std::string to_line(size_t index, const CaseFigures& figures) {
    std::string line = std::to_string(index);
    char number[64];
    for (const auto& [name, value] : figures.figures) {
        std::snprintf(number, sizeof number, "%a", value);
        line += '\t' + name + '\t' + number;
    }
    return line + '\n';
}

void from_lines(const std::string& text, std::vector<CaseFigures>& cases) {
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream parts(line);
        std::string part, value;
        std::getline(parts, part, '\t');
        auto& figures = cases.at(std::stoul(part)).figures;
        while (std::getline(parts, part, '\t') && std::getline(parts, value, '\t'))
            figures.emplace_back(part, std::strtod(value.c_str(), nullptr));
    }
}

}  // namespace

std::vector<int> shard_by_work(std::span<const ValidationCase> cases, int world_size) {
    std::vector<size_t> order(cases.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return cases[a].work > cases[b].work; });
    std::vector<double> load(static_cast<size_t>(world_size), 0.0);
    std::vector<int> owner(cases.size(), 0);
    if (!cases.empty()) load[0] += cases[0].work;
    for (const size_t i : order) {
        if (i == 0) continue;
        const auto least = std::ranges::min_element(load);
        owner[i] = static_cast<int>(least - load.begin());
        *least += cases[i].work;
    }
    return owner;
}

std::vector<CaseFigures> figures_of_cases(std::span<const ValidationCase> cases, comm::World& world,
                                          const std::string& what, const std::function<CaseFigures(size_t)>& compute) {
    const auto owner = shard_by_work(cases, world.size());
    std::vector<CaseFigures> all;
    for (const auto& which : cases) all.push_back({which.id, {}, {}});
    std::string mine;
    world.together(what, [&] {
        for (size_t i = 0; i < cases.size(); ++i) {
            if (owner[i] != world.rank()) continue;
            const core::Activity activity(core::concat("validation of ", cases[i].id));
            core::fault_point("validation:case");
            auto figures = compute(i);
            mine += to_line(i, figures);
            all[i].preview = std::move(figures.preview);
        }
    });
    for (const auto& text : world.gather(mine)) from_lines(text, all);
    return all;
}

std::vector<ValidationCase> cases_of(const data::ShardReader& reader, const std::string& split) {
    std::vector<ValidationCase> cases;
    for (const size_t index : reader.split(split)) {
        const auto& info = reader.cases()[index];
        const auto size = info.size();
        cases.push_back({info.id, index, static_cast<double>(size[0] * size[1] * size[2])});
    }
    return cases;
}

std::vector<ValidationCase> labelled_cases(const data::ShardReader& reader, const std::string& split) {
    auto cases = cases_of(reader, split);
    std::erase_if(cases, [&](const ValidationCase& one) { return !reader.cases()[one.index].has_label; });
    return cases;
}

void check_early_stopping(const EarlyStoppingOptions& options, const Task& task) {
    if (options.patience > 0 && task.validation_cases().empty())
        throw core::ConfigError(
            "train.early_stopping.patience counts validations, but the data set has no case to validate with: convert "
            "it with a validation split, or set patience to 0");
}

ValidationResult validate(Task& task, comm::World& world) {
    const at::NoGradGuard no_grad;
    const core::Timer timer;
    const auto cases = task.validation_cases();
    const bool was_training = task.model().is_training();
    task.model().eval();
    ValidationResult result;
    result.cases =
        figures_of_cases(cases, world, "validation", [&](size_t i) { return task.validate_case(cases[i], i == 0); });
    task.model().train(was_training);
    if (!result.cases.empty()) result.preview = std::move(result.cases.front().preview);
    result.summary = task.summarise(result.cases);
    result.seconds = timer.seconds();
    return result;
}

}  // namespace vox::train
