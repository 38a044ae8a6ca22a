#pragma once
// Questions as a network gets them: drawn for training items, chosen for validation, put together to batches.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/case_info.hpp"
#include "nn/prompted_segmentor.hpp"
#include "tasks/prompted_facts.hpp"
#include "tasks/prompted_options.hpp"

namespace vox::tasks {

struct PromptPoint {
    core::Double3 place{};  // in parts of the image, 0 to 1, D,H,W
    nn::PointKind kind = nn::PointKind::inside;
};

/// One question about one image.
struct Question {
    PromptForm form = PromptForm::words;
    size_t target = 0;  // into the case's targets
    std::vector<int64_t> words{};  // tokens; empty: it has none
    std::vector<PromptPoint> points{};
    std::vector<int64_t> answer{};  // tokens of the right one; empty: there is none
    int64_t position = -1;  // the right class; -1: none
    bool states_position = false;  // then position and answer are no finding
};

/// A voxel of the mask [D,H,W], as a point in its middle, each as likely as another; nothing where the mask is empty.
std::optional<PromptPoint> random_point(const at::Tensor& mask, const ops::RandomKey& key);

/// Image [B,C,D,H,W] and questions, one an item, as a network's inputs on the image's device.  Rows have the same length in every batch.
nn::PromptedInputs inputs_of(const at::Tensor& image, std::span<const Question> questions,
                             const nn::PromptedSegmentorOptions& network);
/// The right answers [B,most_answer_tokens], where there is none only kBeginToken; and the right positions [B], -1 where there is none.
at::Tensor answers_of(std::span<const Question> questions, const nn::PromptedSegmentorOptions& network,
                      at::Device device);
at::Tensor positions_of(std::span<const Question> questions, at::Device device);

/// Whether something of a case can be asked for: any thing by its place, but in words only what a question means alone.
bool can_be_asked(const data::CasePrompts& prompts, const PromptedOptions& options);

/// What cases are asked.
class Questioner {
public:
    Questioner(const PromptedFacts& facts, const nn::PromptedSegmentorOptions& network, const PromptedOptions& options);

    /// Throws DataError, naming the case, for a question or an answer that does not fit the network.
    void check(const data::CaseInfo& info) const;
    /// What a training item that is flipped along the axes (D, H, W) is asked: a pure function of its key.  Points lie at PromptTarget::inside.
    Question draw(const data::CaseInfo& info, const ops::RandomKey& key, const std::array<bool, 3>& flips) const;
    /// What validation asks of a case: each of its things in every form, in the order of the things.
    std::vector<Question> of_case(const data::CaseInfo& info, uint64_t seed) const;

private:
    Question in_words(const data::CasePrompts& prompts, size_t question, const std::array<bool, 3>& flips) const;
    Question by_place(const data::CaseInfo& info, PromptForm form, size_t target,
                      const std::array<bool, 3>& flips) const;
    void widen(Question& question, const data::CaseInfo& info, const ops::RandomKey& key) const;
    int64_t flipped_position(int64_t position, const std::array<bool, 3>& flips) const;
    std::vector<int64_t> tokens(const std::string& text, int64_t most, const std::array<bool, 3>& flips) const;

    PromptedFacts facts_;
    nn::PromptedSegmentorOptions network_;
    std::vector<PromptForm> forms_;
    PromptedOptions options_;
    std::array<std::vector<int64_t>, 8> exchanged_;  // by flips: 4 D + 2 H + W
};

}  // namespace vox::tasks
