#pragma once
// What single cells of a table of survival say.

#include <string>

namespace vox::data {

/// Lower case (ASCII) without spaces and tabs at both ends.
std::string plain_word(const std::string& text);
/// Nothing, or a word for it: NA, N/A, nan, null, in any case.
bool says_nothing(const std::string& cell);

/// What a cell says, or why not ("is blank"); `problem` is empty where it says it.
struct TimeCell {
    double time = 0;
    bool alive = false;  // the text of BraTS's tables was there
    std::string problem{};
};
/// A number that is finite and not negative.
TimeCell time_of(const std::string& cell);
/// Such a number, or "ALIVE (361 days later)", as the tables of BraTS have it for whom the event did not come.
TimeCell brats_time_of(const std::string& cell);

struct WordCell {
    std::string word;
    std::string problem{};
};
/// "1" for 1, true, yes; "0" for 0, false, no; in any case.
WordCell event_of(const std::string& cell);
/// "train", "val" (also valid, validation), "test"; in any case.
WordCell split_of(const std::string& cell);

/// The shortest decimal text that reads back as this number, without an exponent.
std::string shortest_decimal(double value);

}  // namespace vox::data
