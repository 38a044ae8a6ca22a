#include "data/byte_source.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {

using core::concat;
using core::DataError;

namespace {

constexpr size_t input_bytes = size_t{1} << 18;
constexpr size_t most_output_bytes = size_t{1} << 30;  // zlib counts in 32 bits
constexpr int gzip_window = 15 + 16;                   // the largest window, gzip framing only
constexpr uint64_t best_deflate_ratio = 1032;

}  // namespace

ByteSource::ByteSource(const std::filesystem::path& file) : file_(file) {
    std::error_code failed;
    if (!std::filesystem::exists(file_, failed)) throw DataError(concat(file_.string(), ": no such file"));
    if (!std::filesystem::is_regular_file(file_, failed))
        throw DataError(concat(file_.string(), ": not a regular file"));
    file_bytes_ = std::filesystem::file_size(file_, failed);
    stream_.open(file_, std::ios::binary);
    if (failed || !stream_) throw DataError(concat(file_.string(), ": cannot be opened for reading"));
    const int first = stream_.get();
    const int second = stream_.get();
    compressed_ = first == 0x1f && second == 0x8b;
    stream_.clear();
    stream_.seekg(0);
    if (!compressed_) return;
    input_.resize(input_bytes);
    if (inflateInit2(&inflater_, gzip_window) != Z_OK) throw core::InternalError("zlib refuses to start");
}

ByteSource::~ByteSource() {
    if (compressed_) inflateEnd(&inflater_);
}

uint64_t ByteSource::most_bytes() const { return compressed_ ? file_bytes_ * best_deflate_ratio : file_bytes_; }

size_t ByteSource::read(std::byte* out, size_t count) {
    if (compressed_) return read_compressed(out, count);
    stream_.read(reinterpret_cast<char*>(out), static_cast<std::streamsize>(count));
    if (stream_.bad()) throw DataError(concat(file_.string(), ": reading failed; check the disk"));
    return static_cast<size_t>(stream_.gcount());
}

size_t ByteSource::read_compressed(std::byte* out, size_t count) {
    size_t done = 0;
    while (done < count && !ended_) {
        if (inflater_.avail_in == 0 && !fill_input()) {
            throw DataError(concat(file_.string(), ": the gzip stream is truncated; copy or download the file again"));
        }
        const size_t piece = std::min(count - done, most_output_bytes);
        inflater_.next_out = reinterpret_cast<unsigned char*>(out + done);
        inflater_.avail_out = static_cast<unsigned>(piece);
        const int status = inflate(&inflater_, Z_NO_FLUSH);
        done += piece - inflater_.avail_out;
        if (status == Z_STREAM_END) {
            finish_member();
        } else if (status != Z_OK && status != Z_BUF_ERROR) {
            throw DataError(concat(file_.string(), ": the gzip stream is damaged (",
                                   inflater_.msg ? inflater_.msg : "no details", "); copy or download the file again"));
        }
    }
    return done;
}

bool ByteSource::fill_input() {
    stream_.read(reinterpret_cast<char*>(input_.data()), static_cast<std::streamsize>(input_.size()));
    if (stream_.bad()) throw DataError(concat(file_.string(), ": reading failed; check the disk"));
    inflater_.next_in = input_.data();
    inflater_.avail_in = static_cast<unsigned>(stream_.gcount());
    return inflater_.avail_in > 0;
}

// A gzip file may hold several members one after the other (parallel compressors write such files).
void ByteSource::finish_member() {
    if (inflater_.avail_in == 0 && !fill_input()) {
        ended_ = true;
        return;
    }
    if (*inflater_.next_in != 0x1f) {
        throw DataError(concat(file_.string(), ": bytes follow the end of the gzip stream; the file is damaged"));
    }
    inflateReset(&inflater_);
}

}  // namespace vox::data
