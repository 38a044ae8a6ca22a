#pragma once
// How well a prompted network finds what is meant.

#include <optional>
#include <span>
#include <vector>

#include "data/shard_reader.hpp"
#include "metrics/figures.hpp"
#include "report/figures_table.hpp"
#include "report/png.hpp"
#include "tasks/prompted_predictor.hpp"
#include "train/task.hpp"

namespace vox::tasks {

/// What became of one question.  Masks are compared on the case's own grid.
struct JudgedQuestion {
    PromptForm form = PromptForm::words;
    double dice = 0, iou = 0;
    double dice_other = 0;  // with that of the case's other things which it meets most; NaN where there is no other
    std::optional<bool> position_right{},
        answer_right{};  // nothing where the question gave them away, or there is none
};

struct JudgedPrompts {
    std::vector<JudgedQuestion> questions;
    std::optional<report::Image> preview;  // of the first question, where one was asked for
};

/// Any rank, no communication: asks what `questioner` has for the case.  A question whose thing has no voxel is InternalError.
JudgedPrompts judge_prompts(const data::ShardReader& reader, size_t index, PromptedPredictor& predictor,
                            const Questioner& questioner, uint64_t seed, bool preview);

/// Of one case, any number of each: "dice", "dice/words", "iou", "dice_other", "position_accuracy", "answer_match" (0 or 1 a question that
/// counts); once: "dice_worst", of the question with the worst mask.
metrics::Figures prompted_figures(std::span<const JudgedQuestion> questions);
/// The means over the questions of all cases: "dice" is mDice, "iou" mIoU as PRS-Med has them; of "dice_worst" over cases.
metrics::Figures summarise_prompted(std::span<const train::CaseFigures> cases);
/// A row a case, the means of its questions.
report::FiguresTable prompted_table(std::span<const train::CaseFigures> cases);

}  // namespace vox::tasks
