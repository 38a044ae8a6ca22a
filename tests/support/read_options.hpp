#pragma once
// Options out of a text, as a configuration file would give them.

#include <string>

#include "config/section.hpp"

namespace vox::test {

/// Throws ConfigError for nonsense and for a key that nobody reads.
template <class Options>
Options read_options(const std::string& yaml) {
    auto document = config::Document::parse(yaml, "test.yaml");
    auto root = document.root();
    Options options;
    options.read(root);
    document.finish();
    return options;
}

}  // namespace vox::test
