#include "data/transforms.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/crop.hpp"
#include "support/oracle.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

const std::vector<int64_t> shape{4, 9, 10, 11};
constexpr int64_t channel_voxels = 9 * 10 * 11;
const core::Index3 volume{40, 41, 21};
const core::Index3 crop_size{16, 15, 21};
const std::vector<core::Index3> small_volumes{{16, 12, 20}, {3, 14, 21}};

/// Channel 0 and 1: noise over a background of 0; channel 2: empty; channel 3: 0 and 5.
at::Tensor test_image() {
    at::Tensor image = at::empty(shape, at::kFloat);
    auto* voxels = image.mutable_data_ptr<float>();
    const ops::RandomKey key{11, 0, 0, 0};
    for (int64_t v = 0; v < 4 * channel_voxels; ++v) {
        const double u = ops::random_uniform(key, ops::Purpose::test_values, 0, static_cast<uint32_t>(v));
        const bool background = ops::random_uniform(key, ops::Purpose::test_values, 1, static_cast<uint32_t>(v)) < 0.4;
        const std::array<double, 4> values{std::floor(u * 900) + 20, u * u * 3 - 0.7, 0, 5};
        voxels[v] = background ? 0 : static_cast<float>(values[static_cast<size_t>(v / channel_voxels)]);
    }
    return image;
}

std::string list(const core::Index3& index) { return core::concat('[', core::join(index), ']'); }

std::vector<core::Index3> crop_voxels() {
    std::vector<core::Index3> voxels;
    for (int64_t k = 0; k < volume[0]; k += 3) {
        for (int64_t j = 0; j < volume[1]; j += 5) voxels.push_back({k, j, (k * j) % volume[2]});
    }
    return voxels;
}

/// MONAI's results for `test_image` and the draw of a key, computed once by tools/golden/transforms.py.
class Oracle {
public:
    static const Oracle& instance() {
        static const Oracle oracle;
        return oracle;
    }

    template <class T>
    std::vector<T> read(const std::string& name) const {
        std::ifstream file(folder_ / name, std::ios::binary);
        const auto bytes = std::filesystem::file_size(folder_ / name);
        std::vector<T> values(bytes / sizeof(T));
        file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(bytes));
        return values;
    }
    at::Tensor image(const std::string& name) const {
        auto values = read<float>(name);
        return at::from_blob(values.data(), shape, at::kFloat).clone();
    }
    CaseInfo info() const {
        CaseInfo info;
        info.id = "case";
        std::copy(shape.begin(), shape.end(), info.shape.begin());
        const auto rows = read<double>("statistics.f64");
        for (size_t c = 0; c < 4; ++c) {
            ChannelStatistics channel;
            channel.mean = rows[c * 7];
            channel.standard_deviation = rows[c * 7 + 1];
            channel.p01 = rows[c * 7 + 2];
            channel.p99 = rows[c * 7 + 3];
            channel.minimum = rows[c * 7 + 4];
            channel.maximum = rows[c * 7 + 5];
            channel.voxels = static_cast<int64_t>(rows[c * 7 + 6]);
            info.statistics.push_back(channel);
        }
        return info;
    }

    const Augmentation augmentation{0.5, {0, 1, 2}, 0.1, 0.1};
    const ops::RandomKey key{3, 1, 4, 1};

private:
    Oracle() {
        const at::Tensor image = test_image();
        std::ofstream(folder_ / "image.f32", std::ios::binary)
            .write(static_cast<const char*>(image.const_data_ptr()), static_cast<std::streamsize>(image.nbytes()));
        const AugmentationDraw draw = draw_augmentation(augmentation, key);
        std::vector<std::string> voxels, volumes;
        for (const auto& voxel : crop_voxels()) voxels.push_back(list(voxel));
        for (const auto& small : small_volumes) volumes.push_back(list(small));
        std::ofstream request(folder_ / "request.json");
        request.precision(17);
        request << "{\"shape\": [" << core::join(shape) << "], \"volume\": " << list(volume)
                << ", \"crop\": " << list(crop_size) << ", \"voxels\": [" << core::join(voxels)
                << "], \"small_volumes\": [" << core::join(volumes) << "], \"flip\": [" << core::join(draw.flip)
                << "], \"scale\": " << draw.scale << ", \"shift\": " << draw.shift << '}';
        request.close();
        core::check(test::run_oracle("tools/golden/transforms.py", folder_.path().string()) == 0, "the oracle failed");
    }

    test::TemporaryFolder folder_;
};

