#pragma once
// Control plane: all ranks of the job, and the small host-side things they agree on.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vox::comm {

/// All ranks of the job.  Owns a communicator of its own, so that its messages never mix with tensors'.
/// Every member function but the plain getters is a collective: ALL ranks call it, in the same order.
/// Throws PeerError where MPI reports a failure, or the time limit of MpiSession::make_world passes.
class World {
public:
    virtual ~World() = default;

    int rank() const { return rank_; }
    int size() const { return size_; }
    /// Rank and number of ranks on this node.
    int local_rank() const { return local_rank_; }
    int local_size() const { return local_size_; }
    const std::string& host() const { return host_; }
    bool is_root() const { return rank_ == 0; }

    /// True where `ok` is true on every rank.
    virtual bool all_ok(bool ok) = 0;
    /// True where `flag` is true on any rank.
    virtual bool any(bool flag) = 0;
    /// Rank `root`'s bytes, on every rank.
    virtual std::string broadcast(const std::string& bytes, int root = 0) = 0;
    /// Every rank's bytes in rank order, on every rank.
    virtual std::vector<std::string> gather(const std::string& bytes) = 0;
    virtual std::vector<double> sum(const std::vector<double>& values) = 0;  // element by element; equal lengths
    virtual double max(double value) = 0;  // the largest of all ranks'
    virtual void barrier() = 0;

    /// Runs `work` on every rank and agrees: where any rank threw, ALL ranks throw.  The rank that failed rethrows its own
    /// error; the others throw PeerError naming the rank, host and message of the first that failed.
    void together(std::string_view what, const std::function<void()>& work);

    /// The same for work that rank 0 alone does; its error reaches all ranks.
    void on_root(std::string_view what, const std::function<void()>& work);

protected:
    int rank_ = 0;
    int size_ = 1;
    int local_rank_ = 0;
    int local_size_ = 1;
    std::string host_;
};

/// The world of a program that was not started by mpirun or srun: one rank.
std::unique_ptr<World> make_local_world();

}  // namespace vox::comm
