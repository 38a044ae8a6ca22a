#include "data/convert_input.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/checksum.hpp"
#include "data/shard_format.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;

/// As seen from the input, so that a folder that was moved is not converted anew; whole where it does not lie there.
std::string name_from(const fs::path& input, const fs::path& file) {
    const fs::path relative = file.lexically_relative(input);
    return relative.empty() ? file.string() : relative.string();
}

}  // namespace

Listing list_cases(const ConvertOptions& options) {
    if (options.layout == "brats") return list_brats(options.input);
    if (options.layout == "msd" || options.layout == "nnunet") return list_msd(options.input);
    if (options.layout == "generic") return list_generic(options.input, options.channels, options.label);
    if (options.layout == "prostate158") {
        return list_prostate158(options.input, choose_prostate158(options.task, options.channels, options.label));
    }
    if (options.layout == "xray_ct")
        return list_xray_ct(options.input, options.views.make ? XrayFiles::ct : XrayFiles::ct_and_views);
    if (options.layout == "survival") return list_survival(options.input, options.survival);
    if (options.layout == "prompted") return list_prompted(options.input, options.pictures);
    throw core::UsageError(concat("unknown layout '", options.layout, "'.  Known are brats, msd, nnunet, generic, ",
                                  "prostate158, xray_ct, survival, prompted."));
}

std::string fingerprint(const CaseFiles& files, const ConvertOptions& options) {
    std::string text = concat(format::kVersion, ' ', codec_name(options.codec), ' ', format::kChunkEdge);
    const auto add = [&](const std::string& name, const fs::path& file, int64_t volume) {
        std::error_code error;
        text += concat('|', name, '|', name_from(options.input, file), '|', volume, '|', fs::file_size(file, error),
                       '|', fs::last_write_time(file, error).time_since_epoch().count());
    };
    for (const auto& channel : files.channels) add(channel.name, channel.file, channel.volume);
    if (files.label) add("label", *files.label, -1);
    if (files.label_is_empty) text += "|empty label";
    if (label_translation(options.label_scheme)) text += concat("|values of ", options.label_scheme);
    for (const auto& view : files.views) add(view.name, view.file, -1);
    if (options.layout == "xray_ct") {
        text += concat("|views ", options.views.make, ' ', options.views.size, ' ', options.views.flip_vertical, ' ',
                       core::join(options.spacing_mm));
    }
    if (options.layout == "prostate158") text += concat("|spacing ", core::join(options.spacing_mm));
    for (const auto& line : files.asked) {
        add("mask", line.mask, -1);
        for (const auto& said : {line.question, line.answer, line.position})
            text += concat('|', said.size(), ' ', said);
    }
    if (!files.asked.empty()) text += concat("|modality ", options.prompts.modality);
    if (options.prompts.make) text += concat("|prompts ", describe(options.prompts));
    for (const auto& [name, value] : files.columns) text += concat("|column ", name, '=', value);
    return hex(xxh3_64(std::string_view(text)));
}

}  // namespace vox::data
