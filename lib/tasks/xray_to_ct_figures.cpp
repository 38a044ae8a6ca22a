#include "tasks/xray_to_ct_figures.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "data/loader.hpp"
#include "metrics/image_quality.hpp"
#include "ops/projection.hpp"
#include "report/slices.hpp"
#include "tasks/xray_views.hpp"

namespace vox::tasks {
namespace {

/// -1 .. 1 as 0 .. 1.
at::Tensor unit(const at::Tensor& values) { return (values + 1) / 2; }

double radiograph_error(const JudgedCt& judged, const XrayToCtFacts& facts) {
    const at::NoGradGuard no_grad;
    const auto kinds = data::kinds_of(judged.sample.info->views);
    const auto views = choose_views(judged.sample.views.unsqueeze(0), kinds, facts.views);
    const auto hu = facts.to_hu(judged.generated.mean.unsqueeze(0).unsqueeze(0));
    const std::array<core::Double3, 1> spacing{judged.spacing_mm};
    return loss::projection_errors_per_item(ops::attenuation_of_hu(hu), spacing, views, facts.views, facts.unit)
        .item<double>();
}

}  // namespace

JudgedCt judge_xray_to_ct(const data::ShardReader& reader, size_t case_index, XrayToCtPredictor& predictor) {
    const auto& facts = predictor.facts();
    const size_t stage = predictor.options().index();
    const data::Resize resize{predictor.options().volume_size(stage), data::ResizeMode::area};
    const data::Intensities intensities(data::Normalisation::window, facts.window);
    JudgedCt judged;
    judged.sample = data::load_case(reader, case_index, intensities, resize);
    const auto& info = *judged.sample.info;
    judged.spacing_mm = data::resized_spacing(info.spacing_mm, info.size(), resize.size);
    const auto kinds = data::kinds_of(info.views);
    const auto views = choose_views(judged.sample.views.unsqueeze(0), kinds, facts.views)[0];
    judged.generated = predictor.generate(info.id, views);
    if (stage > 0) judged.of_truth = predictor.generate(info.id, views, judged.sample.image[0]);
    return judged;
}

metrics::Figures xray_to_ct_figures(const JudgedCt& judged, const XrayToCtFacts& facts) {
    const at::Tensor truth = unit(judged.sample.image[0]);
    const auto quality = [&](const at::Tensor& volume) { return metrics::image_quality(unit(volume), truth, 1.0, {}); };
    const auto mean = quality(judged.generated.mean);
    metrics::Figures figures{{"psnr", mean.psnr},
                             {"ssim", mean.ssim},
                             {"mae_hu", mean.mae * facts.hu_range()},
                             {"drr", radiograph_error(judged, facts)}};
    if (judged.generated.standard_deviation.defined())
        figures.emplace_back("psnr_one", quality(judged.generated.first).psnr);
    if (judged.of_truth.mean.defined()) figures.emplace_back("psnr_true_previous", quality(judged.of_truth.mean).psnr);
    return figures;
}

metrics::Figures summarise_xray_to_ct(std::span<const train::CaseFigures> cases) {
    metrics::Figures summary;
    if (cases.empty()) return summary;
    for (size_t f = 0; f < cases.front().figures.size(); ++f) {
        double sum = 0;
        for (const auto& one : cases) sum += one.figures[f].second;
        summary.emplace_back(cases.front().figures[f].first, sum / static_cast<double>(cases.size()));
    }
    return summary;
}

report::FiguresTable xray_to_ct_table(std::span<const train::CaseFigures> cases, const XrayToCtFacts& facts) {
    report::FiguresTable table;
    table.note = core::concat(
        "at the size of the stage that was trained; PSNR and SSIM (Gaussian of 11 voxels, sigma 1.5) where ",
        facts.window[0], " .. ", facts.window[1], " HU are 0 .. 1: PSNR's data range is 1, or ", facts.hu_range(),
        " HU; drr: mean squared difference of the volume's radiographs to the X-rays, ",
        facts.unit == loss::ViewUnit::attenuation ? "in line integrals of attenuation"
                                                  : "as a share of the X-ray's variance, gain and offset fitted",
        "; psnr_true_previous: where the stage before is perfect");
    for (const auto& one : cases) {
        report::TableRow row{one.case_id, {}};
        for (const auto& [name, value] : one.figures) {
            if (&one == &cases.front()) table.columns.push_back(name);
            row.values.push_back(value);
        }
        table.rows.push_back(row);
    }
    return table;
}

report::Image draw_xray_to_ct(const JudgedCt& judged) {
    std::vector<std::pair<std::string, at::Tensor>> volumes;
    // Panels are windowed over what is not 0, and -1 is the dark end here.
    const auto add = [&](const std::string& title, const at::Tensor& values) {
        volumes.emplace_back(title, unit(values).to(at::kFloat).contiguous());
    };
    add("CT", judged.sample.image[0]);
    add("made of X-rays", judged.generated.mean);
    if (judged.generated.standard_deviation.defined())
        add("standard deviation", judged.generated.standard_deviation * 2 - 1);
    report::Preview preview;
    const auto sizes = judged.sample.image.sizes();
    preview.size = {sizes[1], sizes[2], sizes[3]};
    preview.spacing_mm = judged.spacing_mm;
    for (const auto& [title, values] : volumes)
        preview.panels.push_back({title, {values.const_data_ptr<float>(), static_cast<size_t>(values.numel())}, {}});
    return report::draw_preview(preview);
}

}  // namespace vox::tasks
