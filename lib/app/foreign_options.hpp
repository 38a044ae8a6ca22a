#pragma once
// The names of foreign_keys.hpp that other programs have on their command lines.

#include <boost/program_options.hpp>

#include "app/program.hpp"
#include "config/section.hpp"

namespace vox::app {

/// Those options, for ProgramTable::hidden: understood, and not in --help.
boost::program_options::options_description foreign_options();

/// Puts what was given of them into `document` at top level, where accept_foreign_keys finds it.  Throws UsageError, with what to
/// do instead, for what cannot be followed.
void set_foreign_options(const Arguments& arguments, config::Document& document);

}  // namespace vox::app
