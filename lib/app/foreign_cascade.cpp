#include "app/foreign_cascade.hpp"

#include <algorithm>
#include <bit>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/xray_to_ct_options.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::ConfigError;

constexpr int64_t kTokensAlong = 16;  // of the volumes of our own stages

/// One of the mappings on its way into a section of ours.
class Translation {
public:
    Translation(config::Document& document, config::Section& from, std::string path, std::string to,
                std::set<std::string>& accepted)
        : document_(document), from_(from), path_(std::move(path)), to_(std::move(to)), accepted_(accepted) {}

    void number(const std::string& name) {
        const auto value = take<int64_t>(name);
        if (from_.has(name)) set(name, concat(value));
    }

    /// Empty where it is not given.
    std::vector<int64_t> numbers(const std::string& name) {
        const auto values = take<std::vector<int64_t>>(name);
        if (from_.has(name)) set(name, concat('[', core::join(values), ']'));
        return values;
    }

    std::string text(const std::string& name) { return take<std::string>(name); }

    bool has(const std::string& name) const { return from_.has(name) || document_.has(concat(to_, '.', name)); }

    const std::string& path() const { return path_; }

private:
    template <class T>
    T take(const std::string& name) {
        T value{};
        from_.value(name, value, "");
        accepted_.insert(concat(path_, '.', name));
        return value;
    }

    void set(const std::string& name, const std::string& value) {
        const std::string theirs = concat(path_, '.', name), ours = concat(to_, '.', name);
        if (document_.has(ours))
            throw ConfigError(concat("'", theirs, "' is another name of '", ours, "'; give only one of them"));
        document_.set(concat(ours, '=', value));
    }

    config::Document& document_;
    config::Section& from_;
    std::string path_, to_;
    std::set<std::string>& accepted_;
};

/// The value of our own key, or `text` where nobody gave it.
template <class T>
T value_of(config::Section section, const std::string& key, T value) {
    section.value(key, value, "");
    return value;
}

void require_task(config::Document& document, const std::string& path) {
    if (!document.has("task")) return document.set("task=xray_to_ct");
    const auto task = value_of<std::string>(document.root(), "task", "");
    if (task != "xray_to_ct")
        throw ConfigError(concat("'", path, "' describes a cascade from X-rays to CT, which task '", task,
                                 "' does not train; say task: xray_to_ct, or leave one of them out"));
}

/// The edge of a token that makes 16 of them along the volume; ConfigError where the network has no such tokens.
int64_t usual_patch(const std::vector<int64_t>& volume, const std::string& path) {
    const int64_t edge = volume.empty() ? 0 : volume[0] / kTokensAlong;
    const bool possible = edge >= 2 && edge <= 64 && std::has_single_bit(static_cast<uint64_t>(edge)) &&
                          volume[0] == edge * kTokensAlong &&
                          std::ranges::all_of(volume, [&](int64_t size) { return size % edge == 0; });
    if (!possible)
        throw ConfigError(concat("'", path, "' must say its patch_size, a power of two from 2 to 64 that divides ",
                                 "volume_size: a sixteenth of [", core::join(volume), "] is none"));
    return edge;
}

void check_name(const std::string& name, size_t index, const std::string& path) {
    for (size_t other = 0; other < nn::XrayToCtOptions::kMostStages; ++other)
        if (name == nn::stage_name(other) && other != index)
            throw ConfigError(concat("'", path, ".name' is '", name, "', but it is number ", index + 1,
                                     " of the list: list the stages from the first on, in order"));
}

void accept_stage(config::Document& document, Translation& stage, size_t index) {
    check_name(stage.text("name"), index, stage.path());
    const auto volume = stage.numbers("volume_size");
    for (const auto* name : {"patch_size", "voxel_dim", "vit_depth", "num_heads"}) stage.number(name);
    const auto usual = nn::XrayToCtOptions::default_stages().at(index);
    if (volume.empty() || volume == usual.volume_size || stage.has("patch_size")) return;
    document.set(concat("xray_to_ct.", nn::stage_name(index), ".patch_size=", usual_patch(volume, stage.path())));
}

void accept_stages(config::Document& document, std::vector<config::Section> stages, const std::string& path,
                   std::set<std::string>& accepted) {
    constexpr size_t most = nn::XrayToCtOptions::kMostStages;
    if (stages.empty() || stages.size() > most)
        throw ConfigError(concat("'", path, "' lists ", stages.size(), " stages; a cascade has 1 to ", most));
    if (document.has("xray_to_ct.num_stages"))
        throw ConfigError(concat("the length of '", path, "' is 'xray_to_ct.num_stages'; give only one of them"));
    document.set(concat("xray_to_ct.num_stages=", stages.size()));
    for (size_t i = 0; i < stages.size(); ++i) {
        Translation stage(document, stages[i], concat(path, '[', i, ']'), concat("xray_to_ct.", nn::stage_name(i)),
                          accepted);
        accept_stage(document, stage, i);
    }
}

/// Whether a stage trains that follows another one and has not been told which run trained that.
bool lacks_the_stage_before(config::Document& document) {
    if (!document.has("task") || value_of<std::string>(document.root(), "task", "") != "xray_to_ct") return false;
    auto cascade = document.root().section("xray_to_ct", "");
    return value_of<int64_t>(cascade, "stage", 1) > 1 && value_of<std::string>(cascade, "previous_run", "").empty();
}

}  // namespace

std::set<std::string> accept_cascade(config::Document& document, config::Section& given, const std::string& name,
                                     const std::string& path) {
    std::set<std::string> accepted{path};
    require_task(document, path);
    if (name == "stage_configs") {
        accept_stages(document, given.sections(name), path, accepted);
    } else {
        auto section = given.section(name, "");
        Translation views(document, section, path, "xray_to_ct", accepted);
        views.number("img_size");
        views.number("num_views");
    }
    return accepted;
}

void accept_resume_from(config::Document& document, const std::string& resume_from, bool from_command_line) {
    const std::string given = concat(from_command_line ? "--resume_from " : "resume_from: ", resume_from);
    for (const std::string_view ending : {".pt", ".pth", ".ckpt"}) {
        if (!resume_from.ends_with(ending)) continue;
        const std::string message =
            concat("'", given, "' cannot be followed: a ", ending,
                   " file is a pickle, which is never opened here, and holds another program's network; name a run of "
                   "ours, or a checkpoint of one");
        if (from_command_line) throw core::UsageError(message);
        throw ConfigError(message);
    }
    const bool a_path = resume_from != "auto" && resume_from != "none";
    const bool before = a_path && lacks_the_stage_before(document);
    if (!before && !from_command_line && document.has("checkpoint.resume"))
        throw ConfigError("'resume_from' is another name of 'checkpoint.resume'; give only one of them");
    document.set_text(before ? "xray_to_ct.previous_run" : "checkpoint.resume", resume_from);
}

}  // namespace vox::app
