#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/intensity_transforms.hpp"

namespace vox::data {
namespace {

/// Legendre polynomials 0 .. degree at `places` points from -1 to 1: [places, degree + 1] float64, on the host.  By Bonnet's
/// recursion (n + 1) L_n+1 = (2n + 1) x L_n - n L_n-1.  One place is -1, as numpy.linspace has it.
at::Tensor legendre(int64_t places, int64_t degree) {
    at::Tensor values = at::empty({places, degree + 1}, at::kDouble);
    auto* row = values.mutable_data_ptr<double>();
    for (int64_t place = 0; place < places; ++place, row += degree + 1) {
        const double x = places == 1 ? -1 : 2 * static_cast<double>(place) / static_cast<double>(places - 1) - 1;
        row[0] = 1;
        if (degree > 0) row[1] = x;
        for (int64_t n = 1; n < degree; ++n) {
            const auto order = static_cast<double>(n);
            row[n + 1] = ((2 * order + 1) * x * row[n] - order * row[n - 1]) / (order + 1);
        }
    }
    return values;
}

/// The coefficients at [i,j,k], 0 where i + j + k exceeds the degree; on the host.
at::Tensor cube_of(const BiasField& draw) {
    core::check(static_cast<int64_t>(draw.coefficients.size()) == bias_field_terms(draw.degree),
                core::concat("a bias field of degree ", draw.degree, " has ", draw.coefficients.size(),
                             " coefficients instead of ", bias_field_terms(draw.degree)));
    const int64_t edge = draw.degree + 1;
    at::Tensor cube = at::zeros({edge, edge, edge}, at::kDouble);
    auto* values = cube.mutable_data_ptr<double>();
    auto next = draw.coefficients.begin();
    for (int64_t i = 0; i < edge; ++i) {
        for (int64_t j = 0; j < edge - i; ++j) {
            for (int64_t k = 0; k < edge - i - j; ++k) values[(i * edge + j) * edge + k] = *next++;
        }
    }
    return cube;
}

}  // namespace

at::Tensor bias_field(const at::Tensor& item, const BiasField& draw) {
    const auto along = [&](int64_t axis) { return legendre(item.size(axis), draw.degree).to(item.device()); };
    // Axis after axis: a product of small matrices each instead of a sum of hundreds of volumes.
    const at::Tensor lines = at::matmul(cube_of(draw).to(item.device()), along(3).t());  // [n,n,W]
    const at::Tensor planes = at::matmul(along(2), lines);  // [n,H,W]
    at::Tensor field = at::matmul(along(1), planes.flatten(1)).view(item.sizes().slice(1));
    return item.mul(field.exp_().to(item.scalar_type()));
}

}  // namespace vox::data
