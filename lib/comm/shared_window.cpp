#include "comm/shared_window.hpp"

#include <mpi.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "comm/mpi_error.hpp"
#include "comm/mpi_world.hpp"
#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::comm {
namespace {

using core::concat;

#ifdef MADV_POPULATE_WRITE
constexpr int kPopulateWrite = MADV_POPULATE_WRITE;
#else
constexpr int kPopulateWrite = 23;
#endif

std::string text_of(size_t bytes) { return core::human_bytes(static_cast<double>(bytes)); }

/// Open MPI's files have no room reserved: a file system that is too small ends the first rank that writes beyond it by SIGBUS,
/// and where opening the file fails, the first rank leaves and the others wait for ever.
void check_room(size_t bytes) {
    const auto folder = shared_memory_folder();
    struct statvfs room{};
    if (::statvfs(folder.c_str(), &room) != 0) return;  // MPI will say what it thinks of that folder
    const size_t left = static_cast<size_t>(room.f_bavail) * room.f_frsize;
    if (left >= bytes) return;
    throw core::ConfigError(
        concat("the ranks of this node want to share ", text_of(bytes), " (", bytes, " bytes), but ", folder.string(),
               " has ", text_of(left),
               " left.  Make it larger (mount -o remount,size=..., docker run --shm-size=...), "
               "name another local folder by OMPI_MCA_osc_sm_backing_directory, or share less (data.cache_mb, or "
               "data.cache: rank)."));
}

}  // namespace

std::filesystem::path shared_memory_folder() {
    // As Open MPI's osc/sm component decides; its session folder is below TMPDIR.
    if (const char* named = std::getenv("OMPI_MCA_osc_sm_backing_directory")) return named;
    if (::access("/dev/shm", W_OK) == 0) return "/dev/shm";
    return std::filesystem::temp_directory_path();
}

struct SharedWindow::Block {
    std::span<std::byte> bytes;
    MPI_Comm node = MPI_COMM_NULL;
    MPI_Win window = MPI_WIN_NULL;
    int exceptions = std::uncaught_exceptions();

    void take_private(size_t size);
    void share(MPI_Comm all, int rank);
    void allocate(size_t size, bool first);
    ~Block();
};

/// Pages without a reservation: those that nobody writes cost nothing.
void SharedWindow::Block::take_private(size_t size) {
    void* const start =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        throw core::ConfigError(concat("there is no memory for the ", text_of(size), " (", size,
                                       " bytes) of this node: ", std::strerror(errno), ".  Lower data.cache_mb."));
    bytes = {static_cast<std::byte*>(start), size};
}

void SharedWindow::Block::share(MPI_Comm all, int rank) {
    const core::Activity activity("MPI_Comm_split_type", core::Waits::for_peers);
    mpi_check(MPI_Comm_split_type(all, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
    mpi_check(MPI_Comm_set_errhandler(node, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

void SharedWindow::Block::allocate(size_t size, bool first) {
    const core::Activity activity("MPI_Win_allocate_shared", core::Waits::for_peers);
    void* start = nullptr;
    mpi_check(MPI_Win_allocate_shared(first ? static_cast<MPI_Aint>(size) : 0, 1, MPI_INFO_NULL, node, &start, &window),
              "MPI_Win_allocate_shared");
    MPI_Aint found = 0;
    int unit = 0;
    mpi_check(MPI_Win_shared_query(window, 0, &found, &unit, &start), "MPI_Win_shared_query");
    core::check(static_cast<size_t>(found) == size, "the ranks of a node share a window of one size");
    bytes = {static_cast<std::byte*>(start), size};
}

SharedWindow::Block::~Block() {
    if (window == MPI_WIN_NULL && !bytes.empty()) ::munmap(bytes.data(), bytes.size());
    if (node == MPI_COMM_NULL) return;
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (finalized || std::uncaught_exceptions() > exceptions) return;
    const core::Activity activity("MPI_Win_free", core::Waits::for_peers);
    if (window != MPI_WIN_NULL) MPI_Win_free(&window);
    MPI_Comm_free(&node);
}

SharedWindow::SharedWindow(World& world, size_t bytes) : block_(std::make_unique<Block>()) {
    core::check(bytes > 0, "a shared window has bytes");
    const bool shared = world.local_size() > 1;
    const bool first = world.local_rank() == 0;
    // Nodes may hold one rank here and several there, and all split, or none does.
    const bool any_shared = world.any(shared);
    world.together("taking memory that the ranks of a node share", [&] {
        if (!shared) block_->take_private(bytes);
        if (shared && first) check_room(bytes);
    });
    if (!any_shared) return;
    block_->share(mpi_handle(world), world.rank());
    if (shared) block_->allocate(bytes, first);
}

SharedWindow::~SharedWindow() = default;

std::span<std::byte> SharedWindow::bytes() const { return block_->bytes; }

bool SharedWindow::take(size_t offset, size_t count) const {
    core::check(offset + count <= bytes().size(), "a part of the window lies inside it");
    const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto start = reinterpret_cast<uintptr_t>(bytes().data() + offset);
    const uintptr_t from = start / page * page;
    if (::madvise(reinterpret_cast<void*>(from), start + count - from, kPopulateWrite) == 0) return true;
    return errno == EINVAL;
}

}  // namespace vox::comm
