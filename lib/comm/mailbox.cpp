#include "comm/mailbox.hpp"

#include <algorithm>

#include "comm/mpi_error.hpp"

namespace vox::comm {

Mailbox::~Mailbox() {
    if (sent_.empty()) return;
    handle_.abandon();
    new std::deque<Sent>(std::move(sent_));  // deliberately never freed: MPI may still read it
}

void Mailbox::send(int to, int kind, const std::string& text) {
    Sent& sent = sent_.emplace_back();
    sent.text = text.substr(0, kLongest);
    mpi_check(MPI_Isend(sent.text.data(), static_cast<int>(sent.text.size()), MPI_BYTE, to, kind, handle_.get(),
                        &sent.request),
              "MPI_Isend");
}

std::optional<Letter> Mailbox::receive() {
    while (!sent_.empty()) {
        int done = 0;
        mpi_check(MPI_Test(&sent_.front().request, &done, MPI_STATUS_IGNORE), "MPI_Test");
        if (!done) break;
        sent_.pop_front();
    }
    int there = 0;
    MPI_Status status;
    mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, handle_.get(), &there, &status), "MPI_Iprobe");
    if (!there) return std::nullopt;
    int bytes = 0;
    mpi_check(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
    Letter letter{status.MPI_TAG, status.MPI_SOURCE, std::string(static_cast<size_t>(bytes), '\0')};
    // It has come as a whole, so that this does not wait.
    mpi_check(MPI_Recv(letter.text.data(), bytes, MPI_BYTE, letter.from, letter.kind, handle_.get(), MPI_STATUS_IGNORE),
              "MPI_Recv");
    return letter;
}

}  // namespace vox::comm
