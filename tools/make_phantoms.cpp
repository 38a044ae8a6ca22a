// Makes a data set out of nothing: see data/phantom.hpp.  Under mpirun every rank makes its share of the cases.

#include <string>

#include "app/program.hpp"
#include "core/log.hpp"
#include "data/phantom.hpp"
#include "data/phantom_body.hpp"
#include "data/phantom_prostate.hpp"

namespace {

namespace options = boost::program_options;
using vox::core::ExitCode;
using vox::core::UsageError;

vox::app::ProgramTable table() {
    vox::app::ProgramTable table{
        "make_phantoms",
        "Makes four-modality brains with tumours, prostates with zones and lesions, or chest CTs, as NIfTI "
        "files, to train and try on. The same seed makes the same files.",
        options::options_description("Options")};
    table.options.add_options()(
        "layout", options::value<std::string>()->default_value("brats"),
        "names and label values of the files: brats, prostate158 (with its CSV files), xray_ct (CT alone)")(
        "cases", options::value<uint32_t>()->default_value(12), "how many, 1 to 999")(
        "size", options::value<int64_t>()->default_value(64),
        "voxels along each axis (prostate158: along rows and columns of T2, at least 48), 32 to 512")(
        "contrast", options::value<std::string>()->default_value("segmentation"),
        "layout brats: what the modalities show: segmentation (noisy, fluid as bright as oedema), or synthesis (flair "
        "shows fluid dark and oedema bright, which are equal in the others)")(
        "seed", options::value<uint64_t>()->default_value(0), "another seed makes other phantoms")(
        "output", options::value<std::string>()->required(), "folder to write to; made where it is absent");
    return table;
}

ExitCode make_phantoms(vox::comm::World& world, const vox::app::Arguments& arguments) {
    const auto layout = arguments["layout"].as<std::string>();
    const auto cases = arguments["cases"].as<uint32_t>();
    const auto size = arguments["size"].as<int64_t>();
    const auto seed = arguments["seed"].as<uint64_t>();
    const std::string output = arguments["output"].as<std::string>();
    const bool prostates = layout == "prostate158", bodies = layout == "xray_ct";
    if (layout != "brats" && !prostates && !bodies)
        throw UsageError("--layout " + layout + ": known are brats, prostate158 and xray_ct");
    if (cases < 1 || cases > 999) throw UsageError("--cases must be 1 to 999");
    if (size < (prostates ? 48 : 32) || size > 512)
        throw UsageError(prostates ? "--size must be 48 to 512" : "--size must be 32 to 512");
    const auto contrast = vox::data::phantom_contrast(arguments["contrast"].as<std::string>());
    if (layout != "brats" && !arguments["contrast"].defaulted())
        throw UsageError("--contrast belongs to --layout brats");
    world.together("making phantoms", [&] {
        const auto ranks = static_cast<uint32_t>(world.size());
        for (auto number = static_cast<uint32_t>(world.rank()) + 1; number <= cases; number += ranks) {
            if (prostates) {
                vox::data::write_prostate158_phantom(output, number, cases, size, seed);
            } else if (bodies) {
                vox::data::write_body_phantom(output, number, size, seed);
            } else {
                vox::data::write_brats_phantom(output, number, size, seed, contrast);
            }
        }
    });
    // Last: a folder without them is not finished.
    if (prostates)
        world.on_root("writing the tables", [&] { vox::data::write_prostate158_tables(output, cases, seed); });
    vox::core::log::info(cases, " phantoms of ", size, prostates ? "^2 voxels a T2 slice" : "^3 voxels", " are in ",
                         output);
    return ExitCode::done;
}

}  // namespace

int main(int argc, char** argv) { return vox::app::run_program(argc, argv, table(), make_phantoms); }
