#include "data/folds.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/splits.hpp"
#include "data/survival_cells.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

const std::string& cell_of(const CaseInfo& info, const std::string& column) {
    const auto found = info.columns.find(column);
    if (found != info.columns.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [name, text] : info.columns) names.push_back(name);
    throw DataError(concat("data.fold_column: case ", info.id, " has no column '", column, "'; it has ",
                           names.empty() ? "none" : core::join(names)));
}

[[noreturn]] void refuse(const CaseInfo& info, const std::string& column, const std::string& problem,
                         const std::string& advice) {
    throw DataError(concat("data.fold_column: case ", info.id, ": its column '", column, "' ", problem, advice));
}

void by_words(std::vector<CaseInfo>& cases, const std::string& column) {
    for (auto& info : cases) {
        const WordCell split = split_of(cell_of(info, column));
        if (!split.problem.empty())
            refuse(info, column, split.problem,
                   "; of a column with the numbers of folds data.fold says which validates");
        info.split = split.word;
    }
}

int64_t number_of(const CaseInfo& info, const std::string& column) {
    const auto& cell = cell_of(info, column);
    const TimeCell number = time_of(cell);  // 2 and 2.0, as tables with gaps are saved
    const std::string advice = "; data.fold takes a column of whole numbers: leave it out where the column has words";
    if (!number.problem.empty()) refuse(info, column, number.problem, advice);
    if (number.time != std::floor(number.time) || number.time > 1e9)
        refuse(info, column, concat("is '", cell, "', which is no fold's number"), advice);
    return static_cast<int64_t>(number.time);
}

void by_numbers(std::vector<CaseInfo>& cases, const Folds& folds) {
    std::set<int64_t> known;
    for (auto& info : cases) {
        const int64_t number = number_of(info, folds.column);
        known.insert(number);
        info.split = number == folds.number ? "val" : "train";
    }
    if (!known.contains(folds.number))
        throw DataError(concat("data.fold: no case has the number ", folds.number, " in the column '", folds.column,
                               "'; there are ", core::join(known)));
}

void by_hash(std::vector<CaseInfo>& cases, const Folds& folds) {
    std::vector<std::string> ids;
    for (const auto& info : cases)
        if (info.split != "test") ids.push_back(info.id);
    if (std::ssize(ids) < folds.count)
        throw DataError(concat("data.folds: ", folds.count, " folds of ", ids.size(),
                               " cases that are not of the split "
                               "'test': there must be a case for each"));
    const auto fold_of = deal_folds(ids, folds.count, folds.seed);
    for (auto& info : cases)
        if (info.split != "test") info.split = fold_of.at(info.id) == folds.number ? "val" : "train";
}

}  // namespace

void assign_folds(std::vector<CaseInfo>& cases, const Folds& folds) {
    if (!folds.any()) return;
    if (folds.column.empty()) return by_hash(cases, folds);
    const auto has_column = [&](const CaseInfo& info) { return info.columns.contains(folds.column); };
    if (folds.may_lack_column && std::ranges::none_of(cases, has_column)) return;
    if (folds.number < 0) return by_words(cases, folds.column);
    by_numbers(cases, folds);
}

}  // namespace vox::data
