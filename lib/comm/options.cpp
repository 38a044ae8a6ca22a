#include "comm/options.hpp"

namespace vox::comm {

void Options::read(config::Section& section) {
    section.choice("backend", backend, {"auto", "local", "mpi", "nccl"},
                   "how ranks exchange tensors; auto takes nccl where each rank has a GPU of its own, else mpi");
    section.choice("device", device, {"auto", "cpu", "cuda"},
                   "where models and batches live; auto takes a GPU where there is one");
    section.value("timeout_s", timeout_s,
                  "seconds without progress of any rank after which a wait for ranks or data stops the job");
    section.require(timeout_s > 0, "timeout_s has to be above 0: a rank that died would never be noticed");
}

}  // namespace vox::comm
