#include <cstring>

#include "data/picture_rows.hpp"

namespace vox::data {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;

/// Numbers of a TIFF structure in its own byte order; 0 beyond its end.
class TiffNumbers {
public:
    explicit TiffNumbers(std::span<const unsigned char> bytes) : bytes_(bytes), big_(bytes[0] == 'M') {}
    uint32_t at(size_t place, size_t width) const {
        if (place > bytes_.size() || width > bytes_.size() - place) return 0;
        uint32_t value = 0;
        for (size_t i = 0; i < width; ++i) value = value << 8 | bytes_[place + (big_ ? i : width - 1 - i)];
        return value;
    }

private:
    std::span<const unsigned char> bytes_;
    bool big_;
};

}  // namespace

int exif_orientation(std::span<const unsigned char> tiff) {
    if (tiff.size() < 8 || (std::memcmp(tiff.data(), "II", 2) != 0 && std::memcmp(tiff.data(), "MM", 2) != 0)) return 1;
    const TiffNumbers numbers(tiff);
    const size_t directory = numbers.at(4, 4);
    const uint32_t entries = numbers.at(directory, 2);
    for (uint32_t i = 0; i < entries; ++i) {
        const size_t entry = directory + 2 + size_t{12} * i;
        if (numbers.at(entry, 2) != kOrientationTag) continue;
        const auto value = static_cast<int>(numbers.at(entry + 8, 2));
        return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

}  // namespace vox::data
