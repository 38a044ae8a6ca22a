#include "prompt_arguments.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/prompt_words.hpp"

namespace vox::tools {
namespace {

namespace options = boost::program_options;
using core::concat;
using core::UsageError;

/// "1=liver,2=left lung".
std::map<int, std::string> parse_structures(const std::string& text) {
    std::map<int, std::string> structures;
    for (const auto& part : split_text(text)) {
        int value = 0;
        const char* const end = part.data() + part.size();
        const auto [rest, error] = std::from_chars(part.data(), end, value);
        const std::string name = rest != end && *rest == '=' ? std::string(rest + 1, end) : "";
        if (error != std::errc{} || value < 1 || value > 255 || data::words_of(name).empty())
            throw UsageError(concat("--structures: '", part, "' is no VALUE=NAME of a label value from 1 to 255"));
        if (!structures.emplace(value, name).second) throw UsageError(concat("--structures names ", value, " twice"));
    }
    return structures;
}

}  // namespace

void add_prompt_options(options::options_description& all) {
    all.add_options()("make-prompts", options::bool_switch(),
                      "layouts brats, msd, nnunet, generic: number the connected parts of the labels and ask for them; "
                      "the result is for prompted segmentation")(
        "structures", options::value<std::string>()->default_value(""),
        "with --make-prompts: what label values are called, such as \"1=liver,2=left lung\"; others become background "
        "(msd, nnunet: dataset.json says it; brats: its scheme does)")(
        "modality", options::value<std::string>()->default_value(""),
        "with --make-prompts, and layout prompted: how images were taken, as questions say it, such as CT; none is "
        "told where it is left "
        "out")("min-component-mm3", options::value<double>()->default_value(-1),
               "with --make-prompts: smaller parts become background; where it is left out, parts of fewer than 27 "
               "voxels");
}

data::PromptChoice parse_prompts(const data::ConvertOptions& parsed, const app::Arguments& arguments) {
    data::PromptChoice choice{arguments["make-prompts"].as<bool>(),
                              parse_structures(arguments["structures"].as<std::string>()),
                              arguments["modality"].as<std::string>(), arguments["min-component-mm3"].as<double>()};
    constexpr std::array layouts{"brats", "msd", "nnunet", "generic"};
    if (choice.make && std::ranges::find(layouts, parsed.layout) == layouts.end())
        throw UsageError(concat("--make-prompts belongs to --layout ", core::join(layouts)));
    for (const auto* name : {"structures", "modality", "min-component-mm3"}) {
        const bool shared = parsed.layout == "prompted" && std::string_view(name) == "modality";
        if (!choice.make && !shared && !arguments[name].defaulted())
            throw UsageError(concat("--", name, " belongs to --make-prompts"));
    }
    if (!arguments["min-component-mm3"].defaulted() && !(choice.min_component_mm3 >= 0))
        throw UsageError("--min-component-mm3 must be 0 or more");
    if (choice.make && parsed.label_scheme != "auto" && (parsed.layout != "brats" || !choice.structures.empty()))
        throw UsageError("--label-scheme: prompts take their names from --structures or dataset.json");
    return choice;
}

std::vector<std::string> split_text(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
    return parts;
}

}  // namespace vox::tools