void augment(Batch& batch, const Augmentation& augmentation) {
    flip(batch, augmentation);
    scale_and_shift(batch, augmentation);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) { return a.sub(b).abs().max().item<double>(); }

TEST(Transforms, ZscoreIsMonaisNormalizeIntensity) {
    if (!test::has_oracle()) GTEST_SKIP() << "no Python with MONAI at VOX_PYTHON";
    const Oracle& monai = Oracle::instance();
    const CaseInfo info = monai.info();
    const std::array<const CaseInfo*, 1> cases{&info};
    const at::Tensor image = normalise(test_image().unsqueeze(0), cases, Normalisation::zscore_nonzero)[0];
    EXPECT_LE(largest_difference(image, monai.image("zscore.f32")), 2e-6);
    // Background stays exactly 0, and only it (the channel of 0 and 5 has no spread: 5 becomes 0 too).
    EXPECT_TRUE(at::equal(image.slice(0, 0, 2).ne(0), test_image().slice(0, 0, 2).ne(0)));
    EXPECT_TRUE(at::equal(image[2], test_image()[2]));
    EXPECT_EQ(image[3].abs().max().item<double>(), 0);
}

TEST(Transforms, ZscoreOfAllVoxelsIsMonaisNormalizeIntensity) {
    if (!test::has_oracle()) GTEST_SKIP() << "no Python with MONAI at VOX_PYTHON";
    const Oracle& monai = Oracle::instance();
    const CaseInfo info = monai.info();
    const std::array<const CaseInfo*, 1> cases{&info};
    const at::Tensor image = normalise(test_image().unsqueeze(0), cases, Normalisation::zscore)[0];
    // MONAI sums in float32; values reach 3, and after the scaling to 0 .. 1 they are rounded once more.
    EXPECT_LE(largest_difference(image, monai.image("zscore_all.f32")), 3e-6);
    EXPECT_LE(largest_difference(image, monai.image("unit_range_zscore.f32")), 3e-6);
    EXPECT_LT(test_image()[1].min().item<double>(), -0.5);  // a channel with values below, at and above 0
    EXPECT_GT(image.slice(0, 0, 2).eq(0).logical_not().to(at::kDouble).mean().item<double>(), 0.99);
    EXPECT_TRUE(at::equal(image[2], test_image()[2]));  // nothing but 0: no spread
}

TEST(Transforms, UnitRangeIsMonaisScaleIntensity) {
    if (!test::has_oracle()) GTEST_SKIP() << "no Python with MONAI at VOX_PYTHON";
    const Oracle& monai = Oracle::instance();
    CaseInfo info = monai.info();
    const std::array<const CaseInfo*, 1> cases{&info};
    const at::Tensor image = normalise(test_image().unsqueeze(0), cases, Normalisation::unit_range)[0];
    EXPECT_LE(largest_difference(image, monai.image("unit_range.f32")), 1e-6);
    for (const int64_t channel : {0, 1, 3}) {
        EXPECT_EQ(image[channel].min().item<double>(), 0);
        EXPECT_EQ(image[channel].max().item<double>(), 1);
    }
    // Without a voxel of 0 only the others count: here as if channel 0 were 20 .. 919 throughout.
    info.statistics[0].voxels = channel_voxels;
    const at::Tensor full = normalise(test_image().unsqueeze(0), cases, Normalisation::unit_range)[0];
    const auto& figures = info.statistics[0];
    const at::Tensor expected = test_image()[0].sub(figures.minimum).div(figures.maximum - figures.minimum);
    EXPECT_GT(figures.minimum, 0);
    EXPECT_LE(largest_difference(full[0], expected), 1e-6);
}

TEST(Transforms, PercentileIsMonaisScaleIntensityRange) {
    if (!test::has_oracle()) GTEST_SKIP() << "no Python with MONAI at VOX_PYTHON";
    const Oracle& monai = Oracle::instance();
    const CaseInfo info = monai.info();
    const std::array<const CaseInfo*, 1> cases{&info};
    const at::Tensor image = normalise(test_image().unsqueeze(0), cases, Normalisation::percentile)[0];
    EXPECT_LE(largest_difference(image.slice(0, 0, 2), monai.image("percentile.f32").slice(0, 0, 2)), 1e-6);
    EXPECT_TRUE(at::equal(image[2], at::full_like(image[2], -1)));
    EXPECT_TRUE(at::equal(image[3], at::full_like(image[3], -1)));
}

