#include "data/case_info.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {

using core::concat;
using core::DataError;

void check_case_id(const std::string& id) {
    const bool bad_character = std::any_of(
        id.begin(), id.end(), [](char c) { return c == '/' || static_cast<unsigned char>(c) < 32 || c == 127; });
    if (id.empty() || id.size() > 200 || id.front() == '.' || bad_character) {
        throw DataError(concat("'", id,
                               "' cannot be the name of a case: 1 to 200 bytes, no slash, no control character, ",
                               "no leading dot"));
    }
}

}  // namespace vox::data
