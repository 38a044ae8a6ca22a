#include "tasks/cascade_options.hpp"

#include "core/text.hpp"

namespace vox::tasks {

void CascadeOptions::read(config::Section& section, const nn::ModelOptions& model) {
    section.value("stage", stage, "the stage that this run trains, from 1; those before it stay as they are");
    section.value("previous_run", previous_run,
                  "stage 2 and 3: the run (or its checkpoints/, or one checkpoint) that trained the stage before; its "
                  "best weights go into this run's checkpoints");
    section.choice("objective", objective, {"diffusion", "direct"},
                   "diffusion: volumes come out of noise, in diffusion.steps evaluations; direct: out of the X-rays in "
                   "one, by the mean squared error");
    section.value("physics_weight", physics_weight,
                  "weight of the radiographs in the loss: how far those of the foreseen volume are from the X-rays, "
                  "squared, in units of line integrals of attenuation; 0: none");
    section.value("previous_noise_most", previous_noise_most,
                  "stage 2 and 3 learn from true volumes of the stage before with noise of a timestep up to this share "
                  "of the schedule, so that a volume that is not true does not mislead them; 0: no noise");
    section.value("previous_noise", previous_noise,
                  "the share of the schedule whose noise the volume of the stage before gets where volumes are made");
    section.value(
        "samples", samples,
        "volumes that are made of a case: their mean is the result, their standard deviation its uncertainty");
    network.read(section, model);
    section.require(stage >= 1 && stage <= network.num_stages,
                    core::concat("stage is ", stage, ", there are stages 1 to ", network.num_stages));
    section.require(physics_weight >= 0, "physics_weight must not be negative");
    section.require(previous_noise_most >= 0 && previous_noise_most <= 1, "previous_noise_most must be within 0 .. 1");
    section.require(previous_noise >= 0 && previous_noise <= previous_noise_most,
                    core::concat("previous_noise is ", previous_noise, ", it must be within 0 .. previous_noise_most, ",
                                 previous_noise_most, ": no other was learnt"));
    section.require(samples >= 1, "samples must be at least 1");
    section.require(samples == 1 || objective == "diffusion",
                    "samples of objective: direct are all the same; leave samples at 1");
}

core::Index3 CascadeOptions::volume_size(size_t stage_index) const {
    const auto& size = network.stages.at(stage_index).volume_size;
    return {size[0], size[1], size[2]};
}

}  // namespace vox::tasks
