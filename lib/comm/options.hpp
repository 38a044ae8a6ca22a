#pragma once

#include <string>

#include "config/section.hpp"

namespace vox::comm {

/// How ranks exchange tensors.
struct Options {
    std::string backend = "auto";  // auto | local | mpi | nccl
    std::string device = "auto";   // auto | cpu | cuda
    double timeout_s = 600;

    void read(config::Section& section);
};

}  // namespace vox::comm
