#include "data/colours.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/picture_rows.hpp"
#include "data/survival_cells.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

constexpr std::array<unsigned char, 8> kPng{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::array<unsigned char, 2> kJpeg{0xFF, 0xD8};
constexpr core::Affine kPictureAffine{{{{1, 0, 0, 0}}, {{0, 1, 0, 0}}, {{0, 0, 1, 0}}, {{0, 0, 0, 1}}}};

void decode(FILE* file, PictureRows& rows) {
    std::array<unsigned char, 8> head{};
    const size_t bytes = std::fread(head.data(), 1, head.size(), file);
    std::rewind(file);
    const bool png = bytes == head.size() && head == kPng;
    if (!png && (bytes < kJpeg.size() || std::memcmp(head.data(), kJpeg.data(), kJpeg.size()) != 0))
        throw DataError("is neither a PNG nor a JPEG file");
    if (!(png ? decode_png(file, rows) : decode_jpeg(file, rows))) throw DataError(rows.error.data());
}

Colours to_colours(const PictureRows& decoded) {
    if (decoded.sample_bytes != 1) throw DataError("has 16 bits a sample: save it with 8");
    if (decoded.orientation != 1)
        throw DataError(concat("lies on its side or mirrored (EXIF orientation ", decoded.orientation,
                               "): save it upright, and its mask with it"));
    Colours picture{decoded.height, decoded.width, decoded.channels >= 3 ? 3 : 1, {}};
    const auto colours = static_cast<size_t>(picture.channels);
    const size_t pixels = size_t{decoded.width} * decoded.height;
    picture.samples.reserve(pixels * colours);
    for (size_t pixel = 0; pixel < pixels; ++pixel) {
        const auto* const from = decoded.rows.data() + pixel * decoded.channels;
        if (decoded.channels > colours && from[colours] != 255)
            throw DataError(concat("is transparent (row ", pixel / decoded.width, ", column ", pixel % decoded.width,
                                   "): save it without an alpha channel"));
        picture.samples.insert(picture.samples.end(), from, from + colours);
    }
    return picture;
}

/// `read` with the open file; its DataError gets the file's name.
template <class Read>
auto with_file(const std::filesystem::path& file, Read&& read) {
    try {
        const std::unique_ptr<FILE, int (*)(FILE*)> opened(std::fopen(file.c_str(), "rb"), &std::fclose);
        if (!opened) throw DataError("cannot be opened for reading");
        return read(opened.get());
    } catch (const DataError& error) {
        throw DataError(concat(file.string(), ": ", error.what()));
    }
}

}  // namespace

bool is_picture(const std::filesystem::path& file) {
    const std::string ending = plain_word(file.extension().string());
    return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

Colours read_colours(const std::filesystem::path& file) {
    return with_file(file, [](FILE* opened) {
        PictureRows rows;
        decode(opened, rows);
        return to_colours(rows);
    });
}

bool is_grey_picture(const std::filesystem::path& file) {
    return with_file(file, [](FILE* opened) {
        PictureRows header;
        header.header_only = true;
        decode(opened, header);
        return header.channels < 3;
    });
}

std::vector<std::string> colour_channels(bool grey) {
    if (grey) return {"grey"};
    return {"red", "green", "blue"};
}

NiftiImage picture_volume(const Colours& picture, std::vector<std::byte> voxels) {
    NiftiImage image;
    image.size = {picture.width, picture.height, 1};
    image.type = VoxelType::uint8;
    image.geometry = geometry_from_affine(kPictureAffine);
    image.voxels = std::move(voxels);
    return image;
}

std::vector<NiftiImage> read_picture_volumes(const std::filesystem::path& file, int64_t channels) {
    core::check(channels == 1 || channels == 3, concat("a picture of ", channels, " channels was asked for"));
    const Colours picture = read_colours(file);
    if (picture.channels > channels) throw DataError(concat(file.string(), ": is coloured where grey is expected"));
    std::vector<NiftiImage> volumes;
    for (int64_t c = 0; c < channels; ++c) {
        std::vector<std::byte> voxels;
        const auto step = static_cast<size_t>(picture.channels);
        for (size_t at = step == 1 ? 0 : static_cast<size_t>(c); at < picture.samples.size(); at += step)
            voxels.push_back(static_cast<std::byte>(picture.samples[at]));
        volumes.push_back(picture_volume(picture, std::move(voxels)));
    }
    return volumes;
}

CaseFiles picture_case(std::string id, const std::filesystem::path& file, const std::vector<std::string>& channels) {
    CaseFiles one{std::move(id), {}, {}, {}};
    const auto count = std::ssize(channels);
    for (int64_t c = 0; c < count; ++c) one.channels.push_back({channels[static_cast<size_t>(c)], file, c, count});
    return one;
}

}  // namespace vox::data
