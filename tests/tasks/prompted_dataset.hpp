#pragma once
// A small data set whose cases have two things that may be asked for, a lesion and a cyst, for tests of prompts.

#include <filesystem>
#include <string>
#include <vector>

#include "data/prompt_templates.hpp"
#include "data/shard_fixtures.hpp"

namespace vox::test {

/// A cube of `edge` voxels with that value, at a corner D,H,W.
struct Thing {
    int64_t value;
    core::Index3 corner;
    int64_t edge = 2;
};

/// The case's label map and prompts are these things: that of value 2 is called a cyst, others are lesions.
inline void put_things(data::CaseData& one, const std::vector<Thing>& things) {
    const auto size = one.info.size();
    std::fill(one.label.begin(), one.label.end(), uint8_t{0});
    std::vector<data::PromptComponent> components;
    one.info.prompts = {.space = data::PositionSpace::patient, .modality = "CT", .targets = {}, .questions = {}};
    one.info.label_voxels.clear();
    one.foreground.clear();
    for (const auto& thing : things) {
        data::ForegroundPositions positions{static_cast<int>(thing.value), {}};
        for (int64_t d = thing.corner[0]; d < thing.corner[0] + thing.edge; ++d)
            for (int64_t h = thing.corner[1]; h < thing.corner[1] + thing.edge; ++h)
                for (int64_t w = thing.corner[2]; w < thing.corner[2] + thing.edge; ++w) {
                    const int64_t flat = (d * size[1] + h) * size[2] + w;
                    one.label[static_cast<size_t>(flat)] = static_cast<uint8_t>(thing.value);
                    positions.flat.push_back(static_cast<uint32_t>(flat));
                }
        const core::Box box{thing.corner, {thing.edge, thing.edge, thing.edge}};
        const std::string name = thing.value == 2 ? "cyst" : "lesion";
        components.push_back({name, box, thing.corner});
        const auto position = data::position_of(box, size, one.info.spacing_mm, data::PositionSpace::patient);
        one.info.prompts.targets.push_back(
            {thing.value, name, box, thing.corner, position ? data::position_class(*position) : -1});
        one.info.label_voxels[static_cast<int>(thing.value)] = thing.edge * thing.edge * thing.edge;
        one.foreground.push_back(std::move(positions));
    }
    const auto prompts = data::prompts_of(components, size, one.info.spacing_mm, data::PositionSpace::patient,
                                          one.info.prompts.modality);
    for (const auto& prompt : prompts)
        one.info.prompts.questions.push_back({prompt.component, prompt.question, prompt.answer});
}

/// Volumes of 8^3 voxels of noise with one of each; the first `training` cases are for training, two more for validation.
inline void make_prompted(const std::filesystem::path& folder, int training) {
    std::vector<data::CaseData> cases;
    for (int i = 0; i < training + 2; ++i) {
        const std::string id = "case_" + std::to_string(10 + i);
        cases.push_back(make_case(id, data::VoxelType::int16, static_cast<unsigned>(i) + 1, {8, 8, 8}));
        cases.back().info.split = i < training ? "train" : "val";
        put_things(cases.back(), {{1, {i % 2 == 0 ? 0 : 5, 1, 1}}, {2, {5, 5, 4 + i % 3}}});
    }
    make_dataset(folder, cases);
}

}  // namespace vox::test
