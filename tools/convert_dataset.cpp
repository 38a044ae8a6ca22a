// NIfTI folders to shards: see data/convert.hpp.  Under mpirun every rank converts its share of the cases.

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "app/program.hpp"
#include "comm/watchdog.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "data/convert.hpp"
#include "prompt_arguments.hpp"

namespace {

namespace options = boost::program_options;
using vox::core::concat;
using vox::core::ExitCode;
using vox::core::UsageError;

constexpr std::array<const char*, 6> survival_options{"images",       "path-column", "time-column",
                                                      "event-column", "fold-column", "id-column"};

void add_survival_options(options::options_description& all) {
    const std::array<const char*, survival_options.size()> meanings{
        "folder from which the table's paths are, or that holds its BraTS cases; the table's own where it is left out",
        "column with the path of the volume, or of a folder with one (found: path, image, image_path, nifti path, "
        "file)",
        "column with the time (found: time, survival_days, survival_time, duration, time_to_event)",
        "column that is 1 where the event came, 0 where not (found: event, status, dead, death, event_observed)",
        "column with train, val or test; the splits are random where it is left out",
        "column with the cases' names; where it is left out, cases are named by their files"};
    for (size_t i = 0; i < meanings.size(); ++i) {
        all.add_options()(survival_options[i], options::value<std::string>()->default_value(""),
                          concat("layout survival: ", meanings[i]).c_str());
    }
}

vox::app::ProgramTable table() {
    vox::app::ProgramTable table{
        "convert_dataset",
        "Converts NIfTI files to shards, losslessly unless volumes must come to one grid.  Stopped or "
        "started again, it converts only what is missing or changed.",
        options::options_description("Options")};
    table.options.add_options()(
        "layout", options::value<std::string>()->default_value("brats"),
        "how the input is laid out: brats, msd, nnunet, generic, prostate158, xray_ct, survival, prompted")(
        "input", options::value<std::string>()->required(),
        "folder to read; layouts survival and prompted: a table, .csv or .tsv, with a line a case or a question")(
        "output", options::value<std::string>()->required(), "folder of shards to write; made where it is absent")(
        "label-scheme", options::value<std::string>()->default_value("auto"),
        "what label values mean: auto, brats2020, brats2023, msd_brats, brats2013, prostate158_anatomy, "
        "prostate_pz_tz (becomes prostate158_anatomy), prostate158_tumor, generic")(
        "codec", options::value<std::string>()->default_value("zstd"), "compression of chunks: none, gzip, zstd, lz4")(
        "split", options::value<std::string>()->default_value("0.8,0.1,0.1"),
        "shares of train, val and test; they sum to 1 (prostate158: its CSV files decide; survival: --fold-column, "
        "where it is "
        "given)")("seed", options::value<int64_t>()->default_value(0), "another seed gives another split")(
        "channels", options::value<std::string>()->default_value(""),
        "layouts generic, prostate158: names of the channels, a,b,...")(
        "label", options::value<std::string>()->default_value(""),
        "layout generic: name of the label volume; prostate158: column, such as adc_tumor_reader1")(
        "task", options::value<std::string>()->default_value(""),
        "layout prostate158: anatomy (t2, t2_anatomy_reader1) or tumor (t2,adc,dwi, adc_tumor_reader1)")(
        "spacing", options::value<std::string>()->default_value(""),
        "layout prostate158: resample to these mm along D,H,W (0: as T2 has it), such as 0.5,0.5,0.5; xray_ct: what "
        ".npy "
        "volumes have")("make-drrs", options::bool_switch(),
                        "layout xray_ct: radiographs (ap, lateral) are projected from the CT")(
        "view-size", options::value<int64_t>()->default_value(512),
        "layout xray_ct: pixels of a radiograph along both sides, 16 to 4096")(
        "flip-views", options::value<std::string>()->default_value(""),
        "layout xray_ct: vertical, where the pictures of radiographs are stored upside down")(
        "max-shard-mib", options::value<uint64_t>()->default_value(256),
        "a shard is closed by the case that reaches this size")(
        "allow-missing", options::value<int64_t>()->default_value(0),
        "layouts brats, nnunet, generic, survival (of BraTS cases): channels that a case may lack; synthesis trains on "
        "such cases, and generates "
        "what is missing")("skip-bad", options::bool_switch(),
                           "where cases are refused: convert the rest and list them")(
        "dry-run", options::bool_switch(), "read and check everything, write nothing");
    add_survival_options(table.options);
    vox::tools::add_prompt_options(table.options);
    return table;
}

/// Three numbers of 0 or more; nothing where the text is something else.
std::optional<std::array<double, 3>> parse_numbers(const std::string& text) {
    const auto parts = vox::tools::split_text(text);
    if (parts.size() != 3) return std::nullopt;
    std::array<double, 3> numbers{};
    for (size_t i = 0; i < 3; ++i) {
        size_t used = 0;
        try {
            numbers[i] = std::stod(parts[i], &used);
        } catch (const std::exception&) {
            return std::nullopt;
        }
        if (used != parts[i].size() || !(numbers[i] >= 0)) return std::nullopt;
    }
    return numbers;
}

std::array<double, 3> parse_split(const std::string& text) {
    const auto split = parse_numbers(text);
    if (!split || !(std::abs((*split)[0] + (*split)[1] + (*split)[2] - 1.0) < 1e-6)) {
        throw UsageError(concat("--split ", text, ": give three shares that sum to 1, such as 0.8,0.1,0.1"));
    }
    return *split;
}

vox::core::Double3 parse_spacing(const std::string& text) {
    vox::core::Double3 spacing{};
    if (text.empty()) return spacing;
    const auto numbers = parse_numbers(text);
    if (!numbers || *std::max_element(numbers->begin(), numbers->end()) > 100)
        throw UsageError(concat("--spacing ", text, ": give three lengths in mm along D,H,W, such as 0.5,0.5,0.5"));
    return *numbers;
}

/// Which columns and files layout survival takes.
vox::data::SurvivalChoice parse_survival(const std::string& layout, const vox::app::Arguments& arguments) {
    for (const auto* name : survival_options) {
        const bool shared = layout == "prompted" && std::string_view(name) == "images";
        if (layout != "survival" && !shared && !arguments[name].defaulted())
            throw UsageError(concat("--", name, " belongs to --layout survival"));
    }
    const auto text = [&](const char* name) { return arguments[name].as<std::string>(); };
    if (!text("fold-column").empty() && (!arguments["split"].defaulted() || !arguments["seed"].defaulted()))
        throw UsageError("--split and --seed: the table's --fold-column decides the splits");
    return {text("path-column"), text("time-column"), text("event-column"),
            text("fold-column"), text("id-column"),   text("images")};
}

/// Options that only some layouts have.
void check_layout_options(const vox::data::ConvertOptions& parsed, const vox::app::Arguments& arguments) {
    const bool generic = parsed.layout == "generic", prostate = parsed.layout == "prostate158";
    if (!generic && !prostate && (!parsed.channels.empty() || !parsed.label.empty()))
        throw UsageError("--channels and --label belong to --layout generic and prostate158");
    const bool xray = parsed.layout == "xray_ct", views = parsed.views.make || parsed.views.flip_vertical;
    const bool pictures = parsed.layout == "prompted";
    if (pictures && parsed.label_scheme != "auto")
        throw UsageError("--label-scheme: layout prompted has masks, whose values mean nothing else");
    if ((prostate || xray || pictures || parsed.layout == "msd") && parsed.allow_missing > 0)
        throw UsageError("--allow-missing belongs to --layout brats, nnunet and generic");
    if (!prostate && !parsed.task.empty()) throw UsageError("--task belongs to --layout prostate158");
    if (!prostate && !xray && !arguments["spacing"].defaulted())
        throw UsageError("--spacing belongs to --layout prostate158 and xray_ct");
    if (!xray && (views || !arguments["view-size"].defaulted()))
        throw UsageError("--make-drrs, --view-size and --flip-views belong to --layout xray_ct");
    if (parsed.views.make && parsed.views.flip_vertical)
        throw UsageError("--flip-views turns pictures, but --make-drrs takes none: leave one of them out");
    if (parsed.views.size < 16 || parsed.views.size > 4096) throw UsageError("--view-size must be 16 to 4096");
    if (!prostate) return;
    if (!arguments["split"].defaulted() || !arguments["seed"].defaulted())
        throw UsageError("--split and --seed: the CSV files of layout prostate158 decide the splits");
    vox::data::choose_prostate158(parsed.task, parsed.channels, parsed.label);
}

vox::data::ConvertOptions parse(const vox::app::Arguments& arguments) {
    vox::data::ConvertOptions parsed;
    parsed.layout = arguments["layout"].as<std::string>();
    parsed.input = arguments["input"].as<std::string>();
    parsed.output = arguments["output"].as<std::string>();
    parsed.label_scheme = arguments["label-scheme"].as<std::string>();
    parsed.split = parse_split(arguments["split"].as<std::string>());
    parsed.seed = arguments["seed"].as<int64_t>();
    parsed.channels = vox::tools::split_text(arguments["channels"].as<std::string>());
    parsed.label = arguments["label"].as<std::string>();
    parsed.max_shard_bytes = arguments["max-shard-mib"].as<uint64_t>() << 20;
    parsed.allow_missing = arguments["allow-missing"].as<int64_t>();
    if (parsed.allow_missing < 0) throw UsageError("--allow-missing must not be negative");
    parsed.skip_bad = arguments["skip-bad"].as<bool>();
    parsed.dry_run = arguments["dry-run"].as<bool>();
    try {
        parsed.codec = vox::data::codec_from(arguments["codec"].as<std::string>());
        if (parsed.label_scheme != "auto" && parsed.label_scheme != "generic")
            vox::data::label_scheme(parsed.label_scheme);
    } catch (const vox::core::DataError& error) {
        throw UsageError(error.what());
    }
    parsed.task = arguments["task"].as<std::string>();
    parsed.spacing_mm = parse_spacing(arguments["spacing"].as<std::string>());
    parsed.views.make = arguments["make-drrs"].as<bool>();
    parsed.views.size = arguments["view-size"].as<int64_t>();
    const auto flip = arguments["flip-views"].as<std::string>();
    if (!flip.empty() && flip != "vertical") throw UsageError(concat("--flip-views ", flip, ": known is vertical"));
    parsed.views.flip_vertical = !flip.empty();
    parsed.pictures = arguments["images"].as<std::string>();
    parsed.survival = parse_survival(parsed.layout, arguments);
    parsed.prompts = vox::tools::parse_prompts(parsed, arguments);
    check_layout_options(parsed, arguments);
    return parsed;
}

ExitCode convert_dataset(vox::comm::World& world, const vox::app::Arguments& arguments) {
    const vox::data::ConvertOptions parsed = parse(arguments);
    const vox::comm::Watchdog watchdog(world);
    const vox::core::Timer timer;
    const auto report = vox::data::convert(world, parsed);
    if (parsed.dry_run) {
        vox::core::log::info("dry run: ", report.converted, " cases would be converted, ", report.kept, " are whole, ",
                             report.refused.size(), " are refused; label scheme ", report.scheme,
                             "; nothing was written");
    } else {
        vox::core::log::info(report.converted, " cases converted, ", report.kept, " kept, ", report.refused.size(),
                             " refused in ", vox::core::human_seconds(timer.seconds()), "; label scheme ",
                             report.scheme, "; ", (parsed.output / "dataset.json").string(), " is written");
    }
    if (parsed.prompts.make || parsed.layout == "prompted") {
        const auto& prompts = report.prompts;
        vox::core::log::info(prompts.targets, " targets and ", prompts.questions, " questions in ", prompts.cases,
                             " cases; ", prompts.cases_without, " cases without a target; ", prompts.silent,
                             " targets that no sentence tells from the others; ", prompts.small,
                             " parts were too small and became background");
    }
    if (report.views_compared > 0) {
        vox::core::log::info(report.views_aligned, " of ", report.views_compared,
                             " views lie as their CT does (as the CT's projection, mean squared difference below ",
                             vox::data::kAlignedMse, ", not turned)");
    }
    return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) { return vox::app::run_program(argc, argv, table(), convert_dataset); }
