#pragma once
// From a volume, and the table's row of its case, to a risk and the probability to be without an event for a while.

#include <memory>
#include <vector>

#include "data/transforms.hpp"
#include "infer/predictor.hpp"
#include "nn/resnet_3d.hpp"
#include "tasks/survival_facts.hpp"

namespace vox::tasks {

class SurvivalPredictor final : public infer::Predictor {
public:
    /// The model stays where it is (device, dtype).  `uses_table`: whether it takes rows.  `times`: of S(t), where the facts have a
    /// baseline hazard.
    SurvivalPredictor(std::shared_ptr<nn::ResNet3d> model, SurvivalFacts facts, bool uses_table,
                      std::vector<double> times);

    /// Any rank, no communication: what the network says of one case, [out_channels] float64 on the host.  Throws DataError where the
    /// table's row cannot be made of the case's columns.
    std::vector<double> evaluate(const data::Sample& sample);

    /// "risk", the logarithm of the hazard ratio (the higher, the earlier the event), and "S(t)" for each time; of a regression the
    /// columns by name.
    infer::Prediction predict(const data::Sample& sample) override;

    const SurvivalFacts& facts() const { return facts_; }
    bool uses_table() const { return uses_table_; }

private:
    std::shared_ptr<nn::ResNet3d> model_;
    SurvivalFacts facts_;
    bool uses_table_;
    std::vector<double> times_;
};

/// "S(2)": the name of the probability that there has been no event by then.
std::string survival_name(double time);

}  // namespace vox::tasks
