#include "report/slices.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::report {
namespace {

using core::Double3;
using core::Index3;
using Colour = std::array<uint8_t, 3>;

// Told apart on grey, by colour-blind readers too (Okabe and Ito's palette without black and grey).
constexpr std::array<Colour, 7> kColours{
    {{0, 158, 115}, {240, 228, 66}, {213, 94, 0}, {86, 180, 233}, {204, 121, 167}, {230, 159, 0}, {0, 114, 178}}};
constexpr double kFill = 0.35;            // how much of a label's inside is its colour; its edge is all colour
constexpr int64_t kGap = 2;               // pixels between panels
constexpr int64_t kSmallestEdge = 144;    // a volume smaller than this is magnified by a whole number

Colour colour_of(int label) { return kColours[static_cast<size_t>(label - 1) % kColours.size()]; }

/// One direction of looking: which axes of [D,H,W] run down, to the right, and into the picture.
struct View {
    size_t down, right, through;
};
constexpr std::array<View, 3> kViews{{{1, 2, 0}, {0, 2, 1}, {0, 1, 2}}};  // axial, coronal, sagittal

/// Every axis grows to superior, anterior, right; a picture's rows grow downwards and its columns to the patient's left (or,
/// sagittal, to the back): so both are read from the far end.
struct Sampler {
    Index3 size;
    Index3 centre;
    View view;
    int64_t height, width;  // pixels

    Index3 voxel(int64_t y, int64_t x) const {
        Index3 at = centre;
        at[view.down] = size[view.down] - 1 - y * size[view.down] / height;
        at[view.right] = size[view.right] - 1 - x * size[view.right] / width;
        return at;
    }
    size_t flat(const Index3& at) const { return static_cast<size_t>((at[0] * size[1] + at[1]) * size[2] + at[2]); }
};

/// Grey values shown as black and white.
struct Window {
    float low = 0.0F, high = 1.0F;
    uint8_t grey(float value) const {
        const float share = (value - low) / (high - low);
        return static_cast<uint8_t>(
            std::lround(255.0F * (std::isfinite(share) ? std::clamp(share, 0.0F, 1.0F) : 0.0F)));
    }
};

Window window_of(std::span<const float> grey) {
    std::vector<float> values;
    for (const float value : grey) {
        if (value != 0.0F && std::isfinite(value)) values.push_back(value);
    }
    if (values.empty()) return {};
    const auto percentile = [&](double share) {
        const auto place = values.begin() + static_cast<int64_t>(share * static_cast<double>(values.size() - 1));
        std::nth_element(values.begin(), place, values.end());
        return *place;
    };
    Window window{percentile(0.01), percentile(0.995)};
    // One value only, a mask for example: zero is the other end.
    if (window.high <= window.low) window = {std::min(window.low, 0.0F), std::max(window.high, 0.0F)};
    return window;
}

/// True where a neighbour in the picture's plane, one voxel on, carries another label.
bool on_edge(const Sampler& sampler, std::span<const uint8_t> labels, const Index3& at) {
    const uint8_t own = labels[sampler.flat(at)];
    for (const size_t axis : {sampler.view.down, sampler.view.right}) {
        for (const int64_t step : {-1, 1}) {
            Index3 other = at;
            other[axis] += step;
            if (other[axis] < 0 || other[axis] >= sampler.size[axis] || labels[sampler.flat(other)] != own) return true;
        }
    }
    return false;
}

Colour pixel(const Sampler& sampler, const Panel& panel, const Window& window, const Index3& at) {
    const size_t flat = sampler.flat(at);
    const uint8_t grey = window.grey(panel.grey[flat]);
    const int label = panel.labels.empty() ? 0 : panel.labels[flat];
    if (label == 0) return {grey, grey, grey};
    const double share = on_edge(sampler, panel.labels, at) ? 1.0 : kFill;
    Colour mixed = colour_of(label);
    for (auto& part : mixed) part = static_cast<uint8_t>(std::lround(share * part + (1.0 - share) * grey));
    return mixed;
}

void draw(Image& image, int64_t top, int64_t left, const Sampler& sampler, const Panel& panel, const Window& window) {
    for (int64_t y = 0; y < sampler.height; ++y) {
        for (int64_t x = 0; x < sampler.width; ++x) {
            const Colour colour = pixel(sampler, panel, window, sampler.voxel(y, x));
            std::copy(colour.begin(), colour.end(), image.pixels.begin() + ((top + y) * image.width + left + x) * 3);
        }
    }
}

/// Pixels along each axis, so that a millimetre is as long on all of them.
Index3 pixels_along(const Preview& preview) {
    const double finest = *std::min_element(preview.spacing_mm.begin(), preview.spacing_mm.end());
    Index3 pixels{};
    for (size_t axis = 0; axis < 3; ++axis) {
        const double scaled = static_cast<double>(preview.size[axis]) * preview.spacing_mm[axis] / finest;
        pixels[axis] = std::max<int64_t>(1, std::llround(scaled));
    }
    const int64_t longest = *std::max_element(pixels.begin(), pixels.end());
    const int64_t zoom = (kSmallestEdge + longest - 1) / longest;
    for (auto& edge : pixels) edge *= zoom;
    return pixels;
}

void check_sizes(const Preview& preview) {
    const auto voxels = static_cast<size_t>(preview.size[0] * preview.size[1] * preview.size[2]);
    core::check(voxels > 0 && !preview.panels.empty(), "a preview needs voxels and panels");
    for (const double spacing : preview.spacing_mm) core::check(spacing > 0.0, "a preview needs a positive spacing");
    for (const auto& panel : preview.panels) {
        core::check(panel.grey.size() == voxels && (panel.labels.empty() || panel.labels.size() == voxels),
                    core::concat("preview panel ", panel.title, " does not have the size of the volume"));
    }
}

std::string titles(const Preview& preview) {
    std::vector<std::string> names;
    for (const auto& panel : preview.panels) names.push_back(panel.title);
    return core::join(names, "|");
}

std::string legend(const Preview& preview) {
    std::vector<std::string> entries;
    for (size_t i = 0; i < preview.label_names.size(); ++i) {
        entries.push_back(core::concat(preview.label_names[i], '=', label_colour(static_cast<int>(i) + 1)));
    }
    return core::join(entries, "|");
}

Image draw_views(const Preview& preview, std::span<const View> views) {
    check_sizes(preview);
    const Index3 pixels = pixels_along(preview);
    const auto centre = preview.centre.value_or(Index3{preview.size[0] / 2, preview.size[1] / 2, preview.size[2] / 2});
    for (size_t axis = 0; axis < 3; ++axis) {
        core::check(centre[axis] >= 0 && centre[axis] < preview.size[axis],
                    "a preview's centre lies outside the volume");
    }
    Image image;
    image.channels = 3;
    int64_t column = 0;  // the widest row's; the others are centred
    image.height = -kGap;
    for (const View& view : views) {
        column = std::max(column, pixels[view.right]);
        image.height += pixels[view.down] + kGap;
    }
    image.width = static_cast<int64_t>(preview.panels.size()) * (column + kGap) - kGap;
    image.pixels.assign(static_cast<size_t>(image.width * image.height * 3), 0);
    image.texts = {{"panels", titles(preview)}};
    if (!preview.label_names.empty()) image.texts.emplace_back("legend", legend(preview));

    for (size_t i = 0; i < preview.panels.size(); ++i) {
        const Window window = window_of(preview.panels[i].grey);
        int64_t top = 0;
        for (const View& view : views) {
            const Sampler sampler{preview.size, centre, view, pixels[view.down], pixels[view.right]};
            const int64_t left = static_cast<int64_t>(i) * (column + kGap) + (column - sampler.width) / 2;
            draw(image, top, left, sampler, preview.panels[i], window);
            top += sampler.height + kGap;
        }
    }
    return image;
}

}  // namespace

