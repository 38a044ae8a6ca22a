#include "ops/view.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::ops {

std::string view_name(View view) { return view == View::ap ? "ap" : "lateral"; }

View view_of(const std::string& name) {
    for (const View view : {View::ap, View::lateral}) {
        if (name == view_name(view)) return view;
    }
    throw core::DataError(core::concat("'", name, "' is not the name of a view; views are ap and lateral"));
}

}  // namespace vox::ops
