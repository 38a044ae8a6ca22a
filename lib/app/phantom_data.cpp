#include "app/phantom_data.hpp"

#include "core/log.hpp"
#include "data/convert.hpp"
#include "data/phantom.hpp"

namespace vox::app {

std::filesystem::path make_phantom_shards(comm::World& world, const std::filesystem::path& folder) {
    constexpr uint32_t kCases = 12;
    constexpr int64_t kEdge = 64;
    data::ConvertOptions options;
    options.input = folder / "nifti";
    options.output = folder / "shards";
    options.label_scheme = "brats2020";
    // dataset.json is the last file of a conversion.  Made again, the same brains would count as other data: files have times.
    if (!world.any(std::filesystem::exists(options.output / "dataset.json"))) {
        world.together("making phantoms", [&] {
            for (auto number = static_cast<uint32_t>(world.rank()) + 1; number <= kCases;
                 number += static_cast<uint32_t>(world.size()))
                data::write_brats_phantom(options.input, number, kEdge, /*seed=*/0);
        });
        data::convert(world, options);
    }
    return options.output;
}

}  // namespace vox::app
