// A NIfTI file through the byte source: as it is, and compressed, which must come to the same volumes.

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <vector>

#include "data/nifti.hpp"
#include "fuzz.hpp"

namespace {

using namespace vox;

constexpr size_t most_bytes = size_t{1} << 20;  // of the voxels

/// A file in memory that has a path.
class MemoryFile {
public:
    MemoryFile() : descriptor_(memfd_create("fuzz.nii", 0)), path_(core_path()) {}
    const std::string& path() const { return path_; }
    void write(const void* data, size_t size) const {
        const bool written =
            ftruncate(descriptor_, 0) == 0 && pwrite(descriptor_, data, size, 0) == static_cast<ssize_t>(size);
        fuzz::require(written, "the input can be written into memory");
    }

private:
    std::string core_path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
    int descriptor_;
    std::string path_;
};

std::vector<unsigned char> gzip(const uint8_t* data, size_t size) {
    z_stream stream{};
    deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::vector<unsigned char> out(deflateBound(&stream, size));
    stream.next_in = const_cast<unsigned char*>(data);
    stream.avail_in = static_cast<unsigned>(size);
    stream.next_out = out.data();
    stream.avail_out = static_cast<unsigned>(out.size());
    fuzz::require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib compresses");
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

/// The volumes of the file; none where it is refused.
std::vector<data::NiftiImage> volumes(const MemoryFile& file) {
    std::vector<data::NiftiImage> found;
    fuzz::accepts<core::DataError>(file.path(), [&] { found = data::read_nifti_channels(file.path(), most_bytes); });
    for (const auto& image : found) {
        fuzz::require(image.voxels.size() == static_cast<size_t>(image.voxel_count()) * data::voxel_bytes(image.type),
                      "a volume has the voxels of its size");
        fuzz::require(!core::is_singular(image.affine()), "voxels have a place in space");
        fuzz::require(image.scaled().size() == static_cast<size_t>(image.voxel_count()), "every voxel has a value");
    }
    return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const MemoryFile file;
    file.write(data, size);
    const auto plain = volumes(file);
    if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b) return 0;  // compressed already
    const auto packed = gzip(data, size);
    file.write(packed.data(), packed.size());
    const auto unpacked = volumes(file);
    fuzz::require(plain.size() == unpacked.size(), "a compressed file is read or refused as the plain one");
    for (size_t i = 0; i < plain.size(); ++i) {
        fuzz::require(plain[i].voxels == unpacked[i].voxels && plain[i].size == unpacked[i].size,
                      "a compressed file holds what the plain one holds");
    }
    return 0;
}
