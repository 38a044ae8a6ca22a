#pragma once
// The World over MPI.  Inside this module only: other modules use World.

#include "comm/mpi_calls.hpp"
#include "comm/mpi_handle.hpp"
#include "comm/world.hpp"

namespace vox::comm {

class MpiWorld final : public World {
public:
    /// Duplicates `source`.  `timeout_s` bounds every wait; 0 waits for ever.  All ranks of `source`.
    MpiWorld(MPI_Comm source, double timeout_s);

    bool all_ok(bool ok) override;
    bool any(bool flag) override;
    std::string broadcast(const std::string& bytes, int root) override;
    std::vector<std::string> gather(const std::string& bytes) override;
    std::vector<double> sum(const std::vector<double>& values) override;
    double max(double value) override;
    void barrier() override;

    /// What communicators are duplicated from.
    MPI_Comm handle() const { return handle_.get(); }

private:
    std::vector<double> reduce(const std::vector<double>& values, MPI_Op op, std::string_view what);

    MpiHandle handle_;
    double timeout_s_;
};

/// The communicator of a world of MpiSession.  Throws ConfigError for any other.
MPI_Comm mpi_handle(World& world);

}  // namespace vox::comm
