#include "data/versions.hpp"

#include <hdf5.h>

#include "core/text.hpp"

namespace vox::data {

std::string hdf5_version() {
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    return core::concat(major, '.', minor, '.', release);
}

}  // namespace vox::data
