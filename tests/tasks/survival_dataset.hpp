#pragma once
// A small data set whose cases have an outcome and columns of a table, for tests of survival.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/shard_fixtures.hpp"

namespace vox::test {

struct Person {
    std::string id, split;
    std::map<std::string, std::string> columns;  // time and event among them
};

/// Volumes of 8^3 voxels with two channels of noise, another one for each person, in `folder`.
inline void make_people(const std::filesystem::path& folder, const std::vector<Person>& people) {
    std::vector<CaseData> cases;
    for (const auto& person : people) {
        cases.push_back(make_case(person.id, VoxelType::int16, static_cast<unsigned>(cases.size()) + 1, {8, 8, 8}));
        cases.back().info.columns = person.columns;
        cases.back().info.split = person.split;
    }
    make_dataset(folder, cases);
}

}  // namespace vox::test
