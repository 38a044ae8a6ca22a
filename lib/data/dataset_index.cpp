#include "data/dataset_index.hpp"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/checksum.hpp"
#include "data/durable_file.hpp"
#include "data/shard_format.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;
using Json = nlohmann::ordered_json;

/// The JSON library turns any number into any type, without a look at whether it fits.
template <class T>
T integer(const Json& json) {
    const auto fits = [&](auto value) { return std::in_range<T>(value); };
    if (json.is_number_unsigned() ? fits(json.get<uint64_t>()) : json.is_number_integer() && fits(json.get<int64_t>()))
        return json.get<T>();
    throw DataError(concat(json.is_number() ? json.dump() : concat("a ", json.type_name()),
                           " stands where an integer of ", std::numeric_limits<T>::min(), " .. ",
                           std::numeric_limits<T>::max(), " should be"));
}

std::set<int> label_values(const Json& json) {
    std::set<int> values;
    for (const auto& value : json) values.insert(integer<int>(value));
    return values;
}

Json scheme_to_json(const LabelScheme& scheme) {
    Json regions = Json::array();
    for (const auto& region : scheme.regions) regions.push_back({{"name", region.name}, {"values", region.values}});
    return {{"name", scheme.name}, {"values", scheme.values}, {"regions", regions}};
}

LabelScheme scheme_from_json(const Json& json) {
    LabelScheme scheme{json.at("name"), label_values(json.at("values")), {}};
    for (const auto& region : json.at("regions"))
        scheme.regions.push_back({region.at("name"), label_values(region.at("values"))});
    return scheme;
}

/// A file name that stays inside the folder.
bool plain_name(const std::string& name) {
    return !name.empty() && name.front() != '.' && name.find('/') == std::string::npos;
}

Json grid_to_json(const CommonGrid& grid) { return {{"reference", grid.reference}, {"spacing_mm", grid.spacing_mm}}; }

CommonGrid grid_from_json(const Json& json) {
    const CommonGrid grid{json.at("reference"), json.at("spacing_mm")};
    for (const double spacing : grid.spacing_mm) {
        if (!(spacing >= 0)) throw DataError(concat("common_grid has a spacing of ", spacing, " mm"));
    }
    return grid;
}

Json views_to_json(const ViewSet& views) {
    return {{"names", views.names}, {"size", views.size}, {"unit", views.unit}};
}

ViewSet views_from_json(const Json& json) {
    const Json& size = json.at("size");
    ViewSet views{json.at("names"), {integer<int64_t>(size.at(0)), integer<int64_t>(size.at(1))}, json.at("unit")};
    if (views.empty()) throw DataError("views has no names");
    check_views(views);
    return views;
}

void check_index(const DatasetIndex& index) {
    std::set<std::string> shards, ids;
    for (const auto& shard : index.shards) {
        if (!plain_name(shard.file)) throw DataError(concat("'", shard.file, "' is not a file name"));
        if (!shards.insert(shard.file).second) throw DataError(concat("shard ", shard.file, " is listed twice"));
    }
    for (const auto& one : index.cases) {
        check_case_id(one.id);
        if (!ids.insert(one.id).second) throw DataError(concat("case ", one.id, " is listed twice"));
        if (!shards.contains(one.shard))
            throw DataError(concat("case ", one.id, ": shard '", one.shard, "' is not listed"));
        if (one.split.empty()) throw DataError(concat("case ", one.id, " is in no split"));
    }
    if (index.cases.empty()) throw DataError("it lists no case");
    if (index.channels.empty()) throw DataError("it lists no channel");
}

