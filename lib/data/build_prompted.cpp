#include "data/build_prompted.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/colours.hpp"
#include "data/prompt_components.hpp"
#include "data/prompt_words.hpp"
#include "data/shard_format.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

constexpr uint8_t kHalf = 127;  // of a mask's range: what is more belongs to it

/// The masks of a picture on its grid, and what is wrong with whose.
class Masks {
public:
    explicit Masks(const NiftiImage& picture) : size_{picture.size[2], picture.size[1], picture.size[0]} {
        numbers_.resize(static_cast<size_t>(picture.voxel_count()));
    }

    /// The number of a line's mask, which is read where it is new; 0 where it cannot be used.
    int32_t number_of(const CaseFiles::AskedLine& line) {
        const auto known = std::ranges::find(files_, line.mask);
        if (known != files_.end()) return static_cast<int32_t>(known - files_.begin()) + 1;
        if (files_.size() == format::kMaxTargets)
            throw DataError(concat("over ", format::kMaxTargets, " masks belong to one image"));
        paint(read_colours(line.mask), line.mask, static_cast<int32_t>(files_.size()) + 1);
        files_.push_back(line.mask);
        return static_cast<int32_t>(files_.size());
    }
    const std::vector<int32_t>& numbers() const { return numbers_; }
    const core::Index3& size() const { return size_; }
    size_t count() const { return files_.size(); }

private:
    /// All of it or nothing.
    void paint(const Colours& mask, const fs::path& file, int32_t number) {
        if (mask.height != size_[1] || mask.width != size_[2])
            throw DataError(concat(file.string(), ": has ", mask.width, "x", mask.height, " pixels, the image ",
                                   size_[2], "x", size_[1]));
        const auto step = static_cast<size_t>(mask.channels);
        std::vector<size_t> inside;
        for (size_t pixel = 0; pixel < numbers_.size(); ++pixel) {
            const auto* const from = &mask.samples[pixel * step];
            if (*std::max_element(from, from + step) > kHalf) inside.push_back(pixel);
        }
        if (inside.empty())
            throw DataError(concat(file.string(), ": is empty, its brightest pixel is ",
                                   int{*std::ranges::max_element(mask.samples)}, " of 255"));
        for (const size_t pixel : inside) {
            if (numbers_[pixel] == 0) continue;
            throw DataError(concat(
                file.string(), ": overlaps ", files_[static_cast<size_t>(numbers_[pixel] - 1)].string(), " (row ",
                static_cast<int64_t>(pixel) / size_[2], ", column ", static_cast<int64_t>(pixel) % size_[2], ")"));
        }
        for (const size_t pixel : inside) numbers_[pixel] = number;
    }

    core::Index3 size_;             // 1, H, W
    std::vector<int32_t> numbers_;  // [1,H,W], 0: of none
    std::vector<fs::path> files_;   // of number n + 1
};

/// Line by line the number of its mask.  Throws DataError of all that cannot be used.
std::vector<int32_t> read_masks(const CaseFiles& files, Masks& masks) {
    std::vector<int32_t> numbers;
    std::vector<std::string> problems;
    for (const auto& line : files.asked) {
        try {
            numbers.push_back(masks.number_of(line));
        } catch (const DataError& error) {
            problems.push_back(concat(line.place, ": mask ", error.what()));
        }
    }
    if (!problems.empty()) throw DataError(core::join(problems, "; "));
    return numbers;
}

void check_positions(const CaseFiles& files, const std::vector<int32_t>& numbers,
                     const std::vector<PromptTarget>& targets) {
    std::vector<std::string> problems;
    for (size_t i = 0; i < files.asked.size(); ++i) {
        const auto& line = files.asked[i];
        const int64_t position = targets[static_cast<size_t>(numbers[i] - 1)].position;
        if (line.position.empty() || position < 0) continue;
        const auto found = position_of_class(position, PositionSpace::image);
        if (!contradicts(line.position, found)) continue;
        problems.push_back(concat(line.place, ": position says '", line.position, "', but the mask lies ",
                                  position_text(found, PositionSpace::image, PositionDetail::whole)));
    }
    if (!problems.empty()) throw DataError(core::join(problems, "; "));
}

NiftiImage label_of(const Masks& masks, const NiftiImage& picture) {
    NiftiImage label = picture;
    std::ranges::transform(masks.numbers(), label.voxels.begin(), [](int32_t n) { return static_cast<std::byte>(n); });
    return label;
}

bool has_any(const std::vector<std::string>& words, const std::set<std::string>& wanted) {
    return std::ranges::any_of(words, [&](const auto& word) { return wanted.contains(word); });
}

}  // namespace

bool contradicts(const std::string& text, const PromptPosition& position) {
    const auto words = words_of(text);
    const std::array<std::pair<size_t, std::array<std::set<std::string>, 2>>, 2> axes{
        {{1, {{{"top", "upper"}, {"bottom", "lower"}}}}, {2, {{{"left"}, {"right"}}}}}};
    bool names_a_side = false, names_another = false;
    for (const auto& [axis, sides] : axes) {
        const bool low = has_any(words, sides[0]), high = has_any(words, sides[1]);
        if (low == high) continue;  // "the left lung, on the right" says nothing that could be checked
        names_a_side = true;
        names_another = names_another || high != position.high[axis];
    }
    if (names_a_side) return position.centre || names_another;
    const bool at_the_centre = has_any(words, {"centre", "center", "central", "middle"}) &&
                               !has_any(words, {"near", "far", "close", "closer", "away", "distant", "off"});
    return at_the_centre && !position.centre;
}

CaseData build_prompted_case(const CaseFiles& files, const std::string& modality) {
    const auto channels = read_channels(files);
    Masks masks(channels.front().image);
    const auto numbers = read_masks(files, masks);
    const std::vector<std::string> nameless(masks.count());
    const auto components = prompt_components(masks.numbers(), masks.size(), nameless);
    const auto targets = targets_of(components, masks.size(), {1, 1, 1}, PositionSpace::image);
    check_positions(files, numbers, targets);
    const NiftiImage label = label_of(masks, channels.front().image);
    CaseData data = build_case(files.id, channels, &label);
    data.info.prompts = {PositionSpace::image, modality, targets, {}};
    for (size_t i = 0; i < files.asked.size(); ++i)
        data.info.prompts.questions.push_back(
            {static_cast<size_t>(numbers[i] - 1), files.asked[i].question, files.asked[i].answer});
    std::ranges::stable_sort(data.info.prompts.questions, {}, &PromptQuestion::target);
    return data;
}

}  // namespace vox::data
