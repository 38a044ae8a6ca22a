#pragma once

#include "app/prompt_list.hpp"
#include "app/result_files.hpp"
#include "tasks/prompted_predictor.hpp"

namespace vox::app {

/// All ranks: of each case and prompt the mask, <case>.nii.gz, or <case>_1.nii.gz, _2, ... where it has several prompts, 1 where the
/// thing is, on the grid of the case's files (of pictures <case>.png, 255 where it is); and answers.csv with a line a prompt: where the thing lies, and the answer in words.
/// Returns the number of cases.  Throws as InputCases; DataError for prompts of cases that are not there and, naming the cases at the
/// end, for cases without a prompt, words that the network does not know, and points outside of an image.
size_t answer_prompts(comm::World& world, const ResultFolders& folders, tasks::PromptedPredictor& predictor,
                      const PromptList& prompts);

}  // namespace vox::app
