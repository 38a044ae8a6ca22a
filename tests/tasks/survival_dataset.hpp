#pragma once
// A small data set whose cases have an outcome and columns of a table, for tests of survival.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/dataset_index.hpp"
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
    }
    make_dataset(folder, cases);
    std::string digest;
    auto index = read_dataset_index(folder, digest);
    for (size_t i = 0; i < people.size(); ++i)
        for (auto& one : index.cases)
            if (one.id == people[i].id) one.split = people[i].split;
    write_dataset_index(folder, index);
}

}  // namespace vox::test
