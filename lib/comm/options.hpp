#pragma once

#include <string>

#include "config/section.hpp"

namespace vox::comm {

/// How ranks exchange tensors: section `comm` of a configuration.
struct Options {
    std::string backend = "auto";  // auto | local | mpi | nccl
    std::string device = "auto";   // auto | cpu | cuda
    double timeout_s = 600;  // longest wait for peers or data without progress of any rank, which then ends the job

    void read(config::Section& section);  // throws ConfigError
};

}  // namespace vox::comm
