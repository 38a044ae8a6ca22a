#pragma once
// Short letters between the watchdogs of ranks, which never wait for each other.  Inside this module only.

#include <mpi.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "comm/mpi_handle.hpp"

namespace vox::comm {

struct Letter {
    int kind = 0;  // 0 to 100
    int from = 0;
    std::string text;  // at most Mailbox::kLongest bytes, the rest is cut off
};

/// One thread uses it.  All ranks construct and destroy it together.  Throws PeerError where MPI fails.
class Mailbox {
public:
    static constexpr size_t kLongest = 3000;  // below every transport's eager limit: sending needs nobody's help

    explicit Mailbox(MPI_Comm source) : handle_(source) {}
    /// Leaves what was not delivered to MPI.
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    int size() const { return handle_.size(); }
    void send(int to, int kind, const std::string& text);
    /// The next letter that has come, if any.  Also moves on what is being sent.
    std::optional<Letter> receive();

private:
    struct Sent {
        std::string text;
        MPI_Request request = MPI_REQUEST_NULL;
    };

    MpiHandle handle_;
    std::deque<Sent> sent_;  // a deque: MPI reads the texts where they are
};

}  // namespace vox::comm
