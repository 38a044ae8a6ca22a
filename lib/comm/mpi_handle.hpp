#pragma once

#include <mpi.h>

namespace vox::comm {

/// Owns one MPI communicator, a duplicate of another.  Constructing and destroying are collectives.
class MpiHandle {
public:
    /// Duplicates `source` and makes its errors return, so that mpi_check sees them.
    explicit MpiHandle(MPI_Comm source);
    /// Frees it, unless an exception is on its way: the peers may never come to the same place.
    ~MpiHandle();
    MpiHandle(const MpiHandle&) = delete;
    MpiHandle& operator=(const MpiHandle&) = delete;

    MPI_Comm get() const { return comm_; }
    int rank() const;
    int size() const;
    /// From here on the destructor leaves the communicator alone: a collective on it never ended.
    void abandon() { abandoned_ = true; }

private:
    MPI_Comm comm_ = MPI_COMM_NULL;
    int exceptions_ = 0;
    bool abandoned_ = false;
};

}  // namespace vox::comm
