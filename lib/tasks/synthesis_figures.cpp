#include "tasks/synthesis_figures.hpp"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "core/text.hpp"
#include "metrics/image_quality.hpp"

namespace vox::tasks {
namespace {

/// -1 .. 1 as 0 .. 1.
at::Tensor unit(const at::Tensor& values) { return (values + 1) / 2; }

std::string base_of(const std::string& name) { return name.substr(0, name.find('/')); }

/// The mean of the figures that `belongs` picks; NaN where there is none.
template <class Belongs>
double mean_of(std::span<const train::CaseFigures> cases, Belongs belongs) {
    double sum = 0;
    int64_t count = 0;
    for (const auto& one : cases) {
        for (const auto& [name, value] : one.figures) {
            if (!belongs(name)) continue;
            sum += value;
            ++count;
        }
    }
    return count > 0 ? sum / static_cast<double>(count) : std::nan("");
}

}  // namespace

metrics::Figures synthesis_figures(const GeneratedChannel& generated, const at::Tensor& truth,
                                   const SynthesisFacts& facts) {
    const std::string end = "/" + facts.channels.at(static_cast<size_t>(generated.channel));
    const at::Tensor known = unit(facts.from_intensities(truth, generated.channel));
    const auto brain = metrics::image_quality(unit(generated.mean), known, 1.0, generated.foreground);
    const auto whole = metrics::image_quality(unit(generated.mean), known, 1.0, {});
    metrics::Figures figures{{"psnr_brain" + end, brain.psnr}, {"ssim_brain" + end, brain.ssim},
                             {"mae_brain" + end, brain.mae},   {"mse_brain" + end, brain.mse},
                             {"psnr" + end, whole.psnr},       {"ssim" + end, whole.ssim},
                             {"mae" + end, whole.mae},         {"mse" + end, whole.mse}};
    if (generated.standard_deviation.defined())
        figures.emplace_back("psnr_brain_one" + end,
                             metrics::image_quality(unit(generated.first), known, 1.0, generated.foreground).psnr);
    return figures;
}

metrics::Figures summarise_synthesis(std::span<const train::CaseFigures> cases) {
    std::vector<std::string> bases, names;
    for (const auto& one : cases) {
        for (const auto& [name, value] : one.figures) {
            if (std::ranges::find(names, name) == names.end()) names.push_back(name);
            if (std::ranges::find(bases, base_of(name)) == bases.end()) bases.push_back(base_of(name));
        }
    }
    metrics::Figures summary;
    for (const auto& base : bases)
        summary.emplace_back(base, mean_of(cases, [&](const std::string& name) { return base_of(name) == base; }));
    if (names.size() == bases.size()) return summary;
    for (const auto& wanted : names)
        summary.emplace_back(wanted, mean_of(cases, [&](const std::string& name) { return name == wanted; }));
    return summary;
}

report::FiguresTable synthesis_table(std::span<const train::CaseFigures> cases) {
    report::FiguresTable table;
    table.note =
        "in units of the median training window (1st to 99th percentile of a channel's non-zero voxels), clipped to "
        "it: PSNR's data range is 1; _brain: where any of the other channels shows something; SSIM: Gaussian of 11 "
        "voxels, sigma 1.5";
    for (const auto& one : cases) {
        report::TableRow row;
        for (const auto& [name, value] : one.figures) {
            if (&one == &cases.front()) table.columns.push_back(base_of(name));
            row.id = core::concat(one.case_id, ' ', name.substr(name.find('/') + 1));
            row.values.push_back(value);
        }
        table.rows.push_back(row);
    }
    return table;
}

}  // namespace vox::tasks
