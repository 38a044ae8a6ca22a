#include "tasks/sample_key.hpp"

#include "checkpoint/hash.hpp"

namespace vox::tasks {

ops::RandomKey sample_key(uint64_t seed, const std::string& case_id, int64_t number) {
    const uint64_t hash = checkpoint::hash_bytes(case_id.data(), case_id.size());
    return {.seed = seed,
            .epoch = static_cast<uint32_t>(hash >> 32),
            .position = static_cast<uint32_t>(hash),
            .draw = static_cast<uint32_t>(number)};
}

}  // namespace vox::tasks
