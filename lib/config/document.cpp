#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

#include "config/tree.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

extern char** environ;

namespace vox::config {
namespace {

using core::concat;
using core::ConfigError;

/// The map at `path` ("a.b.c" without its last part is made where it is absent), and the value put there.
void put(Node& root, const std::string& path, std::unique_ptr<Node> value, const std::string& origin) {
    Node* node = &root;
    std::istringstream parts(path);
    std::string part;
    while (std::getline(parts, part, '.')) {
        if (part.empty()) throw ConfigError(concat(origin, ": the key '", path, "' has an empty part"));
        if (node->kind != Node::Kind::map && node->kind != Node::Kind::null)
            throw ConfigError(concat(origin, ": '", path, "' goes below a value that is not a mapping"));
        node->kind = Node::Kind::map;
        node = &node->member(part);
    }
    value->origin = origin;
    *node = std::move(*value);
}

void collect_unknown(const Node& node, const std::string& path, std::vector<std::string>& problems) {
    for (const auto& [key, value] : node.members) {
        if (!value->taken) {
            const std::string near = core::nearest(key, node.known);
            const std::string hint = near.empty() ? concat("known here: ", core::join(node.known))
                                                  : concat("did you mean '", join_path(path, near), "'?");
            problems.push_back(concat(value->origin, ": unknown key '", join_path(path, key), "'; ", hint));
        } else if (value->kind == Node::Kind::map) {
            collect_unknown(*value, join_path(path, key), problems);
        }
        for (size_t i = 0; value->taken && i < value->items.size(); ++i)
            collect_unknown(*value->items[i], concat(join_path(path, key), '[', i, ']'), problems);
    }
}

}  // namespace

Node* Node::find(std::string_view key) const {
    for (const auto& [name, value] : members)
        if (name == key) return value.get();
    return nullptr;
}

Node& Node::member(const std::string& key) {
    if (Node* existing = find(key)) return *existing;
    members.emplace_back(key, std::make_unique<Node>());
    return *members.back().second;
}

std::string join_path(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : concat(path, '.', key);
}

Document::Document() : tree_(std::make_unique<Tree>()) {
    tree_->root->kind = Node::Kind::map;
    tree_->root->taken = true;
}
Document::~Document() = default;
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;

Document Document::load(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::stringstream text;
    if (!stream || !(text << stream.rdbuf()))
        throw core::DataError(concat("cannot read the configuration file ", file.string()));
    return parse(text.str(), file.string(), file.extension() == ".json");
}

Document Document::parse(const std::string& text, const std::string& name, bool json) {
    Document document;
    auto root = json ? parse_json(text, name) : parse_yaml(text, name);
    if (root->kind == Node::Kind::null) root->kind = Node::Kind::map;
    if (root->kind != Node::Kind::map) throw ConfigError(concat(name, ": the file must hold a mapping of keys"));
    root->taken = true;
    document.tree_->root = std::move(root);
    return document;
}

void Document::set(const std::string& assignment) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0)
        throw core::UsageError(concat("--set ", assignment, ": expected key=value, like --set train.steps=100"));
    const std::string origin = concat("--set ", assignment);
    put(*tree_->root, assignment.substr(0, equals), parse_yaml(assignment.substr(equals + 1), origin), origin);
}

void Document::set_text(const std::string& path, const std::string& text) {
    auto value = std::make_unique<Node>();
    value->kind = Node::Kind::scalar;
    value->text = text;
    value->quoted = true;
    put(*tree_->root, path, std::move(value), concat("--set ", path, '=', text));
}

bool Document::has(const std::string& path) const {
    const Node* node = tree_->root.get();
    std::istringstream parts(path);
    std::string part;
    while (node && std::getline(parts, part, '.')) node = node->find(part);
    return node != nullptr;
}

void Document::set_from_environment(const std::vector<std::string>& ignore) {
    for (char** variable = environ; *variable; ++variable) {
        const std::string_view entry = *variable;
        const auto equals = entry.find('=');
        const std::string name(entry.substr(0, equals));
        if (!name.starts_with("VOX_") || std::ranges::find(ignore, name) != ignore.end()) continue;
        std::string path;
        for (size_t i = 4; i < name.size(); ++i) {
            const bool dot = name.compare(i, 2, "__") == 0;
            path += dot ? '.' : static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
            if (dot) ++i;
        }
        put(*tree_->root, path, parse_yaml(std::string(entry.substr(equals + 1)), name), name);
    }
}

Section Document::root() { return Section(tree_.get(), tree_->root.get(), ""); }

void Document::finish() const {
    std::vector<std::string> problems;
    collect_unknown(*tree_->root, "", problems);
    if (!problems.empty()) throw ConfigError(core::join(problems, "\n"));
}

const std::vector<KeyRecord>& Document::keys() const { return tree_->records; }

std::string Document::resolved_yaml() const { return write_yaml(tree_->records); }

}  // namespace vox::config