DatasetIndex from_json(const Json& json) {
    if (json.value("format", "") != format::kDatasetFormat) {
        throw DataError(concat("it is not a data set of ours (\"format\" is not \"", format::kDatasetFormat, "\")"));
    }
    if (const auto version = integer<int64_t>(json.at("version")); version != format::kVersion) {
        throw DataError(concat("it has version ", version, ", this program reads version ", format::kVersion,
                               ".  Convert the data again."));
    }
    DatasetIndex index;
    index.channels = json.at("channels");
    index.scheme = scheme_from_json(json.at("label_scheme"));
    if (json.contains("common_grid")) index.common_grid = grid_from_json(json.at("common_grid"));
    if (json.contains("views")) index.views = views_from_json(json.at("views"));
    for (const auto& shard : json.at("shards")) {
        index.shards.push_back({shard.at("file"), integer<uint64_t>(shard.at("bytes")), shard.at("xxh3")});
    }
    std::map<std::string, std::string> split_of;
    for (const auto& [split, ids] : json.at("splits").items()) {
        if (split != "train" && split != "val" && split != "test")
            throw DataError(concat("unknown split '", split, "'"));
        for (const std::string id : ids) {
            if (!split_of.emplace(id, split).second) throw DataError(concat("case ", id, " is in two splits"));
        }
    }
    for (const auto& one : json.at("cases"))
        index.cases.push_back({one.at("id"), one.at("shard"), split_of[one.at("id")]});
    index.provenance = json.at("provenance");
    check_index(index);
    return index;
}

std::string read_text(const std::filesystem::path& file) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(file, error);
    if (error) {
        throw DataError(concat(file.string(), ": ", error.message(),
                               ".  A data set is a folder that convert_dataset has finished."));
    }
    if (bytes > format::kMaxDatasetBytes)
        throw DataError(concat(file.string(), ": is larger than a dataset.json can be"));
    std::ifstream in(file, std::ios::binary);
    std::string text(bytes, '\0');
    in.read(text.data(), static_cast<std::streamsize>(bytes));
    if (!in) throw DataError(concat(file.string(), ": cannot be read"));
    return text;
}

}  // namespace

void write_dataset_index(const std::filesystem::path& folder, const DatasetIndex& index) {
    Json shards = Json::array(), cases = Json::array();
    Json splits = {{"train", Json::array()}, {"val", Json::array()}, {"test", Json::array()}};
    for (const auto& shard : index.shards) {
        shards.push_back({{"file", shard.file}, {"bytes", shard.bytes}, {"xxh3", shard.xxh3}});
    }
    for (const auto& one : index.cases) {
        cases.push_back({{"id", one.id}, {"shard", one.shard}});
        splits[one.split].push_back(one.id);
    }
    Json json = {{"format", format::kDatasetFormat},
                 {"version", format::kVersion},
                 {"channels", index.channels},
                 {"label_scheme", scheme_to_json(index.scheme)},
                 {"splits", splits},
                 {"cases", cases},
                 {"shards", shards},
                 {"provenance", index.provenance}};
    if (!index.common_grid.reference.empty()) json["common_grid"] = grid_to_json(index.common_grid);
    if (!index.views.empty()) json["views"] = views_to_json(index.views);
    write_text_file(folder / format::kDatasetFile, json.dump(1) + "\n");
}

DatasetIndex read_dataset_index(const std::filesystem::path& folder, std::string& digest) {
    const auto file = folder / format::kDatasetFile;
    const std::string text = read_text(file);
    digest = hex(xxh3_64(std::string_view(text)));
    return parse_dataset_index(text, file.string());
}

DatasetIndex parse_dataset_index(const std::string& text, const std::string& where) {
    try {
        return from_json(Json::parse(text));
    } catch (const nlohmann::json::exception& error) {
        throw DataError(concat(where, ": ", error.what()));
    } catch (const DataError& error) {
        throw DataError(concat(where, ": ", error.what()));
    }
}

bool is_shard_folder(const std::filesystem::path& folder) {
    std::ifstream in(folder / format::kDatasetFile);
    if (!in) return false;
    const Json json = Json::parse(in, nullptr, /*allow_exceptions=*/false);
    return !json.contains("modality") && !json.contains("channel_names");  // a damaged one is ours to complain about
}

}  // namespace vox::data
