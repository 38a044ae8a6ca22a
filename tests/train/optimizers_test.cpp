#include "train/optimizers.hpp"

#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>

#include "core/error.hpp"
#include "support/read_options.hpp"
#include "train/golden.hpp"
#include "train/schedules.hpp"

namespace vox::train {
namespace {

using checkpoint::NamedTensors;
using test::golden;
using testing::HasSubstr;

// The formulas of tools/golden/train.py.
at::Tensor wave(std::vector<int64_t> shape, double phase, at::ScalarType dtype) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    std::vector<double> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(std::sin(0.7 * static_cast<double>(i) + phase));
    return at::from_blob(values.data(), shape, at::TensorOptions(at::kDouble)).to(dtype, false, /*copy=*/true);
}

NamedTensors make_parameters(at::ScalarType dtype) {
    return {{"conv.weight", wave({3, 2, 2, 2, 2}, 0, dtype)},
            {"conv.bias", wave({3}, 0.3, dtype)},
            {"head.weight", wave({2, 5}, 0.6, dtype)}};
}

StepRates rates_of(const std::string& name, int step) {
    if (!name.ends_with("onecycle")) return 0.01 * (1 + step % 3);
    ScheduleOptions options;
    options.name = "onecycle";
    const Schedule cycle(options, 0.03, 20);
    return {cycle.lr(step), cycle.momentum(step)};
}

void push(const NamedTensors& parameters, int step) {
    for (const auto& [name, parameter] : parameters) {
        const at::Tensor push = wave(parameter.sizes().vec(), 1.0 + step, parameter.scalar_type());
        parameter.mutable_grad() = parameter.detach().mul(0.3).add(push);
    }
}

void train(const std::string& name, Optimizer& optimizer, const NamedTensors& parameters, int from, int to) {
    for (int step = from; step < to; ++step) {
        push(parameters, step);
        optimizer.step(rates_of(name, step));
    }
}

OptimizerOptions options_of(const std::string& name) {
    OptimizerOptions options;
    options.name = name.substr(0, name.find('_'));
    options.amsgrad = name.ends_with("amsgrad") || name.ends_with("onecycle");
    options.decay_norm_and_bias = name == "adamw_decay_all" || name.ends_with("onecycle");
    options.nesterov = name == "sgd_nesterov";
    options.momentum = name == "sgd" ? 0 : 0.9;
    if (name == "novograd_onecycle") {
        options.weight_decay = 0.01;
        options.betas = {0.9, 0.98};
        return options;
    }
    options.weight_decay = 0.05;
    options.betas = {0.8, 0.95};
    options.eps = 1e-6;
    return options;
}

void expect_golden(const NamedTensors& parameters, const nlohmann::json& expected, double tolerance) {
    for (const auto& [name, parameter] : parameters) {
        const at::Tensor values = parameter.detach().to(at::kDouble).contiguous();
        const auto& reference = expected.at(name);
        ASSERT_EQ(reference.size(), static_cast<size_t>(values.numel()));
        for (int64_t i = 0; i < values.numel(); ++i) {
            EXPECT_NEAR(values.const_data_ptr<double>()[i], reference[static_cast<size_t>(i)].get<double>(), tolerance)
                << name << ' ' << i;
        }
    }
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, TwentyStepsEqualTorchAndMonai) {
    for (const auto& [dtype, key, tolerance] :
         {std::tuple(at::kDouble, "float64", 1e-13), std::tuple(at::kFloat, "float32", 2e-6)}) {
        SCOPED_TRACE(key);
        const NamedTensors parameters = make_parameters(dtype);
        const auto optimizer = make_optimizer(options_of(GetParam()), parameters);
        train(GetParam(), *optimizer, parameters, 0, 20);
        expect_golden(parameters, golden("optimizers").at(GetParam()).at(key), tolerance);
    }
}

TEST_P(Golden, GoesOnFromAStoredStateBitForBit) {
    const NamedTensors whole = make_parameters(at::kFloat);
    const auto undisturbed = make_optimizer(options_of(GetParam()), whole);
    train(GetParam(), *undisturbed, whole, 0, 20);

    const NamedTensors first = make_parameters(at::kFloat);
    const auto before = make_optimizer(options_of(GetParam()), first);
    train(GetParam(), *before, first, 0, 7);
    NamedTensors second = make_parameters(at::kFloat);
    checkpoint::copy_into(second, first, "test");
    const auto after = make_optimizer(options_of(GetParam()), second);
    after->load_state(before->state());
    train(GetParam(), *after, second, 7, 20);
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(at::equal(whole[i].value, second[i].value)) << whole[i].name;
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Golden,
                         testing::Values("adamw", "adamw_decay_all", "adamw_amsgrad", "adam", "adam_amsgrad",
                                         "novograd", "novograd_amsgrad", "novograd_onecycle", "sgd_nesterov",
                                         "sgd_momentum", "sgd"),
                         [](const auto& param) { return param.param; });

TEST(Novograd, EveryStepEqualsMonais) {
    for (const std::string name : {"novograd", "novograd_amsgrad", "novograd_onecycle"}) {
        SCOPED_TRACE(name);
        const NamedTensors parameters = make_parameters(at::kDouble);
        const auto optimizer = make_optimizer(options_of(name), parameters);
        const auto expected = golden("novograd").at(name);
        ASSERT_EQ(expected.size(), 20u);
        for (int step = 0; step < 20; ++step) {
            train(name, *optimizer, parameters, step, step + 1);
            expect_golden(parameters, expected.at(static_cast<size_t>(step)), 1e-13);
        }
    }
}

// A gradient of zeros gives the second moment nothing to begin with: the first that is not zero does.
TEST(Novograd, TheFirstNormThatIsNotZeroIsCopied) {
    auto options = options_of("novograd_amsgrad");
    options.eps = 1e-12;
    const at::Tensor weight = at::zeros({2, 2}, at::kDouble);
    const auto optimizer = make_optimizer(options, {{"weight", weight}});
    weight.mutable_grad() = at::zeros({2, 2}, at::kDouble);
    optimizer->step(0.25);
    EXPECT_TRUE(at::equal(weight, at::zeros({2, 2}, at::kDouble)));
    weight.mutable_grad() = at::full({2, 2}, 3.0, at::kDouble);  // of norm 6
    optimizer->step(0.25);
    EXPECT_LE(weight.add(0.125).abs().max().item<double>(), 1e-12);
}

TEST(Novograd, StoresOneNumberATensor) {
    std::vector<std::string> names;
    for (const auto& [name, value] :
         make_optimizer(options_of("novograd_amsgrad"), make_parameters(at::kFloat))->state()) {
        names.push_back(name);
        EXPECT_EQ(value.dim() == 0, !name.starts_with("exp_avg.")) << name;
        EXPECT_EQ(value.scalar_type(), at::kFloat);
    }
    EXPECT_THAT(names, testing::UnorderedElementsAre("exp_avg.conv.weight", "exp_avg.conv.bias", "exp_avg.head.weight",
                                                     "exp_avg_sq.conv.weight", "exp_avg_sq.conv.bias",
                                                     "exp_avg_sq.head.weight", "max_exp_avg_sq.conv.weight",
                                                     "max_exp_avg_sq.conv.bias", "max_exp_avg_sq.head.weight"));
}

TEST(Optimizer, TheMomentumOfAStepStandsForThatOfTheOptions) {
    for (const std::string name : {"adamw", "adam", "novograd", "sgd_nesterov", "sgd_momentum"}) {
        auto options = options_of(name);
        const NamedTensors given = make_parameters(at::kDouble), configured = make_parameters(at::kDouble);
        const auto with_rates = make_optimizer(options, given);
        options.momentum = options.betas[0] = 0.6;
        const auto with_options = make_optimizer(options, configured);
        for (int step = 0; step < 5; ++step) {
            push(given, step);
            push(configured, step);
            with_rates->step({0.01, 0.6});
            with_options->step(0.01);
        }
        for (size_t i = 0; i < given.size(); ++i) EXPECT_TRUE(at::equal(given[i].value, configured[i].value)) << name;
    }
    const NamedTensors given = make_parameters(at::kDouble), plain = make_parameters(at::kDouble);
    const auto with_rates = make_optimizer(options_of("sgd"), given),
               without = make_optimizer(options_of("sgd"), plain);
    for (int step = 0; step < 5; ++step) {
        push(given, step);
        push(plain, step);
        with_rates->step({0.01, 0.6});
        without->step(0.01);
    }
    for (size_t i = 0; i < given.size(); ++i) EXPECT_TRUE(at::equal(given[i].value, plain[i].value)) << "sgd without";
}

TEST(Optimizer, TakesChannelsLastWeightsAndGradientsOfAnyLayout) {
    for (const std::string name : {"adamw", "novograd_amsgrad", "sgd_nesterov"}) {
        NamedTensors parameters = make_parameters(at::kDouble);
        parameters[0].value = parameters[0].value.contiguous(at::MemoryFormat::ChannelsLast3d);
        const auto optimizer = make_optimizer(options_of(name), parameters);
        for (int step = 0; step < 20; ++step) {
            for (const auto& [key, parameter] : parameters) {
                const at::Tensor push = wave(parameter.sizes().vec(), 1.0 + step, at::kDouble);
                parameter.mutable_grad() =
                    parameter.detach().mul(0.3).add(push).contiguous();  // row-major beside channels-last
            }
            optimizer->step(0.01 * (1 + step % 3));
        }
        EXPECT_TRUE(parameters[0].value.is_contiguous(at::MemoryFormat::ChannelsLast3d));
        expect_golden(parameters, golden("optimizers").at(name).at("float64"), 1e-13);
    }
}

TEST(Optimizer, LeavesParametersWithoutAGradientAlone) {
    for (const std::string name : {"adamw", "novograd_amsgrad", "sgd_nesterov"}) {
        const NamedTensors parameters = make_parameters(at::kDouble);
        const at::Tensor before = parameters[2].value.clone();
        const auto optimizer = make_optimizer(options_of(name), parameters);
        parameters[0].value.mutable_grad() = wave({3, 2, 2, 2, 2}, 1, at::kDouble);
        optimizer->step(0.1);
        EXPECT_TRUE(at::equal(parameters[2].value, before));
        EXPECT_FALSE(at::equal(parameters[0].value, make_parameters(at::kDouble)[0].value));
    }
}

TEST(Optimizer, RefusesTheStateOfOtherParameters) {
    const auto small = make_optimizer(options_of("adamw"), {make_parameters(at::kFloat)[0]});
    const auto large = make_optimizer(options_of("adamw"), make_parameters(at::kFloat));
    try {
        large->load_state(small->state());
        FAIL();
    } catch (const core::DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr("6 missing: exp_avg.head.weight"));
    }
}

