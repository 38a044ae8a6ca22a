#include "comm/stall.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vox::comm {
namespace {

using core::Waits;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using State = RankStanding::State;

constexpr double kTimeoutS = 10;

RankStanding answers(Waits waits, double idle_s, const std::string& doing = "step") {
    return {State::answers, "node1", {7, idle_s, waits, doing, {}}};
}

RankStanding lost(State state) { return {state, "", {}}; }

Verdict judged(const std::vector<RankStanding>& ranks) { return judge(ranks, kTimeoutS); }

TEST(Stall, GoesOnWhileAnyRankGetsOn) {
    const auto waiting = answers(Waits::for_peers, 11, "all-reduce");
    EXPECT_FALSE(judged({waiting, answers(Waits::for_nothing, 9)}).ends) << "it computes, and began something 9 s ago";
    EXPECT_FALSE(judged({waiting, answers(Waits::for_data, 9)}).ends) << "its threads read";
    EXPECT_FALSE(judged({waiting, answers(Waits::for_peers, 0.5)}).ends) << "it has only just come";
}

TEST(Stall, EndsWhereNobodyGetsOn) {
    const auto waiting = answers(Waits::for_peers, 11, "all-reduce");
    for (const auto& other :
         {answers(Waits::for_nothing, 11), answers(Waits::for_data, 11), answers(Waits::for_peers, 2)}) {
        const Verdict verdict = judged({waiting, other, waiting});
        EXPECT_TRUE(verdict.ends);
        EXPECT_TRUE(verdict.all_answer);
        EXPECT_THAT(verdict.suspects, ElementsAre(1));
    }
    const Verdict alone = judged({answers(Waits::for_data, 11, "reading")});
    EXPECT_TRUE(alone.ends);
    EXPECT_THAT(alone.suspects, ElementsAre(0));
}

TEST(Stall, EndsWhereARankIsSilentOrGoneWhateverTheOthersDo) {
    const auto busy = answers(Waits::for_nothing, 0);
    for (const State state : {State::silent, State::gone}) {
        const Verdict verdict = judged({busy, busy, lost(state)});
        EXPECT_TRUE(verdict.ends);
        EXPECT_FALSE(verdict.all_answer);
        EXPECT_THAT(verdict.suspects, ElementsAre(2));
    }
    EXPECT_THAT(judged({busy, lost(State::gone), lost(State::silent)}).suspects, ElementsAre(1))
        << "who died is the cause";
}

TEST(Stall, WhereAllWaitForEachOtherTheFewAreSuspected) {
    const auto one = answers(Waits::for_peers, 11, "all_reduce #7"),
               other = answers(Waits::for_peers, 11, "barrier #7");
    EXPECT_THAT(judged({one, one, other, one}).suspects, ElementsAre(2));
    EXPECT_THAT(judged({one, one}).suspects, IsEmpty());
}

TEST(Stall, TheExplanationNamesRanksPlacesAndSeconds) {
    auto culprit = answers(Waits::for_data, 12, "step > reading training data");
    culprit.host = "node2";
    culprit.standing.beside = {"reading a crop of case_012"};
    const auto waiting = answers(Waits::for_peers, 11, "step > World::all_ok");
    const std::vector<RankStanding> ranks{waiting, culprit, waiting, waiting};
    EXPECT_EQ(explain(ranks, judged(ranks)),
              "nothing goes on, and rank 1 holds the others up\n"
              "  rank 1 on node2: after step 7, step > reading training data; beside it: reading a crop of case_012, "
              "for 12.0 s\n"
              "  ranks 0, 2, 3: after step 7, step > World::all_ok, for 11.0 s");
    const std::vector<RankStanding> dead{waiting, lost(State::gone)};
    EXPECT_THAT(explain(dead, judged(dead)), HasSubstr("rank 1 has died\n  rank 0 on node1: after step 7"));
    const std::vector<RankStanding> still{lost(State::silent), waiting, lost(State::silent)};
    EXPECT_THAT(explain(still, judged(still)), HasSubstr("ranks 0, 2 do not answer"));
}

TEST(Stall, StandingsTravelAsText) {
    auto rank = answers(Waits::for_data, 1.5, "step > reading");
    rank.standing.beside = {"one", "two"};
    const RankStanding same = unpacked(packed(rank));
    EXPECT_EQ(same.state, State::answers);
    EXPECT_EQ(same.host, "node1");
    EXPECT_EQ(same.standing.step, 7);
    EXPECT_EQ(same.standing.idle_s, 1.5);
    EXPECT_EQ(same.standing.waits, Waits::for_data);
    EXPECT_EQ(same.standing.doing, "step > reading");
    EXPECT_THAT(same.standing.beside, ElementsAre("one", "two"));
    EXPECT_EQ(unpacked(packed({State::answers, "n", {}})).standing.doing, "");
}

}  // namespace
}  // namespace vox::comm
