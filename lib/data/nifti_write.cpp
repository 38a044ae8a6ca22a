#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/nifti.hpp"
#include "data/nifti_header.hpp"

namespace vox::data {

using core::concat;
using core::WriteError;

namespace {

constexpr int gzip_level = 6;

std::vector<std::byte> gzipped(const std::vector<std::byte>& bytes) {
    const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> compressor(
        libdeflate_alloc_compressor(gzip_level), libdeflate_free_compressor);
    core::check(compressor != nullptr, "libdeflate refuses to start");
    std::vector<std::byte> packed(libdeflate_gzip_compress_bound(compressor.get(), bytes.size()));
    packed.resize(libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(), packed.data(), packed.size()));
    core::check(!packed.empty(), "libdeflate's bound was too small");
    return packed;
}

/// A file under another name that becomes `target` when it is complete, or vanishes.
class PendingFile {
public:
    explicit PendingFile(const std::filesystem::path& target)
        : target_(target), place_(target.string() + concat(".tmp", ::getpid())) {
        descriptor_ = ::open(place_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (descriptor_ < 0) fail("cannot be created");
    }
    ~PendingFile() {
        if (descriptor_ >= 0) ::close(descriptor_);
        if (!done_) ::unlink(place_.c_str());
    }
    PendingFile(const PendingFile&) = delete;
    PendingFile& operator=(const PendingFile&) = delete;

    void write(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) fail("cannot be written");
            bytes = bytes.subspan(static_cast<size_t>(written));
        }
    }
    void publish() {
        const int closed = ::close(descriptor_);  // quotas and network disks report here
        descriptor_ = -1;
        if (closed != 0) fail("cannot be written");
        if (::rename(place_.c_str(), target_.c_str()) != 0) fail("cannot be put in its place");
        done_ = true;
    }

private:
    [[noreturn]] void fail(const char* what) {
        throw WriteError(concat(target_.string(), ": ", what, ": ", std::strerror(errno)));
    }
    std::filesystem::path target_, place_;
    int descriptor_ = -1;
    bool done_ = false;
};

}  // namespace

void write_nifti(const std::filesystem::path& file, const NiftiImage& image) {
    const size_t expected = static_cast<size_t>(image.voxel_count()) * voxel_bytes(image.type);
    core::check(
        image.voxel_count() > 0 && image.voxels.size() == expected,
        concat(file.string(), ": ", image.voxels.size(), " bytes of voxels where the size asks for ", expected));
    std::vector<std::byte> header = build_nifti_header(image);
    PendingFile pending(file);
    if (file.extension() == ".gz") {
        header.insert(header.end(), image.voxels.begin(), image.voxels.end());
        pending.write(gzipped(header));
    } else {
        pending.write(header);
        pending.write(image.voxels);
    }
    pending.publish();
}

}  // namespace vox::data
