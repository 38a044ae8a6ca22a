#include "data/prompt_words.hpp"

#include <algorithm>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

const std::vector<std::string>& special_words() {
    static const std::vector<std::string> words{"<pad>", "<bos>", "<eos>"};
    return words;
}

std::string exchanged_word(const std::string& word, PositionSpace space, const std::array<bool, 3>& flips) {
    for (const auto& pair : side_pairs(space)) {
        if (!flips[pair.axis]) continue;
        if (word == pair.low) return pair.high;
        if (word == pair.high) return pair.low;
    }
    return word;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words(1);
    for (const char c : text) {
        const bool upper = c >= 'A' && c <= 'Z';
        const bool part =
            upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
        if (part) {
            words.back() += upper ? static_cast<char>(c - 'A' + 'a') : c;
        } else if (!words.back().empty()) {
            words.emplace_back();
        }
    }
    if (words.back().empty()) words.pop_back();
    return words;
}

std::string exchange_sides(std::string_view text, PositionSpace space, const std::array<bool, 3>& flips) {
    auto words = words_of(text);
    for (auto& word : words) word = exchanged_word(word, space, flips);
    return core::join(words, " ");
}

std::array<bool, 3> flips_that_rename(std::span<const std::string> structures, PositionSpace space) {
    std::array<bool, 3> result{};
    for (const auto& structure : structures) {
        for (const auto& word : words_of(structure)) {
            for (const auto& pair : side_pairs(space)) {
                if (pair.low != "left" && (word == pair.low || word == pair.high)) result[pair.axis] = true;
            }
        }
    }
    return result;
}

Vocabulary Vocabulary::of_texts(std::span<const std::string> texts, PositionSpace space) {
    std::set<std::string> known;
    for (const auto& text : texts) {
        for (const auto& word : words_of(text)) {
            known.insert(word);
            known.insert(exchanged_word(word, space, {true, true, true}));
        }
    }
    auto words = special_words();
    words.insert(words.end(), known.begin(), known.end());
    return Vocabulary(std::move(words));
}

Vocabulary::Vocabulary(std::vector<std::string> words) : words_(std::move(words)) {
    const auto& special = special_words();
    for (size_t i = 0; i < words_.size(); ++i) {
        const auto& word = words_[i];
        const bool fits = i < special.size() ? word == special[i] : words_of(word) == std::vector{word};
        if (!fits || !tokens_.emplace(word, static_cast<int64_t>(i)).second) {
            throw DataError(concat("vocabulary: '", word, "' cannot be word ", i, ": the first three are ",
                                   core::join(special), ", then follow words in lower case, each once"));
        }
    }
    if (words_.size() < special.size()) {
        throw DataError(concat("vocabulary: ", words_.size(), " words; the first three are ", core::join(special)));
    }
}

int64_t Vocabulary::token(const std::string& word, std::string_view text) const {
    const auto found = tokens_.find(word);
    if (found != tokens_.end()) return found->second;
    const auto plain = std::span(words_).subspan(special_words().size());
    const std::string near = core::nearest(word, plain);
    throw DataError(concat("the word '", word, "' of the prompt '", text, "' is not among the ", plain.size(),
                           " words that this network knows",
                           near.empty() ? "" : concat("; did you mean '", near, "'?")));
}

std::vector<int64_t> Vocabulary::encode(std::string_view text, size_t most) const {
    const auto words = words_of(text);
    if (words.empty()) throw DataError(concat("the prompt '", text, "' has no word: say what is to be segmented"));
    std::vector<int64_t> tokens{kBegin};
    for (const auto& word : words) tokens.push_back(token(word, text));
    tokens.push_back(kEnd);
    if (tokens.size() > most) {
        throw DataError(concat("the prompt '", text, "' has ", words.size(), " words; ", most < 2 ? 0 : most - 2,
                               " is the most that this network takes"));
    }
    return tokens;
}

std::string Vocabulary::decode(std::span<const int64_t> tokens) const {
    std::vector<std::string> words;
    for (const int64_t token : tokens) {
        core::check(token >= 0 && token < size(), concat("token ", token, " of a vocabulary of ", size()));
        if (token == kEnd) break;
        if (token > kEnd) words.push_back(words_[static_cast<size_t>(token)]);
    }
    return core::join(words, " ");
}

std::vector<int64_t> Vocabulary::exchanged(PositionSpace space, const std::array<bool, 3>& flips) const {
    std::vector<int64_t> table;
    for (const auto& word : words_) {
        const auto found = tokens_.find(exchanged_word(word, space, flips));
        core::check(found != tokens_.end(), concat("the vocabulary has '", word, "' without its counterpart"));
        table.push_back(found->second);
    }
    return table;
}

}  // namespace vox::data