TEST(Transforms, FlipScaleAndShiftAreMonais) {
    if (!test::has_oracle()) GTEST_SKIP() << "no Python with MONAI at VOX_PYTHON";
    const Oracle& monai = Oracle::instance();
    const AugmentationDraw draw = draw_augmentation(monai.augmentation, monai.key);
    ASSERT_TRUE(draw.flip[0] || draw.flip[1] || draw.flip[2]) << "choose a key that flips something";
    const CaseInfo info = monai.info();
    const std::array<const CaseInfo*, 1> cases{&info};
    Batch batch;
    batch.image = normalise(test_image().unsqueeze(0), cases, Normalisation::zscore_nonzero);
    batch.label = test_image().slice(0, 0, 1).ne(0).to(at::kByte);  // [1,D,H,W]
    batch.keys = {monai.key};
    batch.case_ids = {"case"};
    augment(batch, monai.augmentation);
    EXPECT_LE(largest_difference(batch.image[0], monai.image("augmented.f32")), 2e-6);
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis < 3; ++axis) {
        if (draw.flip[static_cast<size_t>(axis)]) axes.push_back(axis);
    }
    EXPECT_TRUE(at::equal(batch.label[0], at::flip(test_image()[0].ne(0).to(at::kByte), axes)));
}

TEST(Transforms, CentredCropsAndPaddingAreMonais) {
    if (!test::has_oracle()) GTEST_SKIP() << "no Python with MONAI at VOX_PYTHON";
    const auto starts = Oracle::instance().read<int64_t>("starts.i64");
    const auto voxels = crop_voxels();
    ASSERT_EQ(starts.size(), voxels.size() * 3);
    for (size_t i = 0; i < voxels.size(); ++i) {
        const auto flat = static_cast<uint32_t>((voxels[i][0] * volume[1] + voxels[i][1]) * volume[2] + voxels[i][2]);
        const std::vector<ForegroundPositions> foreground{{1, {flat}}};
        const Crop crop = choose_crop(volume, crop_size, 1.0, foreground, {1, 2, 3, 0});
        EXPECT_EQ(crop.box.start, (core::Index3{starts[i * 3], starts[i * 3 + 1], starts[i * 3 + 2]}));
    }
    const auto pads = Oracle::instance().read<int64_t>("pads.i64");
    for (size_t i = 0; i < small_volumes.size(); ++i) {
        const Crop crop = choose_crop(small_volumes[i], crop_size, 0.0, {}, {1, 2, 3, 0});
        EXPECT_EQ(crop.pad_before, (core::Index3{pads[i * 3], pads[i * 3 + 1], pads[i * 3 + 2]}));
    }
}

TEST(Transforms, AnItemIsTheSameInAnyBatchAndPrecision) {
    if (!test::has_oracle()) GTEST_SKIP() << "no Python with MONAI at VOX_PYTHON";
    const Augmentation augmentation{0.5, {0, 1, 2}, 0.1, 0.1};
    const CaseInfo info = Oracle::instance().info();
    CaseInfo other = info;
    for (auto& channel : other.statistics) channel.mean += 1;
    const auto make = [&](at::ScalarType type, std::vector<uint32_t> positions) {
        Batch batch;
        std::vector<at::Tensor> images, labels;
        std::vector<const CaseInfo*> cases;
        for (const uint32_t position : positions) {
            cases.push_back(position % 2 == 0 ? &info : &other);
            images.push_back(test_image().roll(static_cast<int64_t>(position), 3));
            labels.push_back(images.back()[0].ne(0).to(at::kByte));
            batch.keys.push_back({9, 0, position, 0});
        }
        batch.image = normalise(at::stack(images).to(type), cases, Normalisation::zscore_nonzero);
        batch.label = at::stack(labels);
        augment(batch, augmentation);
        return batch;
    };
    const Batch joined = make(at::kFloat, {0, 1, 2});
    const Batch precise = make(at::kDouble, {0, 1, 2});
    EXPECT_EQ(precise.image.scalar_type(), at::kDouble);
    EXPECT_LE(largest_difference(joined.image.to(at::kDouble), precise.image), 1e-5);
    for (uint32_t position : {0u, 1u, 2u}) {
        const Batch single = make(at::kFloat, {position});
        EXPECT_TRUE(at::equal(single.image[0], joined.image[position]));
        EXPECT_TRUE(at::equal(single.label[0], joined.label[position]));
    }
    EXPECT_FALSE(at::equal(joined.image[0], joined.image[2]));
}

