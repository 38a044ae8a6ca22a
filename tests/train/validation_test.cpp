#include "train/validation.hpp"

#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/error.hpp"
#include "support/world.hpp"

namespace vox::train {
namespace {

/// Figures that tell which case they are of, and how often each case was computed on this rank.
class CountingTask final : public Task {
public:
    explicit CountingTask(int64_t cases, int64_t failing = -1) : failing_(failing) {
        for (int64_t i = 0; i < cases; ++i)
            cases_.push_back(
                {"case_" + std::to_string(i), static_cast<size_t>(i), static_cast<double>(1 + (i * 7) % 5)});
    }
    torch::nn::Module& model() override { return *model_; }
    data::Loader& train_data() override { throw std::logic_error("not used"); }
    std::vector<Term> terms() const override { return {}; }
    std::vector<double> weights(const data::Batch&) const override { return {}; }
    std::vector<at::Tensor> loss_sums(const data::Batch&) override { return {}; }
    std::vector<ValidationCase> validation_cases() const override { return cases_; }
    CaseFigures validate_case(const ValidationCase& which, bool preview) override {
        if (static_cast<int64_t>(which.index) == failing_) throw core::DataError("case " + which.id + " is damaged");
        EXPECT_FALSE(model_->is_training());
        ++computed;
        CaseFigures result{
            which.id, {{"a", 0.1 * static_cast<double>(which.index)}, {"b", std::nan("")}}, std::nullopt};
        if (preview) result.preview = report::Image{1, 1, 1, {7}, {}};
        return result;
    }
    metrics::Figures summarise(std::span<const CaseFigures> cases) const override {
        double sum = 0;
        for (const auto& one : cases) sum += one.figures.at(0).second;
        return {{"mean", sum / static_cast<double>(cases.size())}};
    }
    KeyMetric key_metric() const override { return {"mean", true}; }
    infer::Predictor& predictor() override { throw std::logic_error("not used"); }
    std::string data_digest() const override { return ""; }

    int64_t computed = 0;

private:
    std::vector<ValidationCase> cases_;
    int64_t failing_;
    torch::nn::Linear model_{1, 1};
};

TEST(Validation, EachCaseIsComputedOnceAndFiguresAreExactOnEveryRank) {
    CountingTask task(7);
    const auto result = validate(task, test::world());
    EXPECT_EQ(test::world().sum({static_cast<double>(task.computed)}).front(), 7);
    ASSERT_EQ(result.cases.size(), 7u);
    for (size_t i = 0; i < 7; ++i) {
        EXPECT_EQ(result.cases[i].case_id, "case_" + std::to_string(i));
        EXPECT_EQ(result.cases[i].figures.at(0), (std::pair<std::string, double>{"a", 0.1 * static_cast<double>(i)}));
        EXPECT_TRUE(std::isnan(result.cases[i].figures.at(1).second));
    }
    EXPECT_DOUBLE_EQ(result.summary.at(0).second, 0.3);
    EXPECT_EQ(result.preview.has_value(), test::world().is_root());
    EXPECT_TRUE(task.model().is_training());
}

// Lists of any length go as figures of one name; infinite and missing ones arrive as they are.
TEST(Validation, FiguresMayRepeatTheirNameAndBeInfinite) {
    const auto cases = CountingTask(5).validation_cases();
    const auto figures = figures_of_cases(cases, test::world(), "counting", [](size_t i) {
        CaseFigures one{"", {{"infinite", INFINITY}}, std::nullopt};
        for (size_t n = 0; n < i; ++n) one.figures.emplace_back("candidate", 0.1 + static_cast<double>(n));
        return one;
    });
    ASSERT_EQ(figures.size(), 5u);
    for (size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(figures[i].case_id, cases[i].id);
        ASSERT_EQ(figures[i].figures.size(), 1 + i);
        EXPECT_EQ(figures[i].figures[0].second, INFINITY);
        for (size_t n = 0; n < i; ++n)
            EXPECT_EQ(figures[i].figures[n + 1],
                      (std::pair<std::string, double>{"candidate", 0.1 + static_cast<double>(n)}));
    }
}

TEST(Validation, FewerCasesThanRanks) {
    CountingTask task(1);
    EXPECT_DOUBLE_EQ(validate(task, test::world()).summary.at(0).second, 0.0);
}

TEST(Validation, AFailingCaseIsAnErrorOnAllRanks) {
    CountingTask task(7, 5);
    EXPECT_THROW(validate(task, test::world()), core::Error);
}

TEST(Validation, WorkIsSharedEvenly) {
    std::vector<ValidationCase> cases;
    double total = 0;
    for (size_t i = 0; i < 40; ++i) {
        cases.push_back({"c", i, static_cast<double>(10 + (i * 37) % 23)});
        total += cases.back().work;
    }
    const auto owner = shard_by_work(cases, 4);
    std::vector<double> load(4, 0.0);
    for (size_t i = 0; i < cases.size(); ++i) load[static_cast<size_t>(owner[i])] += cases[i].work;
    EXPECT_EQ(owner[0], 0);
    EXPECT_LT(*std::ranges::max_element(load), 1.1 * total / 4);
}

}  // namespace
}  // namespace vox::train
