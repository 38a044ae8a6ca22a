#include "data/phantom.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/nifti.hpp"
#include "data/phantom_shapes.hpp"

namespace vox::data {
namespace {

// Contrasts to white matter in units of `contrast_unit`, one row a Tissue from white on.  Fluid equals oedema and vessels equal
// the rim on purpose: only their surroundings tell them apart.
constexpr std::array<std::array<double, 4>, 7> contrasts{{
    // t1   t1ce    t2   flair
    {0.0, 0.0, 0.0, 0.0},  // white
    {-0.3, -0.3, 0.3, 0.3},  // grey
    {-0.7, -0.7, 1.0, 1.0},  // fluid
    {-0.2, 1.3, 0.8, 0.8},  // vessel
    {-0.7, -0.7, 1.0, 1.0},  // oedema
    {-0.2, 1.3, 0.8, 0.8},  // rim
    {-1.2, -1.0, 1.2, 0.1},  // necrosis
}};
constexpr double white_matter = 600, contrast_unit = 100, noise_units = 0.7;
// For synthesis only flair differs, and there is less noise.
constexpr std::array<double, 7> suppressed_flair{0.0, 0.3, -1.5, -0.2, 1.2, 0.8, 0.1};
constexpr double synthesis_noise_units = 0.05;
constexpr std::array<const char*, 4> modalities{"t1", "t1ce", "t2", "flair"};

uint8_t label_of(Tissue tissue) {
    switch (tissue) {
        case Tissue::necrosis: return 1;
        case Tissue::oedema: return 2;
        case Tissue::rim: return 4;
        default: return 0;
    }
}

template <class Voxel>
NiftiImage image_of(const PhantomBrain& brain, VoxelType type, const std::vector<Voxel>& voxels) {
    NiftiImage image;
    image.size = brain.size;
    image.type = type;
    image.geometry = geometry_from_affine(brain.affine);
    image.description = "phantom";
    image.voxels.resize(voxels.size() * sizeof(Voxel));
    std::memcpy(image.voxels.data(), voxels.data(), image.voxels.size());
    return image;
}

}  // namespace

PhantomContrast phantom_contrast(const std::string& name) {
    if (name == "segmentation") return PhantomContrast::segmentation;
    if (name == "synthesis") return PhantomContrast::synthesis;
    throw core::UsageError(core::concat("--contrast ", name, ": there are segmentation and synthesis"));
}

PhantomBrain make_brain_phantom(uint64_t seed, uint32_t case_number, int64_t edge, PhantomContrast contrast) {
    core::check(edge >= 32 && edge <= 512, core::concat("a phantom of ", edge, " voxels an edge"));
    const bool suppressed = contrast == PhantomContrast::synthesis;
    const double noise_share = suppressed ? synthesis_noise_units : noise_units;
    const ops::RandomKey key{.seed = seed, .position = case_number};
    const auto tissues = phantom_tissues(key, edge);
    PhantomNumbers bias_numbers(key, PhantomPart::bias);
    const std::array<PhantomScanner, 4> scanners{PhantomScanner(bias_numbers), PhantomScanner(bias_numbers),
                                                 PhantomScanner(bias_numbers), PhantomScanner(bias_numbers)};

    PhantomBrain brain;
    brain.size = {edge, edge, edge};
    brain.affine = phantom_affine(edge, 1);
    brain.label.resize(tissues.size());
    for (auto& image : brain.images) image.resize(tissues.size());
    for (size_t at = 0; at < tissues.size(); ++at) {
        if (tissues[at] == Tissue::outside) continue;
        brain.label[at] = label_of(tissues[at]);
        const auto voxel = static_cast<int64_t>(at);
        const core::Double3 p{phantom_coordinate(voxel % edge, edge), phantom_coordinate(voxel / edge % edge, edge),
                              phantom_coordinate(voxel / (edge * edge), edge)};
        const auto noise = phantom_noise(key, PhantomPart::noise, at);
        const size_t tissue = static_cast<size_t>(tissues[at]) - 1;
        auto shown = contrasts[tissue];
        if (suppressed) shown[3] = suppressed_flair[tissue];
        for (size_t c = 0; c < 4; ++c) {
            const double value =
                scanners[c].at(p) * (white_matter + contrast_unit * (shown[c] + noise_share * noise[c]));
            brain.images[c][at] = static_cast<int16_t>(std::clamp(std::lround(value), 1L, 32767L));  // 0 is outside
        }
    }
    return brain;
}

void write_brats_phantom(const std::filesystem::path& folder, uint32_t case_number, int64_t edge, uint64_t seed,
                         PhantomContrast contrast) {
    std::array<char, 32> id{};
    std::snprintf(id.data(), id.size(), "BraTS20_Training_%03u", case_number);
    const auto place = folder / id.data();
    std::error_code failed;
    std::filesystem::create_directories(place, failed);
    if (failed) throw core::WriteError(core::concat(place.string(), ": cannot be created: ", failed.message()));
    const auto brain = make_brain_phantom(seed, case_number, edge, contrast);
    const auto file = [&](const char* part) { return place / core::concat(id.data(), "_", part, ".nii.gz"); };
    for (size_t c = 0; c < modalities.size(); ++c) {
        write_nifti(file(modalities[c]), image_of(brain, VoxelType::int16, brain.images[c]));
    }
    write_nifti(file("seg"), image_of(brain, VoxelType::uint8, brain.label));
}

}  // namespace vox::data