Image draw_preview(const Preview& preview) { return draw_views(preview, kViews); }

Image draw_axial(const Preview& preview) { return draw_views(preview, std::span(kViews).first<1>()); }

Image stack(std::span<const Image> pictures) {
    core::check(!pictures.empty(), "there is no picture to put below another");
    Image all = pictures.front();
    for (const Image& next : pictures.subspan(1)) {
        core::check(next.width == all.width && next.channels == all.channels,
                    "pictures that are put below one another need the same width and channels");
        all.pixels.resize(all.pixels.size() + static_cast<size_t>(kGap * all.width * all.channels), 0);
        all.pixels.insert(all.pixels.end(), next.pixels.begin(), next.pixels.end());
        all.height += kGap + next.height;
    }
    return all;
}

Index3 most_labelled_slices(std::span<const uint8_t> labels, const Index3& size) {
    core::check(labels.size() == static_cast<size_t>(size[0] * size[1] * size[2]),
                "labels do not have the size of the volume");
    std::array<std::vector<int64_t>, 3> counts;
    for (size_t axis = 0; axis < 3; ++axis) counts[axis].assign(static_cast<size_t>(size[axis]), 0);
    size_t flat = 0;
    for (int64_t d = 0; d < size[0]; ++d) {
        for (int64_t h = 0; h < size[1]; ++h) {
            for (int64_t w = 0; w < size[2]; ++w, ++flat) {
                if (labels[flat] == 0) continue;
                ++counts[0][static_cast<size_t>(d)];
                ++counts[1][static_cast<size_t>(h)];
                ++counts[2][static_cast<size_t>(w)];
            }
        }
    }
    Index3 centre{};
    for (size_t axis = 0; axis < 3; ++axis) {
        const auto most = std::max_element(counts[axis].begin(), counts[axis].end());
        centre[axis] = *most == 0 ? size[axis] / 2 : most - counts[axis].begin();
    }
    return centre;
}

std::string label_colour(int label) {
    const Colour colour = colour_of(std::max(label, 1));
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "#%02x%02x%02x", colour[0], colour[1], colour[2]);
    return text.data();
}

}  // namespace vox::report
