#pragma once
// What ranks report when one of them waits for too long, and what follows from it.  Pure: no communication.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/activity.hpp"

namespace vox::comm {

/// How one rank stands, as rank 0 knows it.
struct RankStanding {
    enum class State { answers, silent, gone };  // silent: no answer in time; gone: its process ended
    State state = State::silent;
    std::string host;
    core::Standing standing;  // where it answers
};

/// What rank 0 decides about all ranks.
struct Verdict {
    bool ends = false;          // the job cannot go on
    bool all_answer = false;    // so that a rescue is possible
    std::vector<int> suspects;  // those to look at first: who is gone, who is silent, else who holds the others up
};

/// A job ends where a rank is gone or silent, or where no rank gets on: each waits for the others, or has made no progress for
/// `timeout_s`.  A rank that has just begun to wait is taken for one that gets on.
Verdict judge(std::span<const RankStanding> ranks, double timeout_s);

/// For the log, several lines: why the job ends and how each rank stands, ranks that stand alike together.
std::string explain(std::span<const RankStanding> ranks, const Verdict& verdict);

/// The standing as text for a message, and back.
std::string packed(const RankStanding& rank);
RankStanding unpacked(const std::string& text);

}  // namespace vox::comm
