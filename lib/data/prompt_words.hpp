#pragma once
// The words of prompts and answers as numbers: a closed vocabulary, one token a word.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tokens.hpp"
#include "data/prompt_position.hpp"

namespace vox::data {

/// The words of a text, in lower case: runs of ASCII letters and digits, and of bytes beyond ASCII, which stay as they are.  All
/// else parts words: "X-ray: lung_lower-lobe." is x, ray, lung, lower, lobe.
std::vector<std::string> words_of(std::string_view text);

/// The text with the words exchanged that name sides along the flipped axes (D, H, W), parted by single spaces, without
/// punctuation.  Names of structures are not spared: the mirrored left kidney is where, and what, a right one is.
std::string exchange_sides(std::string_view text, PositionSpace space, const std::array<bool, 3>& flips);
/// Along which axes (D, H, W) a flip would rename one of these structures to something else than its counterpart: their names
/// hold "superior", "anterior" or the like ("superior vena cava").  Left and right do not count.
std::array<bool, 3> flips_that_rename(std::span<const std::string> structures, PositionSpace space);

/// Words and their tokens.  Tokens 0, 1 and 2 are <pad>, <bos> and <eos>.
class Vocabulary {
public:
    static constexpr int64_t kPad = core::kPadToken, kBegin = core::kBeginToken, kEnd = core::kEndToken;

    /// All words of these texts, in alphabetical order from token 3 on, and with a side its counterpart, so that it is closed
    /// under `exchange_sides`.  The order and number of texts do not matter.
    static Vocabulary of_texts(std::span<const std::string> texts, PositionSpace space);
    /// As `words()` gave them, which checkpoints keep.  Throws DataError unless they are such: <pad> <bos> <eos>, then words each
    /// once.
    explicit Vocabulary(std::vector<std::string> words);

    int64_t size() const { return static_cast<int64_t>(words_.size()); }
    /// By token.
    const std::vector<std::string>& words() const { return words_; }

    /// <bos>, the text's words, <eos>.  Throws DataError: a text without a word; more than `most` tokens; a word that is not
    /// known, with the nearest one that is.
    std::vector<int64_t> encode(std::string_view text, size_t most) const;
    /// The words up to <eos> or the end, parted by spaces; <bos> and <pad> say nothing.  Throws InternalError for a number that is no
    /// token.
    std::string decode(std::span<const int64_t> tokens) const;
    /// By token, the token that `exchange_sides` makes of it.
    std::vector<int64_t> exchanged(PositionSpace space, const std::array<bool, 3>& flips) const;

private:
    int64_t token(const std::string& word, std::string_view text) const;

    std::vector<std::string> words_;
    std::map<std::string, int64_t, std::less<>> tokens_;
};

}  // namespace vox::data
