#include "nn/resnet_3d_options.hpp"

#include <algorithm>
#include <functional>

#include "config/section.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/norm.hpp"
#include "nn/options.hpp"

namespace vox::nn {
namespace {

struct Architecture {
    const char* name;
    bool is_bottleneck;
    std::vector<int64_t> blocks;
};

/// He et al. 2016, table 1; 10 and 200 as MedicalNet has them.
const std::vector<Architecture>& architectures() {
    static const std::vector<Architecture> all{{"resnet10", false, {1, 1, 1, 1}},  {"resnet18", false, {2, 2, 2, 2}},
                                               {"resnet34", false, {3, 4, 6, 3}},  {"resnet50", true, {3, 4, 6, 3}},
                                               {"resnet101", true, {3, 4, 23, 3}}, {"resnet152", true, {3, 8, 36, 3}},
                                               {"resnet200", true, {3, 24, 36, 3}}};
    return all;
}

const Architecture* find(const std::string& name) {
    const auto found = std::ranges::find_if(architectures(), [&](const auto& one) { return one.name == name; });
    return found == architectures().end() ? nullptr : &*found;
}

const Architecture& known(const std::string& name) {
    const auto* found = find(name);
    core::check(found != nullptr, core::concat("there is no architecture '", name, "'"));
    return *found;
}

bool between(int64_t value, int64_t low, int64_t high) { return value >= low && value <= high; }

std::string unknown_architecture(const std::string& name) {
    std::vector<std::string> names;
    for (const auto& one : architectures()) names.emplace_back(one.name);
    return core::concat("architecture is '", name, "', it must be one of ", core::join(names));
}

std::string channel_problem(const ResNet3dOptions& o) {
    const auto& planes = o.block_inplanes;
    if (planes.size() != 4 || !std::ranges::all_of(planes, [](int64_t n) { return between(n, 1, 65536); })) {
        return core::concat("block_inplanes is [", core::join(planes),
                            "], it must hold the planes of four stages, each 1 to 65536");
    }
    if (o.shortcut_type == "A" && std::ranges::adjacent_find(planes, std::greater<>()) != planes.end()) {
        return core::concat(
            "block_inplanes is [", core::join(planes),
            "], but shortcut_type A adds channels and cannot take any away: choose B, or planes that do "
            "not fall");
    }
    for (const int64_t n : planes) {
        if (o.norm != "group" || (o.norm_groups >= 1 && n % o.norm_groups == 0)) continue;
        return core::concat("norm_groups is ", o.norm_groups, ", it must divide each of block_inplanes, which are [",
                            core::join(planes), "]");
    }
    return "";
}

}  // namespace

void ResNet3dOptions::read(config::Section& section, const ModelOptions& model) {
    if (model.name == "resnet_3d") {  // else nothing is built of these
        norm = model.norm;
        norm_groups = model.norm_groups;
        activation_checkpointing = model.activation_checkpointing;
        channels_last_3d = model.channels_last_3d;
    }
    section.choice("architecture", architecture,
                   {"resnet10", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet200"},
                   "blocks of each stage, and their kind");
    section.value(
        "block_inplanes", block_inplanes,
        "planes of the blocks of the four stages; blocks of resnet50 and deeper give four times as many channels");
    section.value("conv1_t_size", conv1_t_size, "edge of the first convolution's kernel, an odd number");
    section.value("conv1_t_stride", conv1_t_stride, "stride of the first convolution; weights of MedicalNet want 2");
    section.value("no_max_pool", no_max_pool,
                  "leave out the pooling after the first convolution, which halves the size");
    section.choice(
        "shortcut_type", shortcut_type, {"A", "B"},
        "past a block that changes size or channels goes every second voxel with channels of zeros (A), or a "
        "1x1x1 convolution and a normalisation (B)");
    section.value("bias_downsample", bias_downsample, "whether the convolutions of shortcut_type B have a bias");
    auto table = section.section("tabular", "what a table says of the case, joined with the volume's features");
    tabular.read(table);
    const auto found = problem();
    section.require(found.empty(), found);
}

std::string ResNet3dOptions::problem() const {
    if (!find(architecture)) return unknown_architecture(architecture);
    if (!between(conv1_t_size, 1, 31) || conv1_t_size % 2 == 0) {
        return core::concat("conv1_t_size is ", conv1_t_size, ", it must be an odd number from 1 to 31");
    }
    if (!between(conv1_t_stride, 1, 8)) {
        return core::concat("conv1_t_stride is ", conv1_t_stride, ", it must be 1 to 8");
    }
    if (shortcut_type != "A" && shortcut_type != "B") {
        return core::concat("shortcut_type is '", shortcut_type, "', it must be A or B");
    }
    if (shortcut_type == "A" && !bias_downsample) {
        return "bias_downsample is false, but shortcut_type A has no convolutions: it would change nothing";
    }
    if (std::ranges::find(norm_kinds(), norm) == norm_kinds().end()) {
        return core::concat("norm is '", norm, "', it must be one of ", core::join(norm_kinds()));
    }
    if (auto text = channel_problem(*this); !text.empty()) return text;
    const auto text = tabular.problem();
    return text.empty() ? "" : "tabular." + text;
}

const std::vector<int64_t>& ResNet3dOptions::blocks() const { return known(architecture).blocks; }

bool ResNet3dOptions::is_bottleneck() const { return known(architecture).is_bottleneck; }

std::vector<int64_t> ResNet3dOptions::stage_channels() const {
    auto channels = block_inplanes;
    for (auto& n : channels) n *= is_bottleneck() ? 4 : 1;
    return channels;
}

}  // namespace vox::nn
