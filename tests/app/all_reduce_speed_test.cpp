#include "app/all_reduce_speed.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/world.hpp"

namespace vox::app {
namespace {

/// A ring moves, for each rank, (n - 1) pieces of bytes / n out while summing and as many while handing out, so that a link
/// that carries `rate` bytes a second takes 2 (n - 1) / n * bytes / rate seconds; the formula has to give `rate` back.
TEST(BusBandwidth, IsTheRateOfTheLinksOfARing) {
    constexpr double kRate = 12.5e9;
    constexpr int64_t kBytes = 840 * 4;  // divides by every number of ranks here
    for (int ranks = 2; ranks <= 8; ++ranks) {
        const double pieces = 2.0 * (ranks - 1), piece = static_cast<double>(kBytes) / ranks;
        EXPECT_NEAR(bus_bandwidth(kBytes, pieces * piece / kRate, ranks), kRate, 1e-3 * ranks) << ranks;
    }
}

TEST(BusBandwidth, HasTheFactorsThatNcclTestsPublishes) {
    EXPECT_DOUBLE_EQ(bus_bandwidth(1000, 1, 2), 1000);
    EXPECT_DOUBLE_EQ(bus_bandwidth(1000, 1, 4), 1500);
    EXPECT_DOUBLE_EQ(bus_bandwidth(1000, 0.5, 8), 3500);
    EXPECT_DOUBLE_EQ(bus_bandwidth(1000, 1, 1), 0);
}

TEST(MeasureAllReduce, IsTheSameOnEveryRankAndPositive) {
    constexpr int64_t kMost = int64_t{1} << 20;
    const auto speed = measure_all_reduce(test::world(), test::communicator(), kMost);
    EXPECT_GT(speed.latency_s, 0);
    EXPECT_GT(speed.seconds, 0);
    EXPECT_GE(speed.bytes, kMost >> 6);
    EXPECT_LE(speed.bytes, kMost);
    const double ranks = test::world().size();
    EXPECT_DOUBLE_EQ(test::world().sum({speed.seconds}).front(), ranks * test::world().max(speed.seconds));
    EXPECT_DOUBLE_EQ(test::world().sum({speed.latency_s}).front(), ranks * test::world().max(speed.latency_s));
}

/// A communicator on which the last rank's numbers get lost.
class Lossy final : public comm::Communicator {
public:
    explicit Lossy(comm::Communicator& real) : real_(real) {
        rank_ = real.rank();
        size_ = real.size();
    }
    std::string backend() const override { return "lossy"; }
    void all_reduce_sum(const at::Tensor& tensor) override {
        if (rank_ + 1 == size_) tensor.zero_();
        real_.all_reduce_sum(tensor);
    }
    std::unique_ptr<comm::Work> all_reduce_sum_async(const at::Tensor& t) override {
        return real_.all_reduce_sum_async(t);
    }
    at::Tensor reduce_scatter_sum(const at::Tensor& input) override { return real_.reduce_scatter_sum(input); }
    void broadcast(const at::Tensor& tensor, int root) override { real_.broadcast(tensor, root); }
    at::Tensor all_gather(const at::Tensor& tensor) override { return real_.all_gather(tensor); }
    std::vector<at::Tensor> all_gather_v(const at::Tensor& tensor) override { return real_.all_gather_v(tensor); }
    void barrier() override { real_.barrier(); }
    std::unique_ptr<comm::Communicator> duplicate() override { return real_.duplicate(); }

private:
    comm::Communicator& real_;
};

TEST(MeasureAllReduce, NoticesAWrongSumOnAllRanks) {
    Lossy lossy(test::communicator());
    EXPECT_THROW(measure_all_reduce(test::world(), lossy, 4096), core::PeerError);
}

}  // namespace
}  // namespace vox::app
