// Times the surface distances of two masks; surface_distance.py starts it beside medpy and MONAI.

#include <ATen/ops/zeros.h>

#include <iostream>

#include "app/program.hpp"
#include "core/timer.hpp"
#include "metrics/surface_distance.hpp"

namespace {

constexpr vox::core::Double3 spacing_mm{3.0, 0.5, 0.5};

at::Tensor ellipsoid(const vox::core::Double3& centre, const vox::core::Double3& radii) {
    auto mask = at::zeros({60, 192, 192}, at::kBool);
    auto* voxel = mask.mutable_data_ptr<bool>();
    const auto scaled = [&](int64_t x, size_t axis) { return (static_cast<double>(x) - centre[axis]) / radii[axis]; };
    for (int64_t d = 0; d < 60; ++d)
        for (int64_t h = 0; h < 192; ++h)
            for (int64_t w = 0; w < 192; ++w) {
                const double x = scaled(d, 0), y = scaled(h, 1), z = scaled(w, 2);
                *voxel++ = x * x + y * y + z * z <= 1;
            }
    return mask;
}

vox::core::ExitCode run(vox::comm::World&, const vox::app::Arguments& arguments) {
    using namespace vox::metrics;
    auto predicted = ellipsoid({29, 97, 93}, {9.1, 52.3, 47.7});
    const auto truth = ellipsoid({30, 95, 96}, {8.3, 49.1, 50.2});
    if (arguments.count("corners") > 0) predicted[0][0][0] = predicted[59][191][191] = true;
    std::cout.precision(17);
    for (int64_t round = arguments["rounds"].as<int64_t>(); round > 0; --round) {
        const vox::core::Timer timer;
        const auto distances = surface_distances(predicted, truth, spacing_mm);
        const double pooled = hausdorff_distance(distances, 95, HausdorffDefinition::pooled, EmptySurfaceRule::skip);
        const double directed =
            hausdorff_distance(distances, 95, HausdorffDefinition::max_directed, EmptySurfaceRule::skip);
        const double average = average_surface_distance(distances, AverageDefinition::pooled, EmptySurfaceRule::skip);
        const double seconds = timer.seconds();
        std::cout << seconds << ' ' << pooled << ' ' << directed << ' ' << average << '\n';
    }
    return vox::core::ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) {
    namespace options = boost::program_options;
    vox::app::ProgramTable table{"surface_distance_bench",
                                 "Times HD95 (pooled, max_directed) and ASSD of two masks of 60x192x192 voxels: "
                                 "seconds and the figures in mm, a line "
                                 "a round.",
                                 options::options_description("Options")};
    table.options.add_options()("rounds", options::value<int64_t>()->default_value(2), "how often")(
        "corners", "the prediction has one more voxel in two corners of the volume");
    return vox::app::run_program(argc, argv, table, run);
}
