#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "data/nifti.hpp"

namespace vox::data {
namespace {

using Matrix3 = std::array<std::array<double, 3>, 3>;

// A grid whose axes meet at an angle this far (as a cosine) from 90 degrees has shear, which a qform cannot hold.
constexpr double most_shear = 1e-5;

/// nifti1.h, "METHOD 2": the rotation of a unit quaternion, of which b, c, d are stored and a >= 0 follows.
Matrix3 rotation_of(const std::array<double, 3>& quatern) {
    auto [b, c, d] = quatern;
    double a = 0;
    const double rest = 1.0 - (b * b + c * c + d * d);
    if (rest < 1e-7) {  // a half turn, give or take float32 rounding
        const double length = std::sqrt(b * b + c * c + d * d);
        b /= length, c /= length, d /= length;
    } else {
        a = std::sqrt(rest);
    }
    return {{{a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
             {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
             {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c}}};
}

/// The way back: from a proper rotation to b, c, d of the quaternion with a >= 0.  Divides by the largest of the four parts.
std::array<double, 3> quatern_of(const Matrix3& r) {
    const std::array<double, 4> squares{1 + r[0][0] + r[1][1] + r[2][2], 1 + r[0][0] - r[1][1] - r[2][2],
                                        1 - r[0][0] + r[1][1] - r[2][2], 1 - r[0][0] - r[1][1] + r[2][2]};
    const auto largest = std::max_element(squares.begin(), squares.end()) - squares.begin();
    const double s = 0.5 / std::sqrt(squares[static_cast<size_t>(largest)]);
    std::array<double, 4> q{};
    if (largest == 0) q = {0.25 / s, (r[2][1] - r[1][2]) * s, (r[0][2] - r[2][0]) * s, (r[1][0] - r[0][1]) * s};
    if (largest == 1) q = {(r[2][1] - r[1][2]) * s, 0.25 / s, (r[0][1] + r[1][0]) * s, (r[0][2] + r[2][0]) * s};
    if (largest == 2) q = {(r[0][2] - r[2][0]) * s, (r[0][1] + r[1][0]) * s, 0.25 / s, (r[1][2] + r[2][1]) * s};
    if (largest == 3) q = {(r[1][0] - r[0][1]) * s, (r[0][2] + r[2][0]) * s, (r[1][2] + r[2][1]) * s, 0.25 / s};
    const double sign = q[0] < 0 ? -1.0 : 1.0;
    return {sign * q[1], sign * q[2], sign * q[3]};
}

bool has_shear(const Matrix3& r) {
    for (size_t first = 0; first < 3; ++first) {
        const size_t second = (first + 1) % 3;
        const double cosine = r[0][first] * r[0][second] + r[1][first] * r[1][second] + r[2][first] * r[2][second];
        if (std::abs(cosine) > most_shear) return true;
    }
    return false;
}

template <class T>
void scale_voxels(const NiftiImage& image, std::vector<float>& out) {
    const auto* stored = reinterpret_cast<const T*>(image.voxels.data());
    if (image.scl_slope == 1.0 && image.scl_inter == 0.0) {
        std::transform(stored, stored + out.size(), out.begin(), [](T value) { return static_cast<float>(value); });
        return;
    }
    for (size_t at = 0; at < out.size(); ++at) {
        out[at] = static_cast<float>(static_cast<double>(stored[at]) * image.scl_slope + image.scl_inter);
    }
}

}  // namespace

core::Affine NiftiImage::affine() const {
    core::Affine m{};
    m[3] = {0, 0, 0, 1};
    if (geometry.sform_code > 0) {
        for (size_t row = 0; row < 3; ++row) m[row] = geometry.srow[row];
    } else if (geometry.qform_code > 0) {
        const Matrix3 rotation = rotation_of(geometry.quatern);
        for (size_t row = 0; row < 3; ++row) {
            for (size_t column = 0; column < 3; ++column) {
                const double flip = column == 2 ? geometry.qfac : 1.0;
                m[row][column] = rotation[row][column] * geometry.pixdim_mm[column] * flip;
            }
            m[row][3] = geometry.qoffset_mm[row];
        }
    } else {
        for (size_t axis = 0; axis < 3; ++axis) m[axis][axis] = geometry.pixdim_mm[axis];
    }
    return m;
}

std::vector<float> NiftiImage::scaled() const {
    std::vector<float> out(static_cast<size_t>(voxel_count()));
    core::check(voxels.size() == out.size() * voxel_bytes(type), "a volume's bytes do not fit its size");
    switch (type) {
        case VoxelType::int8: scale_voxels<int8_t>(*this, out); break;
        case VoxelType::uint8: scale_voxels<uint8_t>(*this, out); break;
        case VoxelType::int16: scale_voxels<int16_t>(*this, out); break;
        case VoxelType::uint16: scale_voxels<uint16_t>(*this, out); break;
        case VoxelType::int32: scale_voxels<int32_t>(*this, out); break;
        case VoxelType::uint32: scale_voxels<uint32_t>(*this, out); break;
        case VoxelType::int64: scale_voxels<int64_t>(*this, out); break;
        case VoxelType::uint64: scale_voxels<uint64_t>(*this, out); break;
        case VoxelType::float32: scale_voxels<float>(*this, out); break;
        case VoxelType::float64: scale_voxels<double>(*this, out); break;
    }
    return out;
}

NiftiGeometry geometry_from_affine(const core::Affine& affine, int code) {
    const auto rounded = [](double value) { return static_cast<double>(static_cast<float>(value)); };
    NiftiGeometry geometry;
    geometry.sform_code = code;
    Matrix3 rotation{};
    for (size_t column = 0; column < 3; ++column) {
        const double length = core::column_length(affine, column);
        geometry.pixdim_mm[column] = rounded(length);
        for (size_t row = 0; row < 3; ++row) rotation[row][column] = affine[row][column] / length;
    }
    for (size_t row = 0; row < 3; ++row) {
        std::ranges::transform(affine[row], geometry.srow[row].begin(), rounded);
        geometry.qoffset_mm[row] = rounded(affine[row][3]);
    }
    if (has_shear(rotation)) return geometry;
    geometry.qform_code = code;
    geometry.qfac = core::determinant(affine) < 0 ? -1.0 : 1.0;
    for (size_t row = 0; row < 3; ++row) rotation[row][2] *= geometry.qfac;
    std::ranges::transform(quatern_of(rotation), geometry.quatern.begin(), rounded);
    return geometry;
}

}  // namespace vox::data
