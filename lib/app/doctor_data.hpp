#pragma once
// What `doctor` examines of a folder of shards.

#include <filesystem>

#include "app/findings.hpp"
#include "data/options.hpp"

namespace vox::app {

/// All ranks: the shards open alike on every rank, splits have cases, a crop as `data` takes it of each file decodes with right
/// checksums, and how fast the files are read.  Returns false where training on them cannot work.
bool examine_shards(comm::World& world, Findings& findings, const std::filesystem::path& folder,
                    const data::Options& data);

}  // namespace vox::app
