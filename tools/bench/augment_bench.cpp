// Seconds that one moved crop takes: `augment_bench EDGE ROUNDS` prints one figure a round.  Started by augment.py.

#include <ATen/Parallel.h>

#include <cstdlib>
#include <iostream>

#include "core/timer.hpp"
#include "data/augment_spatial.hpp"
#include "ops/random_tensor.hpp"

int main(int argc, char** argv) {
    using namespace vox;
    const int64_t edge = argc > 1 ? std::atoi(argv[1]) : 96;
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
    const core::Index3 crop{edge, edge, edge};
    data::SpatialOptions options;  // the recipe's ranges
    options.affine_probability = options.rotate_probability = options.zoom_probability = options.elastic_probability =
        1;
    for (int round = 0; round <= rounds; ++round) {
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
    return 0;
}
