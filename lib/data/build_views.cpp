#include "data/build_views.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <tuple>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/picture.hpp"
#include "data/resize.hpp"
#include "ops/projection.hpp"

namespace vox::data {
namespace {

using core::concat;

/// [V,size,size]: parallel projections of the volume.
std::vector<float> projections(const CaseData& data, const std::vector<ops::View>& views, int64_t size) {
    std::vector<float> hu = image_values(data);
    const core::Index3 volume = data.info.size();
    const auto image = at::from_blob(hu.data(), {1, 1, volume[0], volume[1], volume[2]}, at::kFloat);
    const ops::ParallelGeometry geometry{{size, size}, ops::ViewResize::linear};
    const auto out =
        ops::project_parallel(ops::attenuation_of_hu(image), {&data.info.spacing_mm, 1}, views, geometry).contiguous();
    return {out.const_data_ptr<float>(), out.const_data_ptr<float>() + out.numel()};
}

std::vector<float> picture_of(const CaseFiles::ViewFile& view, const ViewOptions& options) {
    Picture picture = read_picture(view.file);
    if (options.flip_vertical) {
        for (int64_t row = 0; row < picture.height / 2; ++row) {
            std::swap_ranges(picture.pixels.begin() + row * picture.width,
                             picture.pixels.begin() + (row + 1) * picture.width,
                             picture.pixels.end() - (row + 1) * picture.width);
        }
    }
    const bool shrinks = picture.height >= options.size && picture.width >= options.size;
    std::vector<float> out(static_cast<size_t>(options.size * options.size));
    resize_image(picture.pixels, 1, {1, picture.height, picture.width},
                 {{1, options.size, options.size}, shrinks ? ResizeMode::area : ResizeMode::trilinear}, out);
    return out;
}

/// Mean 0 and deviation 1; zeros where all pixels are equal.
std::vector<double> standardised(std::span<const float> pixels) {
    const auto n = static_cast<double>(pixels.size());
    const double mean = std::accumulate(pixels.begin(), pixels.end(), 0.0) / n;
    double squares = 0;
    for (const float pixel : pixels) squares += (pixel - mean) * (pixel - mean);
    const double deviation = squares > 0 ? std::sqrt(squares / n) : 1.0;
    std::vector<double> out;
    for (const float pixel : pixels) out.push_back((pixel - mean) / deviation);
    return out;
}

double mean_squared_difference(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum / static_cast<double>(a.size());
}

/// [size,size], each axis the other way round or not.
std::vector<double> turned(const std::vector<double>& pixels, int64_t size, bool rows, bool columns) {
    std::vector<double> out;
    out.reserve(pixels.size());
    for (int64_t row = 0; row < size; ++row) {
        for (int64_t column = 0; column < size; ++column) {
            const int64_t from = (rows ? size - 1 - row : row) * size + (columns ? size - 1 - column : column);
            out.push_back(pixels[static_cast<size_t>(from)]);
        }
    }
    return out;
}

ViewComparison compare(std::span<const float> picture, std::span<const float> projection, int64_t size) {
    const auto seen = standardised(picture), wanted = standardised(projection);
    ViewComparison found{mean_squared_difference(seen, wanted), {}};
    double closest = found.difference;
    const std::array<std::tuple<bool, bool, const char*>, 3> turns{
        {{true, false, "upside down"}, {false, true, "mirrored"}, {true, true, "turned by half"}}};
    for (const auto& [rows, columns, name] : turns) {
        const double difference = mean_squared_difference(seen, turned(wanted, size, rows, columns));
        if (difference >= closest) continue;
        closest = difference;
        found.turned = name;
    }
    return found;
}

}  // namespace

bool ViewComparison::aligned() const { return difference < kAlignedMse && turned.empty(); }

void ViewComparisons::add(const CaseFiles& files, const std::vector<ViewComparison>& views) {
    for (size_t v = 0; v < views.size(); ++v) found_[concat(files.id, ", view ", files.views[v].name)] = views[v];
}

std::string ViewComparisons::text() const {
    nlohmann::json all = nlohmann::json::object();
    for (const auto& [view, one] : found_) all[view] = {one.difference, one.turned};
    return all.dump();
}

void ViewComparisons::merge(const std::string& text) {
    const auto all = nlohmann::json::parse(text);
    for (const auto& [view, one] : all.items()) found_[view] = {one.at(0), one.at(1)};
}

int64_t ViewComparisons::aligned() const {
    return std::ranges::count_if(found_, [](const auto& one) { return one.second.aligned(); });
}

void ViewComparisons::say() const {
    for (const auto& [view, one] : found_) {
        if (one.aligned()) continue;
        std::string cause = "is it of another patient, or are its grey values inverted?";
        if (!one.turned.empty()) cause = concat("it looks ", one.turned);
        if (one.turned == "upside down") cause += " (--flip-views vertical)";
        core::log::warning("case ", view,
                           " does not lie as its CT does: mean squared difference to the CT's projection ",
                           one.difference, ", both standardised (limit ", kAlignedMse, "); ", cause);
    }
}

ViewSet views_of(const CaseFiles& files, const ViewOptions& options) {
    ViewSet views{{}, {options.size, options.size}, options.make ? "attenuation" : "none"};
    if (options.make) views.names = {ops::view_name(ops::View::ap), ops::view_name(ops::View::lateral)};
    for (const auto& view : files.views) views.names.push_back(view.name);
    return views;
}

ViewSet views_of(const Listing& listing, const ViewOptions& options) {
    // Cases that lack a view are refused: any other has them all.
    const auto whole = std::ranges::find_if(listing.cases, [](const auto& files) { return files.problem.empty(); });
    core::check(whole != listing.cases.end(), "a data set has a case");
    return views_of(*whole, options);
}

std::vector<float> read_views(const CaseFiles& files, const ViewOptions& options) {
    std::vector<float> views;
    for (const auto& view : files.views) {
        const auto picture = picture_of(view, options);
        views.insert(views.end(), picture.begin(), picture.end());
    }
    return views;
}

std::vector<ViewComparison> add_views(CaseData& data, const CaseFiles& files, const ViewOptions& options) {
    core::check(data.info.channels() == 1 && options.size > 0, "views are made of one CT");
    data.info.views = views_of(files, options);
    std::vector<float> projected = projections(data, kinds_of(data.info.views), options.size);
    if (options.make) {
        data.views = std::move(projected);
        return {};
    }
    data.views = read_views(files, options);
    std::vector<ViewComparison> comparisons;
    const auto pixels = static_cast<size_t>(options.size * options.size);
    for (size_t first = 0; first < data.views.size(); first += pixels)
        comparisons.push_back(compare(std::span(data.views).subspan(first, pixels),
                                      std::span(projected).subspan(first, pixels), options.size));
    return comparisons;
}

}  // namespace vox::data
