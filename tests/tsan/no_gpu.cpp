// Stands in for the CUDA kernels, which these tests of threads never launch.

#include <stdexcept>

#include "ops/random_kernels.hpp"

namespace vox::ops {

void launch_random(float*, const RandomKey*, int64_t, int64_t, RandomStream, void*) {
    throw std::logic_error("the tests of threads are built without kernels");
}

void launch_random(double*, const RandomKey*, int64_t, int64_t, RandomStream, void*) {
    throw std::logic_error("the tests of threads are built without kernels");
}

}  // namespace vox::ops
