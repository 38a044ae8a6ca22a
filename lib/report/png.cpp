#include "report/png.hpp"

#include <png.h>

#include <csetjmp>
#include <string_view>

#include "core/error.hpp"
#include "core/text.hpp"
#include "report/files.hpp"

namespace vox::report {
namespace {

constexpr std::string_view kSignature("\x89PNG\r\n\x1a\n", 8);

void append(png_structp png, png_bytep bytes, size_t count) {
    static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(bytes), count);
}

/// libpng leaves by longjmp on an error: nothing with a destructor may be made here.
bool encode(const Image& image, std::vector<png_text>& texts, std::string& out) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png ? png_create_info_struct(png) : nullptr;
    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return false;
    }
    png_set_write_fn(png, &out, append, nullptr);
    png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
                 image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_text(png, info, texts.data(), static_cast<int>(texts.size()));
    png_write_info(png, info);
    for (int64_t y = 0; y < image.height; ++y) {
        png_write_row(png, image.pixels.data() + y * image.width * image.channels);
    }
    png_write_end(png, nullptr);
    png_destroy_write_struct(&png, &info);
    return true;
}

uint32_t big_endian(std::string_view bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    return value;
}

}  // namespace

std::string encode_png(const Image& image) {
    core::check((image.channels == 1 || image.channels == 3) && image.height > 0 && image.width > 0 &&
                    image.pixels.size() == static_cast<size_t>(image.height * image.width * image.channels),
                core::concat("a picture of ", image.height, " x ", image.width, " x ", image.channels, " cannot have ",
                             image.pixels.size(), " bytes of pixels"));
    std::vector<png_text> texts;
    for (const auto& [key, value] : image.texts) {
        png_text text{};
        text.compression = PNG_TEXT_COMPRESSION_NONE;
        text.key = const_cast<char*>(key.c_str());  // libpng does not write to it
        text.text = const_cast<char*>(value.c_str());
        text.text_length = value.size();
        texts.push_back(text);
    }
    std::string out;
    core::check(encode(image, texts, out), "libpng could not encode a picture");
    return out;
}

void write_png(const std::filesystem::path& file, const Image& image) { replace_file(file, encode_png(image)); }

Image read_png_header(const std::string& bytes) {
    Image image;
    std::string_view rest = bytes;
    if (!rest.starts_with(kSignature)) return image;
    rest.remove_prefix(kSignature.size());
    // A chunk: length, type, data, checksum.
    while (rest.size() >= 12) {
        const uint32_t length = big_endian(rest);
        if (rest.size() < size_t{length} + 12) break;
        const std::string_view type = rest.substr(4, 4);
        const std::string_view data = rest.substr(8, length);
        if (type == "IHDR" && length >= 13) {
            image.width = big_endian(data);
            image.height = big_endian(data.substr(4));
            image.channels = data[9] == PNG_COLOR_TYPE_RGB ? 3 : 1;
        } else if (const auto zero = data.find('\0'); type == "tEXt" && zero != std::string_view::npos) {
            image.texts.emplace_back(data.substr(0, zero), data.substr(zero + 1));
        }
        rest.remove_prefix(size_t{length} + 12);
    }
    return image;
}

}  // namespace vox::report
