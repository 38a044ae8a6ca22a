#pragma once

#include <functional>

namespace vox::comm {

/// Runs `call` on a thread of its own and waits for it for up to `seconds`.  false: it has not ended, and goes on alone; what it uses must
/// live on.  For foreign calls that may wait for ever.
bool ends_within(double seconds, std::function<void()> call);

}  // namespace vox::comm
