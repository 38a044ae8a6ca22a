// A small distributed program that goes wrong as its first argument says.  Its main ends errors as all programs do.

#include <ATen/ops/ones.h>
#include <mpi.h>
#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "comm/make_communicator.hpp"
#include "comm/mpi_session.hpp"
#include "core/error.hpp"

namespace {

/// What happens to the last rank while the others wait for it in a collective.
void go_wrong(const std::string& how) {
    if (how == "throw") throw vox::core::DataError("case_007: damaged chunk");
    if (how == "kill") raise(SIGKILL);
    if (how == "stop") raise(SIGSTOP);
    if (how == "leave") _exit(0);
}

int run(int argc, char** argv) {
    vox::comm::MpiSession session(argc, argv);
    const auto world = session.make_world();
    const std::string how = argc > 1 ? argv[1] : "nothing";
    const auto comm = vox::comm::make_mpi_communicator(*world, at::kCPU, /*timeout_s=*/2);
    const at::Tensor tensor = at::ones({100});
    comm->all_reduce_sum(tensor);
    if (world->rank() == world->size() - 1) go_wrong(how);
    if (how == "stop") {
        comm->all_reduce_sum_async(tensor)->wait();  // has a time limit
    } else {
        world->barrier();  // has none here
    }
    if (world->is_root()) std::cout << "finished with " << world->size() << " ranks" << std::endl;
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const vox::core::Error& error) {
        std::cerr << "error: " << error.what() << std::endl;
        vox::comm::MpiSession::abort(static_cast<int>(error.code()));
    }
}
