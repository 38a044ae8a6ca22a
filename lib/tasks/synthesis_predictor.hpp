#pragma once
// From the channels that a case has to one that it lacks.

#include <ATen/core/Tensor.h>

#include <memory>

#include "infer/diffusion_options.hpp"
#include "infer/options.hpp"
#include "infer/predictor.hpp"
#include "nn/denoising_model.hpp"
#include "ops/noise_schedule.hpp"
#include "tasks/synthesis_facts.hpp"
#include "tasks/synthesis_options.hpp"

namespace vox::tasks {

/// What was generated of one case, [D,H,W] float32 on the host, -1 .. 1; -1 where no condition shows anything.
struct GeneratedChannel {
    int64_t channel = 0;
    at::Tensor mean;  // over the samples
    at::Tensor standard_deviation;  // over them (divided by their number less one); undefined for one sample
    at::Tensor first;  // the first sample
    at::Tensor foreground;  // [D,H,W] bool: where any condition shows something
};

/// Samples a diffusion of one channel under the condition of the others.  The noise is one field over the case, a pure function of
/// (seed, case, number of the sample).  A case larger than the window is foreseen window by window in every step; the foreseen volumes
/// are blended by the window's weights, and the step is made of the whole.
class SynthesisPredictor final : public infer::Predictor {
public:
    /// The model stays where it is (device, dtype).
    SynthesisPredictor(std::shared_ptr<nn::DenoisingModel> model, SynthesisFacts facts,
                       infer::DiffusionOptions diffusion, infer::SlidingWindowOptions window, SynthesisOptions options,
                       uint64_t seed);

    /// Any rank, no communication.  sample: image [C,D,H,W] normalised by percentiles; the target's own values are not looked at.
    /// Throws DataError where the case has no other channel to generate it from.
    GeneratedChannel generate(const data::Sample& sample, int64_t channel);

    /// The fixed target, or the one that was asked for by `ask`, or the only channel that the case lacks: "<name>_generated", and with
    /// several samples "<name>_sd", in intensities.  Throws DataError where none of these tells the channel.
    infer::Prediction predict(const data::Sample& sample) override;

    /// From now on `predict` generates this channel.  Throws ConfigError for a name that there is not, or another than the fixed one.
    void ask(const std::string& channel);
    /// From now on so many samples of a case.
    void set_samples(int64_t samples) { options_.samples = samples; }
    /// Which channel `predict` generates.  Throws as it does.
    int64_t channel_of(const data::CaseInfo& info) const;

    const SynthesisFacts& facts() const { return facts_; }

private:
    at::Tensor sample_once(const at::Tensor& conditions, int64_t channel, const ops::RandomKey& key);
    at::Tensor foreseen(const at::Tensor& windows, int64_t channel, int64_t t);

    std::shared_ptr<nn::DenoisingModel> model_;
    SynthesisFacts facts_;
    infer::DiffusionOptions diffusion_;
    ops::NoiseSchedule schedule_;
    infer::SlidingWindowOptions window_;
    SynthesisOptions options_;
    uint64_t seed_;
    int64_t asked_ = -1;
};

}  // namespace vox::tasks
