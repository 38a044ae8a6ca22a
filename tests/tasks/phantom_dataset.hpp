#pragma once
// A small data set of phantoms as shards, for tests of tasks.

#include <filesystem>
#include <string>
#include <vector>

#include "comm/world.hpp"
#include "data/convert.hpp"
#include "data/nifti.hpp"
#include "data/phantom.hpp"
#include "data/phantom_body.hpp"
#include "data/phantom_prostate.hpp"

namespace vox::test {

/// All ranks of `world`: `cases` brains of 32^3 voxels below `folder`; without enhancing tumour where `no_enhancing` is set; the second
/// one without the modalities `missing`.
inline std::filesystem::path phantom_shards(comm::World& world, const std::filesystem::path& folder, uint32_t cases,
                                            bool no_enhancing = false, const std::vector<std::string>& missing = {}) {
    world.on_root("making phantoms", [&] {
        for (uint32_t number = 1; number <= cases; ++number) data::write_brats_phantom(folder / "nifti", number, 32, 3);
        for (const auto& modality : missing)
            std::filesystem::remove(folder / "nifti/BraTS20_Training_002" /
                                    ("BraTS20_Training_002_" + modality + ".nii.gz"));
        if (!no_enhancing) return;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "nifti")) {
            if (!entry.path().string().ends_with("_seg.nii.gz")) continue;
            auto label = data::read_nifti(entry.path());
            for (auto& voxel : label.voxels)
                if (voxel == std::byte{4}) voxel = std::byte{1};
            data::write_nifti(entry.path(), label);
        }
    });
    data::ConvertOptions options;
    options.input = folder / "nifti";
    options.output = folder / "shards";
    options.label_scheme = "brats2020";
    options.allow_missing = static_cast<int64_t>(missing.size());
    options.split = {1.0, 0.0, 0.0};
    data::convert(world, options);
    return options.output;
}

/// All ranks of `world`: `training_cases` (1 to 11) prostates on T2's grid of 48 x 48 voxels a slice, and one of each other
/// split; `task` as convert_dataset has it: anatomy (two zones, one channel) or tumor (three channels).
inline std::filesystem::path prostate_shards(comm::World& world, const std::filesystem::path& folder,
                                             uint32_t training_cases, const std::string& task) {
    const uint32_t cases = training_cases + 2;
    world.on_root("making phantoms", [&] {
        for (uint32_t number = 1; number <= cases; ++number)
            data::write_prostate158_phantom(folder / "nifti", number, cases, 48, 3);
        data::write_prostate158_tables(folder / "nifti", cases, 3);
    });
    data::ConvertOptions options;
    options.layout = "prostate158";
    options.input = folder / "nifti";
    options.output = folder / "shards";
    options.task = task;
    data::convert(world, options);
    return options.output;
}

/// All ranks of `world`: bodies of 32^3 voxels with radiographs of 48 x 48 pixels made of them; the last `held_out` are the split val.
inline std::filesystem::path body_shards(comm::World& world, const std::filesystem::path& folder, uint32_t cases,
                                         uint32_t held_out = 0) {
    world.on_root("making phantoms", [&] {
        for (uint32_t number = 1; number <= cases; ++number) data::write_body_phantom(folder / "nifti", number, 32, 3);
    });
    data::ConvertOptions options;
    options.layout = "xray_ct";
    options.input = folder / "nifti";
    options.output = folder / "shards";
    options.views = {.make = true, .size = 48};
    const double validated = static_cast<double>(held_out) / cases;
    options.split = {1 - validated, validated, 0.0};
    data::convert(world, options);
    return options.output;
}

}  // namespace vox::test
