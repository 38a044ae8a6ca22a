#pragma once

#include <cstdint>
#include <string>

#include "ops/random_key.hpp"

namespace vox::tasks {

/// The key of the noise of sample `number` of a case: what the case is called decides it, not where it stands among others.
ops::RandomKey sample_key(uint64_t seed, const std::string& case_id, int64_t number);

}  // namespace vox::tasks
