#pragma once
// From X-ray views to a CT volume, through the stages of a cascade.

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "infer/diffusion_options.hpp"
#include "infer/predictor.hpp"
#include "nn/xray_cascade.hpp"
#include "ops/noise_schedule.hpp"
#include "ops/random_key.hpp"
#include "tasks/cascade_options.hpp"
#include "tasks/xray_to_ct_facts.hpp"

namespace vox::tasks {

/// What was made of one case, [D,H,W] of the last stage, float32 on the host, -1 .. 1.
struct GeneratedCt {
    at::Tensor mean;  // over the samples
    at::Tensor standard_deviation;  // over them (divided by their number less one); undefined for one sample
    at::Tensor first;  // the first sample
};

/// Runs the stages one after the other, each under the condition of the views and of the volume that the stage before made.  The noise
/// of a stage is a pure function of (seed, case, number of the sample, stage).
class XrayToCtPredictor final : public infer::Predictor {
public:
    /// The model stays where it is (device, dtype).
    XrayToCtPredictor(std::shared_ptr<nn::XrayCascade> model, XrayToCtFacts facts, infer::DiffusionOptions diffusion,
                      CascadeOptions options, uint64_t seed);

    /// Any rank, no communication.  views [V,h,w] as they are stored, in the order of facts().views.  `true_volume` [D,H,W] of the last
    /// stage, -1 .. 1: the last stage alone, under the condition of what the stage before would have to make; undefined: all stages.
    GeneratedCt generate(const std::string& case_id, const at::Tensor& views, const at::Tensor& true_volume = {});

    /// "ct_generated", and with several samples "ct_sd", in HU on the sample's grid (the volume's box is the case's).  Throws DataError
    /// where the sample has no views.
    infer::Prediction predict(const data::Sample& sample) override;

    /// From now on so many samples of a case.  Throws ConfigError for several where no stage draws noise: they would be equal.
    void set_samples(int64_t samples);

    const XrayToCtFacts& facts() const { return facts_; }
    const CascadeOptions& options() const { return options_; }

private:
    at::Tensor run_stage(size_t index, const at::Tensor& views, const at::Tensor& previous, const ops::RandomKey& key);
    at::Tensor noise_like(const ops::RandomKey& key, size_t stage, int64_t layer, at::IntArrayRef sizes) const;
    at::Tensor sample_once(const at::Tensor& views, const at::Tensor& true_volume, const ops::RandomKey& key);

    std::shared_ptr<nn::XrayCascade> model_;
    XrayToCtFacts facts_;
    infer::DiffusionOptions diffusion_;
    ops::NoiseSchedule schedule_;
    CascadeOptions options_;
    uint64_t seed_;
};

/// x0 [B,1,D,H,W] as a stage of volumes of `size` would have to make it: means over the voxels that one of its covers.
at::Tensor as_earlier_stage(const at::Tensor& x0, const core::Index3& size);

}  // namespace vox::tasks
