#include "core/error.hpp"
#include "core/text.hpp"
#include "data/convert.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

[[noreturn]] void ask(const std::set<int>& values, const std::string& why) {
    throw DataError(concat("the label values {", core::join(values), "} do not tell what they mean: ", why,
                           ".  Say it with --label-scheme (", core::join(label_scheme_names()), ", generic)."));
}

}  // namespace

LabelScheme resolve_scheme(const std::string& requested, const std::string& hint, const std::set<int>& values) {
    if (requested == "generic" || (requested == "auto" && hint == "generic")) return generic_scheme(values);
    if (const auto translation = label_translation(requested)) return label_scheme(translation->scheme);
    if (requested != "auto") return label_scheme(requested);
    if (hint == "brats2023" || hint == "msd_brats" || hint.starts_with("prostate158")) return label_scheme(hint);
    if (values.empty()) return label_scheme("brats2020");  // no labels at all: the scheme decides nothing
    if (hint.empty()) ask(values, "names of 2018-2021 and of 2023 are mixed");
    const bool three = values.contains(3), four = values.contains(4);
    if (four) return label_scheme(three ? "brats2013" : "brats2020");
    if (three)
        ask(values, "3 is enhancing tumour in BraTS 2023, whose file names these are not, and non-enhancing in 2013");
    ask(values, "enhancing tumour (3 or 4) never occurs");
}

}  // namespace vox::data
