#include "report/png.hpp"

#include <gtest/gtest.h>
#include <png.h>

#include "core/error.hpp"
#include "report/support.hpp"

namespace vox::report {
namespace {

/// Pixels as libpng's reader gives them.
Image decode(const std::string& bytes) {
    png_image reader{};
    reader.version = PNG_IMAGE_VERSION;
    EXPECT_TRUE(png_image_begin_read_from_memory(&reader, bytes.data(), bytes.size())) << reader.message;
    Image image;
    image.channels = (reader.format & PNG_FORMAT_FLAG_COLOR) ? 3 : 1;
    reader.format = image.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    image.width = reader.width;
    image.height = reader.height;
    image.pixels.resize(PNG_IMAGE_SIZE(reader));
    EXPECT_TRUE(png_image_finish_read(&reader, nullptr, image.pixels.data(), 0, nullptr)) << reader.message;
    return image;
}

Image example(int64_t height, int64_t width, int channels) {
    Image image{height, width, channels, {}, {}};
    for (int64_t i = 0; i < height * width * channels; ++i)
        image.pixels.push_back(static_cast<uint8_t>(i * 7 + i / 11));
    return image;
}

TEST(Png, GivesEveryPixelBack) {
    for (const int channels : {1, 3}) {
        const Image image = example(37, 53, channels);
        const Image back = decode(encode_png(image));
        EXPECT_EQ(back.height, 37);
        EXPECT_EQ(back.width, 53);
        EXPECT_EQ(back.channels, channels);
        EXPECT_EQ(back.pixels, image.pixels);
    }
}

TEST(Png, KeepsTextsAndSizeInTheHeader) {
    Image image = example(4, 6, 3);
    image.texts = {{"panels", "FLAIR|truth"}, {"legend", "ET=#ff0000"}};
    const Image header = read_png_header(encode_png(image));
    EXPECT_EQ(header.height, 4);
    EXPECT_EQ(header.width, 6);
    EXPECT_EQ(header.channels, 3);
    EXPECT_EQ(header.texts, image.texts);
}

TEST(Png, ReadsTheHeaderOfWhatIsNoPictureAsNothing) {
    EXPECT_EQ(read_png_header("").width, 0);
    EXPECT_EQ(read_png_header("not a picture").width, 0);
    const std::string bytes = encode_png(example(4, 6, 1));
    for (size_t length = 0; length < bytes.size(); ++length)
        read_png_header(bytes.substr(0, length));  // must not read past it
    EXPECT_EQ(read_png_header(bytes.substr(0, 20)).width, 0);
}

TEST(Png, WritesTheFileWholeAndNothingBesideIt) {
    const TemporaryFolder folder;
    const auto file = folder.path() / "picture.png";
    const Image image = example(5, 9, 3);
    write_png(file, image);
    EXPECT_EQ(decode(read_text(file)).pixels, image.pixels);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "no temporary file is left";
}

TEST(Png, RefusesWhatDoesNotFit) {
    Image image = example(4, 6, 3);
    image.pixels.pop_back();
    EXPECT_THROW(encode_png(image), core::InternalError);
    EXPECT_THROW(encode_png(Image{}), core::InternalError);
    EXPECT_THROW(write_png("/proc/vox_no_such_folder/a.png", example(1, 1, 1)), core::WriteError);
}

}  // namespace
}  // namespace vox::report
