#include "comm/stall.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "core/text.hpp"

namespace vox::comm {
namespace {

using core::Waits;
using State = RankStanding::State;

bool gets_on(const RankStanding& rank, double timeout_s) {
    const double limit = rank.standing.waits == Waits::for_peers ? std::min(1.0, timeout_s / 2) : timeout_s;
    return rank.standing.idle_s < limit;
}

std::string how_it_stands(const RankStanding& rank) {
    if (rank.state == State::gone) return "its process has ended";
    if (rank.state == State::silent) return "does not answer";
    const auto& now = rank.standing;
    std::string text =
        core::concat("after step ", now.step, ", ", now.doing.empty() ? "between activities" : now.doing);
    for (const std::string& other : now.beside) text += core::concat("; beside it: ", other);
    return text;
}

/// What ranks that stand alike have in common: numbers of seconds differ a little.
std::string line(const std::vector<int>& ranks, std::span<const RankStanding> all, const std::string& how) {
    const RankStanding& first = all[static_cast<size_t>(ranks.front())];
    double longest = 0;
    for (const int rank : ranks) longest = std::max(longest, all[static_cast<size_t>(rank)].standing.idle_s);
    std::string text = core::concat("\n  ", ranks.size() == 1 ? "rank " : "ranks ", core::join(ranks));
    if (ranks.size() == 1 && !first.host.empty()) text += core::concat(" on ", first.host);
    text += core::concat(": ", how);
    if (first.state == State::answers) text += core::concat(", for ", core::human_seconds(longest));
    return text;
}

std::string why(std::span<const RankStanding> ranks, const Verdict& verdict) {
    const std::string who =
        core::concat(verdict.suspects.size() == 1 ? "rank " : "ranks ", core::join(verdict.suspects));
    const auto any = [&](State state) {
        return std::ranges::any_of(ranks, [&](const auto& rank) { return rank.state == state; });
    };
    const char* verb = verdict.suspects.size() == 1 ? " has" : " have";
    if (any(State::gone)) return core::concat(who, verb, " died");
    if (any(State::silent))
        return core::concat(who, verdict.suspects.size() == 1 ? " does" : " do",
                            " not answer: stopped, or the host is lost");
    if (verdict.suspects.empty()) return "every rank waits for the others";
    return core::concat("nothing goes on, and ", who, verdict.suspects.size() == 1 ? " holds" : " hold",
                        ranks.size() == 1 ? " the run up" : " the others up");
}

/// Ranks in another collective than most: where all wait for peers, those few took another way.
std::vector<int> ranks_of_their_own(std::span<const RankStanding> ranks) {
    std::map<std::string, std::vector<int>> places;
    for (size_t i = 0; i < ranks.size(); ++i) places[ranks[i].standing.doing].push_back(static_cast<int>(i));
    size_t most = 0;
    for (const auto& [doing, who] : places) most = std::max(most, who.size());
    std::vector<int> few;
    for (const auto& [doing, who] : places)
        if (who.size() < most) few.insert(few.end(), who.begin(), who.end());
    std::ranges::sort(few);
    return few;
}

}  // namespace

Verdict judge(std::span<const RankStanding> ranks, double timeout_s) {
    std::vector<int> gone, silent, holding;
    bool someone_gets_on = false;
    for (size_t i = 0; i < ranks.size(); ++i) {
        const int rank = static_cast<int>(i);
        if (ranks[i].state == State::gone) gone.push_back(rank);
        if (ranks[i].state == State::silent) silent.push_back(rank);
        if (ranks[i].state != State::answers) continue;
        someone_gets_on = someone_gets_on || gets_on(ranks[i], timeout_s);
        if (ranks[i].standing.waits != Waits::for_peers) holding.push_back(rank);
    }
    Verdict verdict;
    verdict.all_answer = gone.empty() && silent.empty();
    verdict.ends = !verdict.all_answer || !someone_gets_on;
    verdict.suspects = !gone.empty()      ? gone
                       : !silent.empty()  ? silent
                       : !holding.empty() ? holding
                                          : ranks_of_their_own(ranks);
    return verdict;
}

std::string explain(std::span<const RankStanding> ranks, const Verdict& verdict) {
    std::string text = why(ranks, verdict);
    std::map<std::string, std::vector<int>> alike;
    for (size_t i = 0; i < ranks.size(); ++i) alike[how_it_stands(ranks[i])].push_back(static_cast<int>(i));
    std::vector<std::pair<std::vector<int>, std::string>> groups;
    for (const auto& [how, who] : alike) groups.emplace_back(who, how);
    std::ranges::sort(groups, {}, [](const auto& group) { return std::pair(group.first.size(), group.first.front()); });
    constexpr size_t kMost = 16;
    for (size_t i = 0; i < std::min(groups.size(), kMost); ++i) text += line(groups[i].first, ranks, groups[i].second);
    if (groups.size() > kMost) text += core::concat("\n  and ", groups.size() - kMost, " other ways to stand");
    return text;
}

std::string packed(const RankStanding& rank) {
    const auto& now = rank.standing;
    std::string text =
        core::concat(rank.host, '\n', now.step, ' ', now.idle_s, ' ', static_cast<int>(now.waits), '\n', now.doing);
    for (const std::string& other : now.beside) text += core::concat('\n', other);
    return text;
}

RankStanding unpacked(const std::string& text) {
    std::istringstream lines(text);
    RankStanding rank;
    rank.state = State::answers;
    std::string line;
    int waits = 0;
    std::getline(lines, rank.host);
    std::getline(lines, line);
    std::istringstream(line) >> rank.standing.step >> rank.standing.idle_s >> waits;
    rank.standing.waits = static_cast<Waits>(waits);
    std::getline(lines, rank.standing.doing);
    while (std::getline(lines, line)) rank.standing.beside.push_back(line);
    return rank;
}

}  // namespace vox::comm
