// No test: a race that is known to be there, in the way that the loader's threads and tensors could have one.  tools/tsan.sh fails
// where it is not found, so that a sanitizer which sees nothing is noticed.

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <cstdio>
#include <thread>

int main() {
    // Many numbers, because the sanitizer misses an access now and then that two threads make at the same moment.
    const at::Tensor shared = at::zeros({10000}, at::kLong);
    const auto count = [&] {
        for (int64_t i = 0; i < shared.numel(); ++i) ++shared.mutable_data_ptr<int64_t>()[i];
    };
    std::thread other(count);
    count();
    other.join();
    std::printf("%lld\n", static_cast<long long>(shared.const_data_ptr<int64_t>()[0]));
}
