#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <set>

#include "config/tree.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::config {
namespace {

using core::concat;
using core::ConfigError;

constexpr int kMaxDepth = 32;
constexpr int kMaxNodes = 100000;  // aliases can make a small file enormous

struct Budget {
    const std::string& name;
    int nodes = 0;
    void spend(int depth) {
        if (depth > kMaxDepth) throw ConfigError(concat(name, ": nested deeper than ", kMaxDepth, " levels"));
        if (++nodes > kMaxNodes) throw ConfigError(concat(name, ": more than ", kMaxNodes, " values"));
    }
};

void add_member(Node& map, const std::string& key, std::unique_ptr<Node> value) {
    if (map.find(key)) throw ConfigError(concat(value->origin, ": the key '", key, "' is given twice"));
    map.members.emplace_back(key, std::move(value));
}

std::unique_ptr<Node> from_yaml(const YAML::Node& yaml, Budget& budget, int depth) {
    budget.spend(depth);
    auto node = std::make_unique<Node>();
    const int line = yaml.Mark().line;
    node->origin = line >= 0 ? concat(budget.name, ':', line + 1) : budget.name;
    if (yaml.IsScalar()) {
        node->kind = Node::Kind::scalar;
        node->text = yaml.Scalar();
        node->quoted = yaml.Tag() == "!";
    } else if (yaml.IsSequence()) {
        node->kind = Node::Kind::list;
        for (const auto& item : yaml) node->items.push_back(from_yaml(item, budget, depth + 1));
    } else if (yaml.IsMap()) {
        node->kind = Node::Kind::map;
        for (const auto& pair : yaml) {
            if (!pair.first.IsScalar()) throw ConfigError(concat(node->origin, ": a key must be a plain word"));
            add_member(*node, pair.first.Scalar(), from_yaml(pair.second, budget, depth + 1));
        }
    }
    return node;
}

std::unique_ptr<Node> from_json(const nlohmann::ordered_json& json, Budget& budget, int depth) {
    budget.spend(depth);
    auto node = std::make_unique<Node>();
    node->origin = budget.name;
    if (json.is_object()) {
        node->kind = Node::Kind::map;
        for (const auto& [key, value] : json.items()) add_member(*node, key, from_json(value, budget, depth + 1));
    } else if (json.is_array()) {
        node->kind = Node::Kind::list;
        for (const auto& item : json) node->items.push_back(from_json(item, budget, depth + 1));
    } else if (!json.is_null()) {
        node->kind = Node::Kind::scalar;
        node->quoted = json.is_string();
        node->text = json.is_string() ? json.get<std::string>() : json.dump();
    }
    return node;
}

}  // namespace

std::unique_ptr<Node> parse_yaml(const std::string& text, const std::string& name) {
    Budget budget{name};
    try {
        return from_yaml(YAML::Load(text), budget, 0);
    } catch (const YAML::Exception& error) {
        throw ConfigError(concat(name, ':', error.mark.line + 1, ": not valid YAML: ", error.msg));
    }
}

std::unique_ptr<Node> parse_json(const std::string& text, const std::string& name) {
    using Json = nlohmann::ordered_json;
    // The parser keeps the last of two equal keys silently, so they are watched as they come in.
    std::vector<std::set<std::string>> open;
    const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::object_start) open.emplace_back();
        if (event == Json::parse_event_t::object_end) open.pop_back();
        if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
            throw ConfigError(concat(name, ": the key '", parsed.get<std::string>(), "' is given twice"));
        return true;
    };
    Budget budget{name};
    try {
        return from_json(Json::parse(text, watch, true, /*ignore_comments=*/true), budget, 0);
    } catch (const Json::exception& error) {
        throw ConfigError(concat(name, ": not valid JSON: ", error.what()));
    }
}

}  // namespace vox::config
