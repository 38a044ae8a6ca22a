// A configuration, as YAML and as JSON: parsed, read by the options of a run that need no LibTorch, written out, and read again.

#include "checkpoint/options.hpp"
#include "comm/options.hpp"
#include "config/section.hpp"
#include "data/intensity_options.hpp"
#include "data/spatial_options.hpp"
#include "fuzz.hpp"
#include "infer/options.hpp"
#include "loss/options.hpp"
#include "metrics/options.hpp"
#include "nn/options.hpp"

namespace {

using namespace vox;

template <class Options>
void read_section(config::Section& parent, const char* key, Options&& options) {
    auto section = parent.section(key, "");
    options.read(section);
}

void read_run(config::Document& document) {
    auto root = document.root();
    read_section(root, "comm", comm::Options{});
    read_section(root, "model", nn::ModelOptions{});
    read_section(root, "loss", loss::Options{});
    read_section(root, "metrics", metrics::Options{});
    read_section(root, "checkpoint", checkpoint::Options{});
    auto infer_section = root.section("infer", "");
    infer::SlidingWindowOptions{}.read(infer_section);
    infer::CleanUpOptions{}.read(infer_section);
    auto data_section = root.section("data", "");
    read_section(data_section, "intensity", data::IntensityOptions{});
    auto spatial = data_section.section("spatial", "");
    data::SpatialOptions{}.read(spatial, {32, 32, 32});
    document.finish();
}

void read_text(const std::string& text, const std::string& name, bool json) {
    std::string resolved;
    const bool good = fuzz::accepts<core::ConfigError>("", [&] {
        auto document = config::Document::parse(text, name, json);
        read_run(document);
        resolved = document.resolved_yaml();
    });
    if (!good) return;
    auto again = config::Document::parse(resolved, "resolved.yaml");
    read_run(again);
    fuzz::require(again.resolved_yaml() == resolved, "what a run writes down reads back the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string text = fuzz::text_of(data, size);
    read_text(text, "fuzz.yaml", false);
    read_text(text, "fuzz.json", true);
    // The value of --set and of an environment variable.
    try {
        config::Document document;
        document.set(text);
    } catch (const core::UsageError&) {
    } catch (const core::ConfigError&) {
    }
    return 0;
}
