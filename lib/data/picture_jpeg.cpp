#include <csetjmp>
#include <cstring>

#include "data/picture_rows.hpp"
// libjpeg's header needs size_t and FILE before it.
#include <jpeglib.h>

namespace vox::data {
namespace {

constexpr int kMostScans = 100;  // of a progressive file; cameras make about 10, and each costs a pass over the picture
constexpr int kExifMarker = JPEG_APP0 + 1;

/// What the library's callbacks need, behind its own error manager.
struct Failure {
    jpeg_error_mgr manager;
    std::jmp_buf jump;
    PictureRows* out;
};

[[noreturn]] void stop(j_common_ptr jpeg) {
    auto& failure = *reinterpret_cast<Failure*>(jpeg->err);
    std::array<char, JMSG_LENGTH_MAX> message{};
    jpeg->err->format_message(jpeg, message.data());
    std::snprintf(failure.out->error.data(), failure.out->error.size(), "libjpeg cannot read it: %s", message.data());
    std::longjmp(failure.jump, 1);
}

/// Below 0: data that is damaged or missing, which the library would fill up with grey.
void stop_at_warnings(j_common_ptr jpeg, int level) {
    if (level < 0) stop(jpeg);
}

[[noreturn]] void refuse(Failure& failure, const char* why) {
    std::snprintf(failure.out->error.data(), failure.out->error.size(), "%s", why);
    std::longjmp(failure.jump, 1);
}

void limit_scans(j_common_ptr jpeg) {
    const auto* const reading = reinterpret_cast<j_decompress_ptr>(jpeg);
    if (reading->input_scan_number > kMostScans)
        refuse(*reinterpret_cast<Failure*>(jpeg->err), "is a JPEG file of too many scans");
}

int orientation_of(const jpeg_decompress_struct& jpeg) {
    constexpr std::array<unsigned char, 6> head{'E', 'x', 'i', 'f', 0, 0};
    for (auto* marker = jpeg.marker_list; marker; marker = marker->next) {
        if (marker->marker != kExifMarker || marker->data_length < head.size()) continue;
        if (std::memcmp(marker->data, head.data(), head.size()) != 0) continue;
        return exif_orientation({marker->data + head.size(), marker->data_length - head.size()});
    }
    return 1;
}

/// Checks the header, before memory is taken, and says what rows are wanted.
void read_header(jpeg_decompress_struct& jpeg, Failure& failure, PictureRows& out) {
    jpeg_save_markers(&jpeg, kExifMarker, 0xFFFF);
    jpeg_read_header(&jpeg, TRUE);
    if (jpeg.image_width > kMaxPicturePixels || jpeg.image_height > kMaxPicturePixels)
        refuse(failure, "is over 8192 pixels wide or high");
    if (jpeg.num_components != 1 && jpeg.num_components != 3)
        refuse(failure, "is a JPEG file that is neither grey nor of three colours");
    jpeg.out_color_space = jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    out.width = jpeg.image_width;
    out.height = jpeg.image_height;
    out.channels = static_cast<size_t>(jpeg.num_components);
    out.sample_bytes = 1;
    out.orientation = orientation_of(jpeg);
}

}  // namespace

/// libjpeg leaves by longjmp on an error: nothing with a destructor may be made here.
bool decode_jpeg(FILE* file, PictureRows& out) {
    Failure failure{};
    failure.out = &out;
    jpeg_decompress_struct jpeg{};
    jpeg.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = stop;  // the library's own ends the program
    failure.manager.emit_message = stop_at_warnings;
    if (setjmp(failure.jump)) {
        jpeg_destroy_decompress(&jpeg);
        return false;
    }
    jpeg_create_decompress(&jpeg);
    jpeg_progress_mgr progress{};
    progress.progress_monitor = limit_scans;
    jpeg.progress = &progress;
    jpeg_stdio_src(&jpeg, file);
    read_header(jpeg, failure, out);
    if (out.header_only) {
        jpeg_destroy_decompress(&jpeg);
        return true;
    }
    jpeg_start_decompress(&jpeg);
    const size_t row_bytes = out.channels * out.width;
    out.rows.resize(row_bytes * out.height);
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = out.rows.data() + jpeg.output_scanline * row_bytes;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    return true;
}

}  // namespace vox::data
