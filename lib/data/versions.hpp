#pragma once

#include <string>

namespace vox::data {

/// Of the HDF5 library that this process runs with.
std::string hdf5_version();

}  // namespace vox::data
