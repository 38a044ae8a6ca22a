#include "core/error.hpp"

#include "core/text.hpp"

namespace vox::core {

std::string place(const std::source_location& where) {
    const std::string_view file = where.file_name();
    const auto slash = file.rfind('/');
    return concat(slash == std::string_view::npos ? file : file.substr(slash + 1), ':', where.line());
}

}  // namespace vox::core
