#include "train/ema.hpp"

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "core/error.hpp"
#include "support/read_options.hpp"

namespace vox::train {
namespace {

using checkpoint::NamedTensors;

NamedTensors make_model(double value) {
    return {{"w", at::full({2, 3}, value, at::TensorOptions(at::kDouble))},
            {"running_mean", at::full({3}, -value, at::TensorOptions(at::kDouble))},
            {"num_batches_tracked", at::full({}, static_cast<int64_t>(value), at::TensorOptions(at::kLong))}};
}

void set(const NamedTensors& model, double value) { checkpoint::copy_into(model, make_model(value), "test"); }

double first(const at::Tensor& tensor) { return tensor.flatten()[0].item<double>(); }

TEST(Ema, FollowsTheFormulaWithAndWithoutWarmup) {
    for (const bool warmup : {true, false}) {
        const NamedTensors model = make_model(1);
        Ema ema({true, 0.6, warmup}, model);
        double expected = 1;
        for (int n = 0; n < 40; ++n) {
            const double weights = 3 + n % 7;
            set(model, weights);
            ema.update();
            const double decay = warmup ? std::min(0.6, (1.0 + n) / (10.0 + n)) : 0.6;
            expected = decay * expected + (1 - decay) * weights;
            EXPECT_NEAR(first(ema.state()[0].value), expected, 1e-12) << n;
            EXPECT_NEAR(first(ema.state()[1].value), -expected, 1e-12) << n;  // floating buffers are averaged too
            EXPECT_EQ(ema.state()[2].value.item<int64_t>(), static_cast<int64_t>(weights));  // counts are not
        }
        EXPECT_EQ(ema.updates(), 40);
    }
}

TEST(Ema, SwapsInPlaceAndBack) {
    const NamedTensors model = make_model(1);
    const void* address = model[0].value.const_data_ptr();
    Ema ema({true, 0.5, false}, model);
    set(model, 3);
    ema.update();
    std::timed_mutex changing;
    {
        const EmaScope scope(&ema, changing);
        EXPECT_TRUE(ema.is_swapped());
        EXPECT_EQ(first(model[0].value), 2);
        EXPECT_EQ(first(model[1].value), -2);
        EXPECT_THROW(ema.update(), core::InternalError);
    }
    EXPECT_EQ(first(model[0].value), 3);
    EXPECT_EQ(first(ema.state()[0].value), 2);
    EXPECT_EQ(model[0].value.const_data_ptr(), address);
    const EmaScope none(nullptr, changing);
    EXPECT_EQ(first(model[0].value), 3);
}

TEST(Ema, GoesOnFromAStoredStateBitForBit) {
    const NamedTensors model = make_model(1);
    Ema whole({true, 0.9, true}, model);
    Ema before({true, 0.9, true}, model);
    for (int n = 0; n < 5; ++n) {
        set(model, 0.1 * n);
        whole.update();
        before.update();
    }
    Ema after({true, 0.9, true}, model);
    after.load_state(before.state(), before.updates());
    for (int n = 0; n < 5; ++n) {
        set(model, 0.7 * n);
        whole.update();
        after.update();
    }
    for (size_t i = 0; i < model.size(); ++i) EXPECT_TRUE(at::equal(whole.state()[i].value, after.state()[i].value));
    EXPECT_THROW(after.load_state({}, 0), core::DataError);
}

TEST(EmaOptions, EveryKeyIsReadAndNonsenseRefused) {
    const auto read = vox::test::read_options<EmaOptions>;
    const auto options = read("{enabled: true, decay: 0.5, warmup: false}");
    EXPECT_TRUE(options.enabled);
    EXPECT_EQ(options.decay, 0.5);
    EXPECT_FALSE(options.warmup);
    EXPECT_THROW(read("decay: 1"), core::ConfigError);
}

}  // namespace
}  // namespace vox::train
