#pragma once
// Arguments of convert_dataset about prompts.

#include <boost/program_options.hpp>
#include <string>
#include <vector>

#include "app/program.hpp"
#include "data/convert.hpp"

namespace vox::tools {

void add_prompt_options(boost::program_options::options_description& all);

/// `parsed` has the layout and the label scheme.  Throws UsageError.
data::PromptChoice parse_prompts(const data::ConvertOptions& parsed, const app::Arguments& arguments);

/// What commas part.
std::vector<std::string> split_text(const std::string& text);

}  // namespace vox::tools
