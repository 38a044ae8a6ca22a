#pragma once
// Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// A number is a pure function of its key and counter, so that it does not depend on rank, thread or order of calls.
// Header of plain functions that CPU and GPU code share.

#include <cstdint>

#ifdef __CUDACC__
#define VOX_HOST_DEVICE __host__ __device__
#else
#define VOX_HOST_DEVICE
#endif

namespace vox::ops {

struct Philox4 {  // a counter, or the four random words made of it
    uint32_t v[4];
};

/// Ten rounds over `counter` under the 64-bit key (key0, key1).
VOX_HOST_DEVICE inline Philox4 philox(Philox4 counter, uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t product0 = uint64_t{0xD2511F53u} * counter.v[0];
        const uint64_t product1 = uint64_t{0xCD9E8D57u} * counter.v[2];
        counter = {{static_cast<uint32_t>(product1 >> 32) ^ counter.v[1] ^ key0, static_cast<uint32_t>(product1),
                    static_cast<uint32_t>(product0 >> 32) ^ counter.v[3] ^ key1, static_cast<uint32_t>(product0)}};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

/// 32 random bits to [0, 1): 24 bits, exact in float and double.
VOX_HOST_DEVICE inline double unit_interval(uint32_t bits) {
    return static_cast<double>(bits >> 8) * (1.0 / 16777216.0);
}

}  // namespace vox::ops