TEST(Transforms, DrawsHaveTheirProbabilitiesAndRanges) {
    const Augmentation augmentation{0.25, {0, 2}, 0.2, 3.0};
    std::array<int, 3> flips{};
    double scale_sum = 0, shift_sum = 0, scale_max = 0, shift_max = 0, product = 0;
    constexpr int n = 10000;
    for (uint32_t i = 0; i < n; ++i) {
        const AugmentationDraw draw = draw_augmentation(augmentation, {1, 0, i, 0});
        for (size_t axis = 0; axis < 3; ++axis) flips[axis] += draw.flip[axis];
        scale_sum += draw.scale;
        shift_sum += draw.shift;
        product += draw.scale * draw.shift;
        scale_max = std::max(scale_max, std::abs(draw.scale));
        shift_max = std::max(shift_max, std::abs(draw.shift));
    }
    EXPECT_NEAR(flips[0], 2500, 5 * 43.3);  // binomial
    EXPECT_EQ(flips[1], 0);
    EXPECT_NEAR(flips[2], 2500, 5 * 43.3);
    // Uniform in +-r: standard deviation r / sqrt(3) of one, / 100 of the mean of 10000; independent of each other.
    EXPECT_NEAR(scale_sum / n, 0, 5 * 0.2 / 173);
    EXPECT_NEAR(shift_sum / n, 0, 5 * 3.0 / 173);
    EXPECT_NEAR(product / n, 0, 5 * 0.2 * 3.0 / 300);
    EXPECT_GT(scale_max, 0.199);
    EXPECT_LE(scale_max, 0.2);
    EXPECT_GT(shift_max, 2.99);
    EXPECT_LE(shift_max, 3.0);
}

TEST(Transforms, ScaleAndShiftHaveProbabilitiesOfTheirOwn) {
    const Augmentation always{0, {}, 0.2, 3.0}, sometimes{0, {}, 0.2, 3.0, 0.25, 0.5};
    int scales = 0, shifts = 0, both = 0;
    double scale_sum = 0, shift_sum = 0;
    constexpr int n = 10000;
    for (uint32_t i = 0; i < n; ++i) {
        const ops::RandomKey key{1, 0, i, 0};
        const AugmentationDraw draw = draw_augmentation(sometimes, key), full = draw_augmentation(always, key);
        EXPECT_NE(full.scale, 0);
        EXPECT_NE(full.shift, 0);
        // What is drawn is what is drawn without a probability.
        EXPECT_TRUE(draw.scale == 0 || draw.scale == full.scale);
        EXPECT_TRUE(draw.shift == 0 || draw.shift == full.shift);
        scales += draw.scale != 0;
        shifts += draw.shift != 0;
        both += draw.scale != 0 && draw.shift != 0;
        scale_sum += draw.scale;
        shift_sum += draw.shift;
    }
    EXPECT_NEAR(scales, 2500, 5 * 43.3);  // binomial
    EXPECT_NEAR(shifts, 5000, 5 * 50);
    EXPECT_NEAR(both, 1250, 5 * 33.1);
    // Whether says nothing of how much: deviations r / sqrt(3) of a draw, / sqrt(n) of the mean of those that happen.
    EXPECT_NEAR(scale_sum / scales, 0, 5 * 0.2 / std::sqrt(3 * 2500));
    EXPECT_NEAR(shift_sum / shifts, 0, 5 * 3.0 / std::sqrt(3 * 5000));
}

TEST(Transforms, AnEmptyBatchStaysEmpty) {
    Batch batch;
    batch.image = normalise(at::empty({0, 4, 8, 8, 8}, at::kFloat), {}, Normalisation::zscore_nonzero);
    batch.label = at::empty({0, 8, 8, 8}, at::kByte);
    augment(batch, {0.5, {0, 1, 2}, 0.1, 0.1});
    EXPECT_EQ(batch.image.sizes(), (std::vector<int64_t>{0, 4, 8, 8, 8}));
}

TEST(Transforms, UnknownNormalisationIsRefused) { EXPECT_THROW(normalisation("zscores"), core::ConfigError); }

}  // namespace
}  // namespace vox::data
