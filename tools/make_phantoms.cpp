// Makes a data set out of nothing: see data/phantom.hpp.  Under mpirun every rank makes its share of the cases.

#include <algorithm>
#include <array>
#include <functional>
#include <string>

#include "app/program.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/phantom.hpp"
#include "data/phantom_body.hpp"
#include "data/phantom_prompted.hpp"
#include "data/phantom_prostate.hpp"
#include "data/phantom_survival.hpp"

namespace {

namespace options = boost::program_options;
using vox::core::concat;
using vox::core::ExitCode;
using vox::core::UsageError;

vox::app::ProgramTable table() {
    vox::app::ProgramTable table{
        "make_phantoms",
        "Makes four-modality brains with tumours, prostates with zones and lesions, chest CTs, lesions with a table of "
        "how long people live with them, or lesions that only their places tell apart, as NIfTI files, to train and "
        "try on. The same seed makes the same files.",
        options::options_description("Options")};
    table.options.add_options()("layout", options::value<std::string>()->default_value("brats"),
                                "names and label values of the files: brats, prostate158 (with its CSV files), xray_ct "
                                "(CT alone), survival (with "
                                "table.csv, and truth.csv to judge by), prompted (two lesions a body, as layout "
                                "generic, for --make-prompts)")("cases", options::value<uint32_t>()->default_value(12),
                                                                "how many, 1 to 999; survival, prompted: to 9999")(
        "size", options::value<int64_t>()->default_value(64),
        "voxels along each axis (prostate158: along rows and columns of T2, at least 48; survival: at least 24), 32 to "
        "512")(
        "contrast", options::value<std::string>()->default_value("segmentation"),
        "layout brats: what the modalities show: segmentation (noisy, fluid as bright as oedema), or synthesis (flair "
        "shows fluid dark and oedema bright, which are equal in the others)")(
        "seed", options::value<uint64_t>()->default_value(0), "another seed makes other phantoms")(
        "output", options::value<std::string>()->required(), "folder to write to; made where it is absent");
    return table;
}

/// What goes with each layout; `tables` come last: a folder without them is not finished.
struct Maker {
    std::string layout;
    int64_t smallest_size;
    uint32_t most_cases;
    std::function<void(uint32_t number)> write_case;
    std::function<void()> write_tables = nullptr;
};

ExitCode make_phantoms(vox::comm::World& world, const vox::app::Arguments& arguments) {
    const auto layout = arguments["layout"].as<std::string>();
    const auto cases = arguments["cases"].as<uint32_t>();
    const auto size = arguments["size"].as<int64_t>();
    const auto seed = arguments["seed"].as<uint64_t>();
    const std::string output = arguments["output"].as<std::string>();
    const auto contrast = vox::data::phantom_contrast(arguments["contrast"].as<std::string>());
    const std::array<Maker, 5> makers{
        {{"brats", 32, 999, [&](uint32_t n) { vox::data::write_brats_phantom(output, n, size, seed, contrast); }},
         {"prostate158", 48, 999,
          [&](uint32_t n) { vox::data::write_prostate158_phantom(output, n, cases, size, seed); },
          [&] { vox::data::write_prostate158_tables(output, cases, seed); }},
         {"xray_ct", 32, 999, [&](uint32_t n) { vox::data::write_body_phantom(output, n, size, seed); }},
         {"survival", 24, 9999, [&](uint32_t n) { vox::data::write_survival_phantom(output, n, size, seed); },
          [&] { vox::data::write_survival_tables(output, cases, seed); }},
         {"prompted", 32, 9999, [&](uint32_t n) { vox::data::write_prompted_phantom(output, n, size, seed); }}}};
    const auto* const maker = std::ranges::find(makers, layout, &Maker::layout);
    if (maker == makers.end())
        throw UsageError(concat("--layout ", layout, ": known are brats, prostate158, xray_ct, survival and prompted"));
    if (cases < 1 || cases > maker->most_cases) throw UsageError(concat("--cases must be 1 to ", maker->most_cases));
    if (size < maker->smallest_size || size > 512)
        throw UsageError(concat("--size must be ", maker->smallest_size, " to 512"));
    if (layout != "brats" && !arguments["contrast"].defaulted())
        throw UsageError("--contrast belongs to --layout brats");
    world.together("making phantoms", [&] {
        const auto ranks = static_cast<uint32_t>(world.size());
        for (auto number = static_cast<uint32_t>(world.rank()) + 1; number <= cases; number += ranks)
            maker->write_case(number);
    });
    if (maker->write_tables) world.on_root("writing the tables", maker->write_tables);
    vox::core::log::info(cases, " phantoms of ", size, layout == "prostate158" ? "^2 voxels a T2 slice" : "^3 voxels",
                         " are in ", output);
    return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) { return vox::app::run_program(argc, argv, table(), make_phantoms); }
