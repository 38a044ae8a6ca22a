#include "data/case_info.hpp"

#include <algorithm>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/shard_format.hpp"

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

std::vector<ops::View> kinds_of(const ViewSet& views) {
    std::vector<ops::View> kinds;
    for (const auto& name : views.names) kinds.push_back(ops::view_of(name));
    return kinds;
}

std::string describe(const ViewSet& views) {
    if (views.empty()) return "none";
    return concat(views.names.size(), " of ", core::join(views.size, "x"), " (", core::join(views.names), ", ",
                  views.unit, ")");
}

void check_views(const ViewSet& views) {
    if (views.empty()) {
        if (views != ViewSet{}) throw DataError("views without names have a size or a unit");
        return;
    }
    std::set<std::string> names;
    for (const auto& name : views.names) {
        ops::view_of(name);
        if (!names.insert(name).second) throw DataError(concat("view '", name, "' is there twice"));
    }
    const auto [low, high] = std::minmax(views.size[0], views.size[1]);
    if (static_cast<int64_t>(views.names.size()) > format::kMaxViews || low < 1 || high > format::kMaxAxis) {
        throw DataError(concat(describe(views), " views are outside the limits of the shard format"));
    }
    if (views.unit != "attenuation" && views.unit != "none") {
        throw DataError(concat("the unit of views is '", views.unit, "'; known are attenuation and none"));
    }
}

}  // namespace vox::data
