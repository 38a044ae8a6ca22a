// Times crops that are moved; augment.py starts it beside MONAI.

#include <iostream>

#include "app/program.hpp"
#include "core/timer.hpp"
#include "data/augment_spatial.hpp"
#include "ops/random_tensor.hpp"

namespace {

vox::core::ExitCode run(vox::comm::World&, const vox::app::Arguments& arguments) {
    using namespace vox;
    const auto edge = arguments["size"].as<int64_t>(), crops = arguments["crops"].as<int64_t>();
    if (edge < 1 || crops < 1) throw core::UsageError("--size and --crops must be 1 or more");
    const core::Index3 crop{edge, edge, edge};
    data::SpatialOptions options;  // the recipe's ranges
    options.affine_probability = options.rotate_probability = options.zoom_probability = options.elastic_probability =
        1;
    for (int64_t round = 0; round <= crops; ++round) {
        const ops::RandomKey key{1, 0, static_cast<uint32_t>(round), 0};
        data::Batch batch;
        batch.keys = {key};
        batch.image =
            ops::random_uniform_tensor(batch.keys, ops::Purpose::test_values, 0, {1, 3, edge, edge, edge}, at::kFloat);
        batch.label = batch.image.select(1, 0).mul(4).floor().to(at::kByte);
        const std::array<core::Box, 1> inside{{{{0, 0, 0}, crop}}};
        const core::Timer timer;
        data::augment_spatial(batch, options, crop, inside);
        if (round > 0) std::cout << timer.seconds() << '\n';  // the first one warms up
    }
    return core::ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) {
    namespace options = boost::program_options;
    vox::app::ProgramTable table{"augment_bench", "Times crops that are moved in one sampling: seconds, a line a crop.",
                                 options::options_description("Options")};
    table.options.add_options()("size", options::value<int64_t>()->default_value(96), "voxels along each axis")(
        "crops", options::value<int64_t>()->default_value(5), "how many");
    return vox::app::run_program(argc, argv, table, run);
}
