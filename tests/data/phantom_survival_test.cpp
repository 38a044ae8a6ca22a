// Phantoms of survival: the same from the same numbers, lesions of the drawn volume, and times that follow the hazard they were
// drawn with.  (tests/e2e/survival_convert_test.py fits them with reference programs.)

#include "data/phantom_survival.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

std::vector<SurvivalPerson> people(uint64_t seed, uint32_t count) {
    std::vector<SurvivalPerson> all;
    for (uint32_t i = 1; i <= count; ++i) all.push_back(make_survival_person(seed, i));
    return all;
}

using Value = std::function<double(const SurvivalPerson&)>;

double mean(const std::vector<SurvivalPerson>& all, const Value& value) {
    double sum = 0;
    for (const auto& one : all) sum += value(one);
    return sum / static_cast<double>(all.size());
}

/// Pearson's.
double correlation(const std::vector<SurvivalPerson>& all, const Value& a, const Value& b) {
    const double mean_a = mean(all, a), mean_b = mean(all, b);
    double ab = 0, aa = 0, bb = 0;
    for (const auto& one : all) {
        const double x = a(one) - mean_a, y = b(one) - mean_b;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return ab / std::sqrt(aa * bb);
}

double z_volume(const SurvivalPerson& one) { return one.z_volume; }
double z_age(const SurvivalPerson& one) { return one.z_age; }
double is_female(const SurvivalPerson& one) { return one.female ? 1 : 0; }

TEST(PhantomSurvival, IsAPureFunctionOfSeedAndCase) {
    const auto one = make_survival_phantom(3, 1, 24);
    EXPECT_EQ(one.voxels, make_survival_phantom(3, 1, 24).voxels);
    EXPECT_NE(one.voxels, make_survival_phantom(3, 2, 24).voxels);
    EXPECT_NE(one.voxels, make_survival_phantom(4, 1, 24).voxels);
    EXPECT_EQ(make_survival_person(3, 1).time, make_survival_person(3, 1).time);
    EXPECT_NE(make_survival_person(3, 1).time, make_survival_person(4, 1).time);
    EXPECT_THROW(make_survival_phantom(3, 1, 23), core::InternalError);
}

// Noise takes a few voxels over the middle between tissue and lesion: at most three in thousand of the box's 13824 do.
TEST(PhantomSurvival, TheBrightVoxelsAreTheDrawnVolume) {
    int64_t smallest = 1 << 20, largest = 0;
    for (uint32_t number = 1; number <= 60; ++number) {
        const auto person = make_survival_person(0, number);
        const auto image = make_survival_phantom(0, number, 24);
        std::vector<int16_t> voxels(static_cast<size_t>(image.voxel_count()));
        std::memcpy(voxels.data(), image.voxels.data(), image.voxels.size());
        const auto bright = std::ranges::count_if(voxels, [](int v) { return v >= 90; });
        const int64_t drawn = survival_lesion_voxels(person, 24);
        EXPECT_NEAR(static_cast<double>(bright), static_cast<double>(drawn), 4 + 0.01 * static_cast<double>(drawn))
            << number;
        // 8 mm voxels: 0.512 ml each.
        EXPECT_NEAR(std::exp(person.log_volume), 0.512 * static_cast<double>(drawn), 0.257) << number;
        const double share = static_cast<double>(std::ranges::count_if(voxels, [](int v) { return v > -500; })) / 13824;
        EXPECT_GT(share, 0.25) << number;
        EXPECT_LT(share, 0.5) << number;
        smallest = std::min(smallest, drawn);
        largest = std::max(largest, drawn);
    }
    EXPECT_GE(smallest, 30);
    EXPECT_LE(largest, 600);
    EXPECT_GT(largest, 14 * smallest);
}

TEST(PhantomSurvival, ASmallLesionCanBeAnywhereAndALargeOneFits) {
    for (uint32_t number = 1; number <= 40; ++number) {
        const auto image = make_survival_phantom(7, number, 24);
        const auto* voxels = reinterpret_cast<const int16_t*>(image.voxels.data());
        // No lesion comes near the outermost voxels of the box.
        for (int64_t j = 0; j < 24; ++j) {
            for (int64_t i = 0; i < 24; ++i) {
                EXPECT_LT(voxels[j * 24 + i], 90) << number;
                EXPECT_LT(voxels[(23 * 24 + j) * 24 + i], 90) << number;
            }
        }
    }
}

TEST(PhantomSurvival, WhatIsKnownIsIndependentAndAThirdIsCensored) {
    const auto all = people(0, 1000);
    // Four standard errors of a correlation of independent numbers.
    EXPECT_NEAR(correlation(all, z_volume, z_age), 0, 0.126);
    EXPECT_NEAR(correlation(all, z_volume, is_female), 0, 0.126);
    EXPECT_NEAR(correlation(all, z_age, is_female), 0, 0.126);
    for (const Value& z : {Value(z_volume), Value(z_age)}) {
        EXPECT_NEAR(mean(all, z), 0, 0.126);
        EXPECT_NEAR(mean(all, [&](const auto& one) { return z(one) * z(one); }), 1, 0.2);
    }
    EXPECT_NEAR(mean(all, is_female), 0.5, 0.064);
    const double censored = mean(all, [](const auto& one) { return one.event ? 0 : 1; });
    EXPECT_GT(censored, 0.30);
    EXPECT_LT(censored, 0.40);
    for (const auto& one : all) {
        EXPECT_DOUBLE_EQ(one.log_hazard, one.z_volume + 0.7 * one.z_age);
        EXPECT_GT(one.time, 0);
        EXPECT_LE(one.time, 11);
    }
}

// With the true cumulative hazard H, events less H are martingale residuals: their sum, also times anything known beforehand, has mean
// 0 and variance sum(H z^2) (Fleming and Harrington, "Counting processes and survival analysis", 1991, chapter 1).
TEST(PhantomSurvival, TimesFollowTheHazard) {
    const auto all = people(0, 20000);
    for (const Value& z : {Value([](const auto&) { return 1.0; }), Value(z_volume), Value(z_age), Value(is_female)}) {
        double sum = 0, variance = 0;
        for (const auto& one : all) {
            const double cumulative = 0.21 * std::exp(one.log_hazard) * one.time;
            sum += ((one.event ? 1 : 0) - cumulative) * z(one);
            variance += cumulative * z(one) * z(one);
        }
        EXPECT_LT(std::abs(sum) / std::sqrt(variance), 4);
    }
}

TEST(PhantomSurvival, TablesNameTheVolumesAndKeepTheTruthApart) {
    const test::TemporaryFolder folder;
    write_survival_phantom(folder.path(), 2, 24, 5);
    write_survival_tables(folder.path(), 2, 5);
    const auto text = [&](const char* name) {
        std::stringstream all;
        all << std::ifstream(folder / name).rdbuf();
        return all.str();
    };
    const auto table = text("table.csv"), truth = text("truth.csv");
    EXPECT_TRUE(table.starts_with("path,time,event,age,sex\nimages/survival_0001.nii.gz,")) << table;
    EXPECT_EQ(std::ranges::count(table, '\n'), 3);
    EXPECT_EQ(table.find("hazard"), std::string::npos);
    EXPECT_TRUE(truth.starts_with("id,log_hazard,log_volume,z_volume,z_age\nsurvival_0001,")) << truth;
    EXPECT_EQ(read_nifti(folder / "images/survival_0002.nii.gz").voxels, make_survival_phantom(5, 2, 24).voxels);
    EXPECT_THROW(write_survival_tables(folder / "nowhere", 2, 5), core::WriteError);
}

}  // namespace
}  // namespace vox::data
