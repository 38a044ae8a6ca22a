#include "config/section.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "config/tree.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::config {
namespace {

using core::concat;
using core::ConfigError;

// Each `convert` returns false where the node is not a value of the type; `show` writes one as YAML.

bool convert(const Node& node, bool& out) {
    if (node.kind != Node::Kind::scalar || node.quoted) return false;
    out = node.text == "true" || node.text == "True";
    return out || node.text == "false" || node.text == "False";
}

bool convert(const Node& node, int64_t& out) {
    if (node.kind != Node::Kind::scalar || node.quoted) return false;
    const char* end = node.text.data() + node.text.size();
    const auto [stop, error] = std::from_chars(node.text.data(), end, out);
    return error == std::errc{} && stop == end;
}

bool convert(const Node& node, double& out) {
    if (node.kind != Node::Kind::scalar || node.quoted || node.text.empty()) return false;
    char* stop = nullptr;
    out = std::strtod(node.text.c_str(), &stop);
    return stop == node.text.c_str() + node.text.size() && std::isfinite(out);
}

bool convert(const Node& node, std::string& out) {
    if (node.kind != Node::Kind::scalar && node.kind != Node::Kind::null) return false;
    out = node.text;
    return true;
}

template <class T>
bool convert(const Node& node, std::vector<T>& out) {
    if (node.kind != Node::Kind::list) return false;
    out.clear();
    for (const auto& item : node.items) {
        T value{};
        if (!convert(*item, value)) return false;
        out.push_back(std::move(value));
    }
    return true;
}

std::string show(bool value) { return value ? "true" : "false"; }
std::string show(int64_t value) { return std::to_string(value); }
std::string show(const std::string& value) { return yaml_text(value); }
std::string show(double value) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;  // the shortest text that reads back the same
    return {text, end};
}
template <class T>
std::string show(const std::vector<T>& values) {
    std::vector<std::string> parts;
    parts.reserve(values.size());
    for (size_t i = 0; i < values.size(); ++i) parts.push_back(show(static_cast<T>(values[i])));
    return concat('[', core::join(parts), ']');
}

}  // namespace

template <class T>
void Section::take(std::string_view key, T& field, std::string type, std::string_view doc) {
    node_->known.emplace_back(key);
    KeyRecord record{join_path(path_, key), std::move(type), show(field), "", std::string(doc)};
    if (Node* given = node_->find(key)) {
        given->taken = true;
        if (!convert(*given, field)) {
            const std::string got = given->kind == Node::Kind::scalar ? concat("'", given->text, "'")
                                    : given->kind == Node::Kind::list ? "a list"
                                    : given->kind == Node::Kind::map  ? "a mapping"
                                                                      : "nothing";
            throw ConfigError(concat(given->origin, ": '", record.path, "' must be ", record.type, ", not ", got));
        }
    }
    record.value = show(field);
    tree_->records.push_back(std::move(record));
}

void Section::value(std::string_view key, bool& field, std::string_view doc) { take(key, field, "true or false", doc); }
void Section::value(std::string_view key, int64_t& field, std::string_view doc) {
    take(key, field, "a whole number", doc);
}
void Section::value(std::string_view key, double& field, std::string_view doc) { take(key, field, "a number", doc); }
void Section::value(std::string_view key, std::string& field, std::string_view doc) { take(key, field, "a text", doc); }
void Section::value(std::string_view key, std::vector<bool>& field, std::string_view doc) {
    take(key, field, "a list of true or false", doc);
}
void Section::value(std::string_view key, std::vector<int64_t>& field, std::string_view doc) {
    take(key, field, "a list of whole numbers", doc);
}
void Section::value(std::string_view key, std::vector<double>& field, std::string_view doc) {
    take(key, field, "a list of numbers", doc);
}
void Section::value(std::string_view key, std::vector<std::string>& field, std::string_view doc) {
    take(key, field, "a list of texts", doc);
}

void Section::choice(std::string_view key, std::string& field, std::initializer_list<std::string_view> allowed,
                     std::string_view doc) {
    take(key, field, concat("one of ", core::join(allowed, " | ")), doc);
    for (const auto word : allowed)
        if (field == word) return;
    const std::vector<std::string> words(allowed.begin(), allowed.end());
    const std::string near = core::nearest(field, words);
    throw ConfigError(concat(node_->find(key)->origin, ": '", join_path(path_, key), "' must be one of ",
                             core::join(allowed, " | "), ", not '", field, "'",
                             near.empty() ? "" : concat("; did you mean '", near, "'?")));
}

void Section::alias(std::string_view alias, std::string_view key) {
    Node* given = node_->find(alias);
    if (!given) return;
    if (node_->find(key))
        throw ConfigError(concat(given->origin, ": '", join_path(path_, alias), "' is another name of '",
                                 join_path(path_, key), "'; give only one of them"));
    for (auto& [name, value] : node_->members)
        if (name == alias) name = key;
}

Section Section::section(std::string_view key, std::string_view) {
    node_->known.emplace_back(key);
    Node& child = node_->member(std::string(key));
    child.taken = true;
    if (child.kind == Node::Kind::null) child.kind = Node::Kind::map;
    if (child.kind != Node::Kind::map)
        throw ConfigError(concat(child.origin, ": '", join_path(path_, key), "' must be a mapping of keys"));
    return Section(tree_, &child, join_path(path_, key));
}

std::vector<Section> Section::sections(std::string_view key) {
    node_->known.emplace_back(key);
    Node* list = node_->find(key);
    if (!list) return {};
    list->taken = true;
    const std::string path = join_path(path_, key);
    if (list->kind != Node::Kind::list)
        throw ConfigError(concat(list->origin, ": '", path, "' must be a list of mappings"));
    std::vector<Section> all;
    for (const auto& item : list->items) {
        const std::string place = concat(path, '[', all.size(), ']');
        if (item->kind != Node::Kind::map)
            throw ConfigError(concat(list->origin, ": '", place, "' must be a mapping of keys"));
        all.push_back(Section(tree_, item.get(), place));
    }
    return all;
}

bool Section::has(std::string_view key) const { return node_->find(key) != nullptr; }

void Section::require(bool condition, const std::string& message) const {
    if (!condition) throw ConfigError(path_.empty() ? message : concat(path_, ": ", message));
}

}  // namespace vox::config
