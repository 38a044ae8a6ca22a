#pragma once
// From a case and a question to the mask of what is meant, where it lies, and an answer in words.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/resize.hpp"
#include "data/transforms.hpp"
#include "infer/predictor.hpp"
#include "nn/prompted_segmentor.hpp"
#include "tasks/prompted_facts.hpp"
#include "tasks/prompted_questions.hpp"

namespace vox::tasks {

/// How a network gets cases: it sees them whole, at one size.
struct WholeImages {
    data::Resize resize;
    data::Intensities intensities;
};

/// What a network says to a question.
struct PromptAnswer {
    at::Tensor mask;  // [D,H,W] bool on the host, on the case's grid
    int64_t position = 0;  // position_class
    std::string words;  // empty where they were not asked for, or the network has none
};

class PromptedPredictor final : public infer::Predictor {
public:
    /// The model stays where it is (device, dtype).  `network`: with what follows from the data.
    PromptedPredictor(std::shared_ptr<nn::PromptedSegmentor> model, PromptedFacts facts,
                      nn::PromptedSegmentorOptions network, WholeImages images);

    /// A case as stored (Normalisation::none, not resized) as the network sees it; its label stays as it is.
    data::Sample prepared(const data::Sample& stored) const;
    /// Any rank, no communication: `seen` as `prepared` gives it.
    PromptAnswer ask(const data::Sample& seen, const Question& question, bool in_words);

    /// A prompt in words.  Throws DataError for a word that the network does not know, and for too many.
    std::vector<int64_t> tokens(const std::string& prompt) const;
    /// The question that `predict` asks.  Throws as `tokens`.
    void set_prompt(const std::string& prompt);
    /// A case as stored -> its label map, 1 where the thing is that set_prompt named.
    infer::Prediction predict(const data::Sample& stored) override;

    const PromptedFacts& facts() const { return facts_; }
    const nn::PromptedSegmentorOptions& network() const { return network_; }
    bool answers_in_words() const { return network_.answer_blocks > 0; }
    /// "in the left anterior superior octant near the centre".
    std::string position_text(int64_t position) const;

private:
    std::shared_ptr<nn::PromptedSegmentor> model_;
    PromptedFacts facts_;
    nn::PromptedSegmentorOptions network_;
    WholeImages images_;
    std::optional<Question> prompt_;
};

}  // namespace vox::tasks
