#include "data/orientation.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "core/error.hpp"

namespace vox::data {
namespace {

const core::Index3 source_size{2, 3, 4};

/// The affine whose voxel axes point as `code` says, with edges of 1, 2 and 3 mm along i, j and k.
core::Affine affine_of(const std::string& code) {
    core::Affine affine{};
    const std::map<char, std::pair<size_t, double>> direction{{'R', {0, 1.0}},  {'L', {0, -1.0}}, {'A', {1, 1.0}},
                                                              {'P', {1, -1.0}}, {'S', {2, 1.0}},  {'I', {2, -1.0}}};
    for (size_t column = 0; column < 3; ++column) {
        const auto [row, sign] = direction.at(code[column]);
        affine[row][column] = sign * static_cast<double>(column + 1);
    }
    affine[0][3] = 10, affine[1][3] = -20, affine[2][3] = 30, affine[3][3] = 1;
    return affine;
}

/// All 48 axis orders.
std::vector<std::string> all_codes() {
    std::vector<std::string> codes;
    for (const std::string order : {"012", "021", "102", "120", "201", "210"}) {
        for (unsigned signs = 0; signs < 8; ++signs) {
            std::string code;
            for (unsigned a = 0; a < 3; ++a) {
                const auto axis = static_cast<size_t>(order[a] - '0');
                code += ((signs >> a) & 1 ? "LPI" : "RAS")[axis];
            }
            codes.push_back(code);
        }
    }
    return codes;
}

std::array<double, 3> place(const core::Affine& affine, int64_t i, int64_t j, int64_t k) {
    std::array<double, 3> mm{};
    for (size_t row = 0; row < 3; ++row) {
        mm[row] = affine[row][0] * static_cast<double>(i) + affine[row][1] * static_cast<double>(j) +
                  affine[row][2] * static_cast<double>(k) + affine[row][3];
    }
    return mm;
}

/// Voxels that know their place: their own index in the source, as `Voxel`.
template <class Voxel>
std::vector<std::byte> numbered() {
    std::vector<Voxel> values(24);
    for (size_t at = 0; at < values.size(); ++at) values[at] = static_cast<Voxel>(at + 1);
    std::vector<std::byte> bytes(values.size() * sizeof(Voxel));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

TEST(Orientation, NamesEveryAxisOrder) {
    for (const auto& code : all_codes()) EXPECT_EQ(orientation_code(affine_of(code)), code);
}

// The defining property: after reorientation every voxel lies where it lay, and the new axes point right, front and up.
TEST(Orientation, KeepsEveryVoxelInItsPlaceForAllAxisOrders) {
    const auto voxels = numbered<uint8_t>();
    for (const auto& code : all_codes()) {
        SCOPED_TRACE(code);
        const auto affine = affine_of(code);
        const auto orientation = orientation_of(affine);
        const auto size = oriented_size(source_size, orientation);
        const auto ras_affine = oriented_affine(affine, source_size, orientation);
        EXPECT_EQ(orientation_code(ras_affine), "RAS");
        const auto ras = to_ras(voxels, source_size, 1, orientation);
        std::map<std::array<double, 3>, std::byte> by_place;
        for (int64_t k = 0; k < 4; ++k)
            for (int64_t j = 0; j < 3; ++j)
                for (int64_t i = 0; i < 2; ++i)
                    by_place[place(affine, i, j, k)] = voxels[static_cast<size_t>(i + 2 * (j + 3 * k))];
        ASSERT_EQ(by_place.size(), 24u);
        for (int64_t s = 0; s < size[2]; ++s)
            for (int64_t a = 0; a < size[1]; ++a)
                for (int64_t r = 0; r < size[0]; ++r) {
                    const auto found = by_place.find(place(ras_affine, r, a, s));
                    ASSERT_NE(found, by_place.end());
                    EXPECT_EQ(ras[static_cast<size_t>((s * size[1] + a) * size[0] + r)], found->second);
                }
    }
}

template <class Voxel>
void expect_round_trip() {
    const auto voxels = numbered<Voxel>();
    for (const auto& code : all_codes()) {
        const auto orientation = orientation_of(affine_of(code));
        const auto ras = to_ras(voxels, source_size, sizeof(Voxel), orientation);
        EXPECT_EQ(from_ras(ras, source_size, sizeof(Voxel), orientation), voxels) << code;
        EXPECT_EQ(ras == voxels, code == "RAS") << code;
    }
}

TEST(Orientation, TheWayBackRestoresEveryByte) {
    expect_round_trip<uint8_t>();
    expect_round_trip<uint16_t>();
    expect_round_trip<uint32_t>();
    expect_round_trip<uint64_t>();
}

TEST(Orientation, SpacingIsInDhwOrder) {
    const auto affine = affine_of("RAS");
    EXPECT_EQ(spacing_dhw(affine), (core::Double3{3, 2, 1}));
}

TEST(Orientation, RefusesASingularAffine) {
    core::Affine affine = affine_of("RAS");
    affine[2][2] = 0;
    EXPECT_THROW(orientation_of(affine), core::DataError);
    affine = affine_of("RAS");
    affine[0][1] = affine[1][1], affine[0][0] = affine[1][0] = 1, affine[0][1] = affine[1][1] = 2;
    EXPECT_THROW(orientation_of(affine), core::DataError);
}

}  // namespace
}  // namespace vox::data
