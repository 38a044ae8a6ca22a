#pragma once
// What a prompted network must know besides its weights.  Kept in checkpoints, so that `infer` needs no training data.

#include <map>
#include <string>
#include <vector>

#include "data/prompt_words.hpp"
#include "data/shard_reader.hpp"
#include "nn/prompted_segmentor_options.hpp"

namespace vox::tasks {

struct PromptedFacts {
    std::vector<std::string> channels;
    data::PositionSpace space = data::PositionSpace::patient;
    data::Vocabulary vocabulary{{"<pad>", "<bos>", "<eos>"}};

    std::map<std::string, std::string> to_texts() const;
    /// Throws DataError for texts that `to_texts` did not write.
    static PromptedFacts from_texts(const std::map<std::string, std::string>& texts);
    /// The network's options with what follows from the data.
    nn::PromptedSegmentorOptions complete(nn::PromptedSegmentorOptions options) const;
};

/// Any rank.  The vocabulary holds the words of all questions and answers of the data set, whatever its splits, and of all templates
/// with its structures and modalities, so that `infer` may ask what no case was asked.  Throws DataError where no case has anything
/// that can be asked for, or cases are pictures in part.
PromptedFacts prompted_facts(const data::ShardReader& reader);

/// Words that cases other than `training` have in questions and answers, and those never, in alphabetical order: nothing is learnt of them.
std::vector<std::string> words_never_trained(const data::ShardReader& reader, const std::vector<size_t>& training);

}  // namespace vox::tasks
