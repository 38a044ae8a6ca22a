#include "checkpoint/manifest.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "checkpoint/hash.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

using core::concat;
using core::DataError;
using nlohmann::json;

constexpr int64_t format_version = 1;

// JSON has no infinity and no NaN.
json number(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return value;
}

double number(const json& value) {
    if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (value == "inf") return std::numeric_limits<double>::infinity();
    if (value == "-inf") return -std::numeric_limits<double>::infinity();
    return value.get<double>();
}

/// Calls `field(name, member)` for each plain member, so that writing and reading cannot drift apart.
template <class ManifestType, class Field>
void each_field(ManifestType& manifest, const Field& field) {
    field("step", manifest.step);
    field("epoch", manifest.epoch);
    field("micro_batch", manifest.micro_batch);
    field("phase", manifest.phase);
    field("seed", manifest.seed);
    field("global_micro_batch", manifest.global_micro_batch);
    field("accumulation", manifest.accumulation);
    field("config_yaml", manifest.config_yaml);
    field("dataset_digest", manifest.dataset_digest);
    field("program", manifest.program);
    field("world_size", manifest.world_size);
    field("threads_per_rank", manifest.threads_per_rank);
    field("cpu_capability", manifest.cpu_capability);
    field("facts", manifest.facts);
}

json files_to_json(const std::map<std::string, FileRecord>& files) {
    json result = json::object();
    for (const auto& [name, record] : files) {
        json tensors = json::object();
        for (const auto& [tensor, hash] : record.tensors) tensors[tensor] = to_hex(hash);
        result[name] = {{"bytes", record.bytes}, {"xxh3", to_hex(record.xxh3)}, {"tensors", std::move(tensors)}};
    }
    return result;
}

std::map<std::string, FileRecord> files_from_json(const json& root) {
    std::map<std::string, FileRecord> result;
    for (const auto& [name, value] : root.items()) {
        FileRecord record{value.at("bytes"), parse_hex(value.at("xxh3").get<std::string>()), {}};
        for (const auto& [tensor, hash] : value.at("tensors").items()) {
            record.tensors.emplace(tensor, parse_hex(hash.get<std::string>()));
        }
        result.emplace(name, std::move(record));
    }
    return result;
}

std::string dump(const json& root) { return root.dump(1, ' ', false, json::error_handler_t::replace) + '\n'; }

uint64_t hash_text(const std::string& text) { return hash_bytes(text.data(), text.size()); }

/// Our own files nest four deep; a foreign one must not build a tower.
json parse_shallow(std::string_view text) {
    return json::parse(text, [](int depth, json::parse_event_t, const json&) {
        if (depth > 8) throw DataError("nested too deep");
        return true;
    });
}

}  // namespace

std::vector<std::string> differences(const Manifest& saved, const Manifest& now) {
    std::vector<std::string> result;
    const auto compare = [&](const char* what, const auto& then, const auto& here) {
        if (then != here) result.push_back(concat(what, ' ', here, ", was ", then));
    };
    compare("world size", saved.world_size, now.world_size);
    compare("threads per rank", saved.threads_per_rank, now.threads_per_rank);
    compare("CPU capability", saved.cpu_capability, now.cpu_capability);
    return result;
}

std::string to_json(const ManifestFile& file) {
    json root = {
        {"format", "voxrank checkpoint"}, {"format_version", format_version}, {"files", files_to_json(file.files)}};
    each_field(file.manifest, [&](const char* name, const auto& value) { root[name] = value; });
    json scalars = json::object();
    for (const auto& [name, value] : file.manifest.scalars) scalars[name] = number(value);
    root["scalars"] = std::move(scalars);
    if (const auto& metric = file.manifest.metric) {
        root["metric"] = {
            {"name", metric->name}, {"value", number(metric->value)}, {"higher_is_better", metric->higher_is_better}};
    }
    root["xxh3_of_the_rest"] = to_hex(hash_text(dump(root)));
    return dump(root);
}

ManifestFile parse_manifest(std::string_view text, const std::string& where) {
    try {
        json root = parse_shallow(text);
        // Only the very text that `to_json` makes: a changed blank is a changed byte, too.
        if (dump(root) != text) throw DataError("it was changed after it was written");
        const uint64_t hash = parse_hex(root.at("xxh3_of_the_rest").get<std::string>());
        root.erase("xxh3_of_the_rest");
        if (hash != hash_text(dump(root))) throw DataError("its checksum is wrong");
        const int64_t version = root.at("format_version");
        if (version != format_version) {
            throw DataError(concat("format version ", version, "; this program reads version ", format_version));
        }

        ManifestFile file;
        each_field(file.manifest, [&](const char* name, auto& value) { root.at(name).get_to(value); });
        for (const auto& [name, value] : root.at("scalars").items()) file.manifest.scalars.emplace(name, number(value));
        if (root.contains("metric")) {
            const json& metric = root["metric"];
            file.manifest.metric = Metric{metric.at("name"), number(metric.at("value")), metric.at("higher_is_better")};
        }
        file.files = files_from_json(root.at("files"));
        return file;
    } catch (const json::exception&) {
        throw DataError(concat(where, " is damaged: not the JSON of a checkpoint's manifest"));
    } catch (const DataError& error) {
        throw DataError(concat(where, " is damaged: ", error.what()));
    }
}

}  // namespace vox::checkpoint
