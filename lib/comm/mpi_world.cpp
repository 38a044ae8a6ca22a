#include "comm/mpi_world.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "comm/mpi_error.hpp"
#include "core/error.hpp"

namespace vox::comm {
namespace {

/// Rank and number of ranks among those that share memory with this one.
std::pair<int, int> place_on_node(MPI_Comm comm, int rank) {
    MPI_Comm node = MPI_COMM_NULL;
    mpi_check(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
    mpi_check(MPI_Comm_set_errhandler(node, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    std::pair<int, int> place{0, 1};
    mpi_check(MPI_Comm_rank(node, &place.first), "MPI_Comm_rank");
    mpi_check(MPI_Comm_size(node, &place.second), "MPI_Comm_size");
    mpi_check(MPI_Comm_free(&node), "MPI_Comm_free");
    return place;
}

}  // namespace

MpiWorld::MpiWorld(MPI_Comm source, double timeout_s) : handle_(source), timeout_s_(timeout_s) {
    rank_ = handle_.rank();
    size_ = handle_.size();
    std::tie(local_rank_, local_size_) = place_on_node(handle_.get(), rank_);
    std::array<char, 256> host{};
    gethostname(host.data(), host.size() - 1);
    host_ = host.data();
}

// Buffers live on the heap and are kept by the calls: after a time limit MPI may still write into them.
std::vector<double> MpiWorld::reduce(const std::vector<double>& values, MPI_Op op, std::string_view what) {
    auto buffer = std::make_shared<std::vector<double>>(values);
    MpiCalls calls(handle_.get());
    calls.keep(buffer);
    calls.all_reduce(buffer->data(), static_cast<int64_t>(buffer->size()), MPI_DOUBLE, op);
    calls.wait(timeout_s_, what);
    return *buffer;
}

bool MpiWorld::all_ok(bool ok) { return reduce({ok ? 1.0 : 0.0}, MPI_MIN, "World::all_ok").front() > 0.5; }

bool MpiWorld::any(bool flag) { return reduce({flag ? 1.0 : 0.0}, MPI_MAX, "World::any").front() > 0.5; }

std::vector<double> MpiWorld::sum(const std::vector<double>& values) { return reduce(values, MPI_SUM, "World::sum"); }

double MpiWorld::max(double value) { return reduce({value}, MPI_MAX, "World::max").front(); }

std::string MpiWorld::broadcast(const std::string& bytes, int root) {
    auto length = std::make_shared<int64_t>(bytes.size());
    {
        MpiCalls calls(handle_.get());
        calls.keep(length);
        calls.broadcast(length.get(), sizeof(int64_t), root);
        calls.wait(timeout_s_, "World::broadcast");
    }
    auto text = std::make_shared<std::string>(bytes);
    text->resize(static_cast<size_t>(*length));
    MpiCalls calls(handle_.get());
    calls.keep(text);
    calls.broadcast(text->data(), *length, root);
    calls.wait(timeout_s_, "World::broadcast");
    return *text;
}

std::vector<std::string> MpiWorld::gather(const std::string& bytes) {
    auto lengths = std::make_shared<std::vector<int64_t>>(size_ + 1, static_cast<int64_t>(bytes.size()));
    {
        MpiCalls calls(handle_.get());
        calls.keep(lengths);
        calls.all_gather(&lengths->back(), lengths->data(), sizeof(int64_t));
        calls.wait(timeout_s_, "World::gather");
    }
    lengths->pop_back();
    // Everybody sends as much as the longest: texts are small, and one equal gather is the fastest call MPI has.
    const int64_t longest = *std::max_element(lengths->begin(), lengths->end());
    auto mine = std::make_shared<std::string>(bytes);
    mine->resize(static_cast<size_t>(longest));
    auto all = std::make_shared<std::string>(static_cast<size_t>(longest * size_), '\0');
    MpiCalls calls(handle_.get());
    calls.keep(mine);
    calls.keep(all);
    calls.all_gather(mine->data(), all->data(), longest);
    calls.wait(timeout_s_, "World::gather");
    std::vector<std::string> texts;
    for (int rank = 0; rank < size_; ++rank) {
        texts.push_back(all->substr(static_cast<size_t>(rank * longest), static_cast<size_t>((*lengths)[rank])));
    }
    return texts;
}

MPI_Comm mpi_handle(World& world) {
    const auto* mpi = dynamic_cast<MpiWorld*>(&world);
    if (mpi == nullptr) throw core::ConfigError("this world was made without MPI: use comm.backend auto or local");
    return mpi->handle();
}

void MpiWorld::barrier() {
    MpiCalls calls(handle_.get());
    calls.barrier();
    calls.wait(timeout_s_, "World::barrier");
}

}  // namespace vox::comm
