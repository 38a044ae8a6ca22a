// Whole cases at one size: MONAI's Resize and ScaleIntensityRange as golden values, then through the loader.

#include "data/resize.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/known_voxels.hpp"
#include "data/loader.hpp"
#include "support/golden.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

at::Tensor resized_image(const at::Tensor& image, const Resize& to) {
    const auto in = image.to(at::kFloat).contiguous();
    auto out = at::empty({in.size(0), to.size[0], to.size[1], to.size[2]}, at::kFloat);
    resize_image({in.const_data_ptr<float>(), static_cast<size_t>(in.numel())}, in.size(0),
                 {in.size(1), in.size(2), in.size(3)}, to,
                 {out.mutable_data_ptr<float>(), static_cast<size_t>(out.numel())});
    return out;
}

at::Tensor resized_label(const at::Tensor& label, const core::Index3& to) {
    const auto in = label.to(at::kByte).contiguous();
    auto out = at::empty({to[0], to[1], to[2]}, at::kByte);
    resize_label({in.const_data_ptr<uint8_t>(), static_cast<size_t>(in.numel())}, {in.size(0), in.size(1), in.size(2)},
                 to, {out.mutable_data_ptr<uint8_t>(), static_cast<size_t>(out.numel())});
    return out;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
    return (a.to(at::kDouble) - b).abs().max().item<double>();
}

TEST(Resize, AreaTrilinearNearestAndTheWindowAreMonais) {
    const auto golden = test::golden_json("resize");
    test::GoldenArrays arrays("resize");
    const Intensities window(Normalisation::window, golden["window"].get<std::array<double, 2>>());
    const CaseInfo info;
    const std::array<const CaseInfo*, 1> cases{&info};
    uint32_t number = 0;
    for (const auto& one : golden["cases"]) {
        const auto from = one["from"].get<std::vector<int64_t>>();
        const auto to = one["to"].get<core::Index3>();
        const std::vector<int64_t> shape{2, to[0], to[1], to[2]};
        const auto image = test::uniform({2, from[0], from[1], from[2]}, 1210 + number) * 2000 - 1000;
        for (const ResizeMode mode : {ResizeMode::area, ResizeMode::trilinear}) {
            const auto small = resized_image(image, {to, mode});
            EXPECT_LT(largest_difference(small, arrays.next(shape)), 3e-4) << number;  // of values up to 1000
            const auto scaled = normalise(small.unsqueeze(0), cases, window)[0];
            EXPECT_LT(largest_difference(scaled, arrays.next(shape)), 1e-6) << number;
        }
        const auto label = (test::uniform(from, 1220 + number) * 5).floor();
        EXPECT_EQ(largest_difference(resized_label(label, to), arrays.next({to[0], to[1], to[2]})), 0) << number;
        ++number;
    }
    EXPECT_TRUE(arrays.at_end());
}

TEST(Resize, TheSameSizeChangesNothing) {
    const auto image = test::uniform({2, 5, 6, 7}, 1230).to(at::kFloat);
    for (const ResizeMode mode : {ResizeMode::area, ResizeMode::trilinear}) {
        EXPECT_TRUE(at::equal(resized_image(image, {{5, 6, 7}, mode}), image));
    }
    EXPECT_EQ(resized_spacing({3, 2, 1}, {10, 12, 14}, {20, 4, 14}), (core::Double3{1.5, 6, 1}));
}

const std::vector<core::Index3> sizes{{12, 14, 10}, {9, 20, 8}, {10, 10, 10}, {16, 11, 13}};

Options whole_cases(const std::string& mode = "area") {
    Options options;
    options.crop_size.clear();
    options.foreground_ratio = 0;
    options.resize = {6, 8, 5};
    options.resize_mode = mode;
    options.flip_probability = options.intensity_scale = options.intensity_shift = 0;
    options.seed = 5;
    return options;
}

TEST(Resize, TheLoaderGivesWholeCasesAsLoadCaseDoes) {
    const test::TemporaryFolder folder;
    test::known_dataset(folder.path(), 2, sizes);
    const ShardReader reader(folder.path());
    for (const std::string mode : {"area", "trilinear"}) {
        Options options = whole_cases(mode);
        options.normalisation = mode == "area" ? "window" : "zscore";
        options.window = {100, 300};
        std::set<std::string> seen;
        for (int rank = 0; rank < 2; ++rank) {
            Loader loader(reader, options, 2, rank, 2, at::kCPU, at::kFloat);
            for (const Batch& batch : loader.next(2)) {
                ASSERT_EQ(batch.image.sizes(), (std::vector<int64_t>{1, 2, 6, 8, 5}));
                const auto index = static_cast<size_t>(batch.case_ids[0].back() - '0');
                const Sample sample = load_case(reader, index, options.intensities(), options.whole());
                EXPECT_TRUE(at::equal(batch.image[0], sample.image));
                EXPECT_TRUE(at::equal(batch.label[0], sample.label));
                EXPECT_EQ(batch.spacing_mm[0],
                          resized_spacing(reader.cases()[index].spacing_mm, sizes[index], {6, 8, 5}));
                // And that is the whole case resized, then normalised.
                const Sample stored = load_case(reader, index, Normalisation::none);
                const std::array<const CaseInfo*, 1> cases{sample.info};
                const auto small = resized_image(stored.image, options.whole());
                EXPECT_TRUE(at::equal(sample.image, normalise(small.unsqueeze(0), cases, options.intensities())[0]));
                EXPECT_TRUE(at::equal(sample.label, resized_label(stored.label, {6, 8, 5})));
                seen.insert(batch.case_ids[0]);
            }
            EXPECT_EQ(loader.counters().batch_bytes, 2 * 6 * 8 * 5 * 9);
        }
        EXPECT_EQ(seen.size(), 4U);
    }
}

TEST(Resize, CropsTellTheirSpacing) {
    const test::TemporaryFolder folder;
    test::known_dataset(folder.path(), 1, sizes);
    const ShardReader reader(folder.path());
    Options options;
    options.crop_size = {4, 4, 4};
    Loader loader(reader, options, 4, 0, 1, at::kCPU, at::kFloat);
    const Batch batch = loader.next(1).front();
    ASSERT_EQ(batch.spacing_mm.size(), 4U);
    EXPECT_EQ(batch.spacing_mm[2], (core::Double3{1, 1, 1}));
}

}  // namespace
}  // namespace vox::data