TEST(OptimizerOptions, EveryKeyIsReadAndNonsenseRefused) {
    const auto read = vox::test::read_options<OptimizerOptions>;
    const auto options = read(
        "{name: sgd, lr: 0.5, weight_decay: 0.25, betas: [0.5, 0.75], eps: 0.125, amsgrad: true, momentum: 0.5, "
        "nesterov: false, decay_norm_and_bias: true}");
    EXPECT_EQ(options.name, "sgd");
    EXPECT_EQ(options.lr, 0.5);
    EXPECT_EQ(options.weight_decay, 0.25);
    EXPECT_THAT(options.betas, testing::ElementsAre(0.5, 0.75));
    EXPECT_EQ(options.eps, 0.125);
    EXPECT_TRUE(options.amsgrad);
    EXPECT_EQ(options.momentum, 0.5);
    EXPECT_FALSE(options.nesterov);
    EXPECT_TRUE(options.decay_norm_and_bias);
    EXPECT_THAT(read("name: adam").betas, testing::ElementsAre(0.9, 0.999));
    EXPECT_THAT(read("name: novograd").betas, testing::ElementsAre(0.9, 0.98));
    EXPECT_THAT(read("{name: novograd, betas: [0.5, 0.75]}").betas, testing::ElementsAre(0.5, 0.75));
    for (const auto* text :
         {"name: lion", "lr: 0", "weight_decay: -1", "betas: [0.9]", "betas: [0.9, 1]", "eps: 0", "momentum: 1"}) {
        EXPECT_THROW(read(text), core::ConfigError) << text;
    }
}

}  // namespace
}  // namespace vox::train
