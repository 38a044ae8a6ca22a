#pragma once

#include <cstdint>
#include <string>

namespace vox::config {
class Section;
}

namespace vox::nn {

/// How a network takes the table's row of a case: the section `tabular` of its configuration.
struct TabularFusionOptions {
    std::string fusion = "none";  // none, concatenation, film
    int64_t hidden_channels = 64;
    double dropout_prob = 0.0;

    /// Takes the keys out of `section`; ConfigError for what cannot be built.
    void read(config::Section& section);
    /// What is wrong with these options, or an empty text.  Without fusion the others must have their defaults: any other value
    /// would change nothing.
    std::string problem() const;
    bool is_used() const { return fusion != "none"; }
};

}  // namespace vox::nn
