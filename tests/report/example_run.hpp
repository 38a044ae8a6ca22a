#pragma once
// A run folder as a training leaves it: 400 steps on two ranks, eight validations, two previews.

#include <cmath>
#include <filesystem>
#include <random>

#include "report/metrics_log.hpp"
#include "report/run_folder.hpp"
#include "report/slices.hpp"
#include "report/support.hpp"

namespace vox::report {

/// An ellipsoid of a head with a nested tumour, [D,H,W], and its label map; `shift` moves the tumour (a prediction).
struct ExampleCase {
    core::Index3 size{48, 64, 56};
    std::vector<float> grey;
    std::vector<uint8_t> labels;

    explicit ExampleCase(double contrast, double shift, unsigned seed = 1) {
        std::mt19937 generator(seed);
        std::normal_distribution<float> noise(0.0F, 0.05F);
        const auto radius = [this](int64_t d, int64_t h, int64_t w, double cd, double ch, double cw, double scale) {
            const double z = (static_cast<double>(d) / static_cast<double>(size[0]) - cd) / scale;
            const double y = (static_cast<double>(h) / static_cast<double>(size[1]) - ch) / scale;
            const double x = (static_cast<double>(w) / static_cast<double>(size[2]) - cw) / scale;
            return std::sqrt(x * x + y * y + z * z);
        };
        for (int64_t d = 0; d < size[0]; ++d) {
            for (int64_t h = 0; h < size[1]; ++h) {
                for (int64_t w = 0; w < size[2]; ++w) {
                    const bool brain = radius(d, h, w, 0.5, 0.5, 0.5, 0.46) < 1.0;
                    const double tumour = radius(d, h, w, 0.55, 0.6 + shift, 0.35 + shift, 0.16);
                    const uint8_t label = tumour < 0.4 ? 3 : tumour < 0.7 ? 2 : tumour < 1.0 ? 1 : 0;
                    const double folds =
                        0.12 * std::sin(static_cast<double>(h) * 0.55) * std::cos(static_cast<double>(w) * 0.6);
                    grey.push_back(brain ? static_cast<float>(0.5 + folds + contrast * label) + noise(generator)
                                         : 0.0F);
                    labels.push_back(brain ? label : 0);
                }
            }
        }
    }
};

inline void write_example_previews(const RunPaths& paths) {
    const ExampleCase flair(0.15, 0.0, 1), t1c(0.05, 0.0, 2), t1(-0.08, 0.0, 4), t2(0.2, 0.0, 5);
    for (const int64_t step : {200, 400}) {
        const ExampleCase guess(0.15, step == 200 ? 0.06 : 0.015, 3);
        Preview preview;
        preview.size = flair.size;
        preview.panels = {{"FLAIR", flair.grey, {}},
                          {"T1", t1.grey, {}},
                          {"T1c", t1c.grey, {}},
                          {"T2", t2.grey, {}},
                          {"truth", flair.grey, flair.labels},
                          {"prediction", flair.grey, guess.labels}};
        preview.label_names = {"edema", "necrosis", "enhancing tumour"};
        preview.centre = most_labelled_slices(flair.labels, flair.size);
        write_png(paths.previews() / ("step_00000" + std::to_string(step) + "_case_007.png"), draw_preview(preview));
    }
}

inline void write_example_run(const std::filesystem::path& root) {
    const RunFolder run(root);
    std::mt19937 generator(7);
    std::normal_distribution<double> noise(0.0, 1.0);
    MetricsLog log(run.paths().metrics(), 0);
    for (int64_t step = 1; step <= 400; ++step) {
        const auto t = static_cast<double>(step);
        const double part = 0.15 + 0.8 * std::exp(-t / 90.0);
        const auto wobble = [&] { return 1.0 + 0.08 * noise(generator); };
        const double tc = part * wobble(), wt = 0.8 * part * wobble(), et = 1.1 * part * wobble();
        const double lr = step < 40 ? 1e-3 * t / 40.0 : 5e-4 * (1.0 + std::cos(3.14159 * (t - 40.0) / 360.0));
        log.write(Kind::step, step,
                  {{"epoch", static_cast<int>(step / 50)},
                   {"loss", (tc + wt + et) / 3.0},
                   {"loss/TC", tc},
                   {"loss/WT", wt},
                   {"loss/ET", step == 123 ? std::nan("") : et},
                   {"lr", lr},
                   {"grad_norm", 4.0 * std::exp(-t / 70.0) * wobble() + 0.05},
                   {"samples_per_second", {2.1 * wobble(), 2.0 * wobble()}},
                   {"data_wait_share", 0.04 * std::abs(wobble())},
                   {"memory_bytes", {2.1e9 + 1e5 * t, 2.2e9 + 1e5 * t}},
                   {"step_seconds", 0.95 * wobble()}});
        if (step % 50 != 0) continue;
        const double rise = 1.0 - std::exp(-t / 120.0);
        log.write(Kind::validation, step,
                  {{"dice", 0.78 * rise},
                   {"dice/TC", 0.76 * rise},
                   {"dice/WT", 0.86 * rise},
                   {"dice/ET", 0.72 * rise * (1.0 + 0.03 * noise(generator))},
                   {"cases", 4},
                   {"seconds", 12.5}});
    }
    log.write(Kind::timing, 400,
              {{"total", 431.0},
               {"forward and backward", 331.0},
               {"validation", 61.0},
               {"waiting for data", 17.0},
               {"checkpoints", 6.0},
               {"reduction not hidden", 9.0}});
    log.write(Kind::final, 400,
              {{"dice", 0.751}, {"best step", 400}, {"peak memory", "2.1 GiB"}, {"stopped by", "train.steps reached"}});
    write_text(run.paths().config(),
               "# Resolved configuration of this run\ntrain:\n  steps: 400  # optimizer steps to train for\n  "
               "optimizer: adamw\n"
               "  lr: 0.001\nmodel:\n  name: segresnet\n  init_filters: 16  # channels of the first level\n  note: "
               "\"</pre><script>alert(1)</script>\"\n");
    write_example_previews(run.paths());
}

}  // namespace vox::report
