#pragma once
// What a Document owns: the values as they were given, and a record of who read what.  Private to this module.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/section.hpp"

namespace vox::config {

/// One value with the place that gave it.
struct Node {
    enum class Kind { null, scalar, list, map };
    Kind kind = Kind::null;
    std::string text;     // scalar
    bool quoted = false;  // a quoted scalar is text, whatever it looks like
    std::vector<std::unique_ptr<Node>> items;                             // list
    std::vector<std::pair<std::string, std::unique_ptr<Node>>> members;   // map, in file order
    std::string origin;               // "smoke.yaml:12", "--set train.steps=5", "VOX_TRAIN__STEPS"
    bool taken = false;               // somebody read it
    std::vector<std::string> known;   // keys that somebody asked this map for

    Node* find(std::string_view key) const;
    /// The member `key`, made where it is absent.
    Node& member(const std::string& key);
};

struct Tree {
    std::unique_ptr<Node> root = std::make_unique<Node>();
    std::vector<KeyRecord> records;
};

/// Values from text; `name` stands for the file.  Throws ConfigError for syntax, duplicate keys, too deep or too many nodes.
std::unique_ptr<Node> parse_yaml(const std::string& text, const std::string& name);
std::unique_ptr<Node> parse_json(const std::string& text, const std::string& name);

/// "train.steps" from "train" and "steps".
std::string join_path(const std::string& path, std::string_view key);

/// The records as nested YAML with a comment a key.
std::string write_yaml(const std::vector<KeyRecord>& records);
/// One text as a YAML scalar, quoted where it must be.
std::string yaml_text(const std::string& text);

}  // namespace vox::config
