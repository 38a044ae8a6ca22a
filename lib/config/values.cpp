#include "config/values.hpp"

#include "config/tree.hpp"
#include "core/text.hpp"

namespace vox::config {
namespace {

std::string text_of(const Node& node) {
    if (node.kind != Node::Kind::list) return node.text;
    std::vector<std::string> items;
    for (const auto& item : node.items) items.push_back(text_of(*item));
    return core::concat('[', core::join(items), ']');
}

void collect(const Node& node, const std::string& path, std::map<std::string, std::string>& values) {
    if (node.kind != Node::Kind::map) values[path] = text_of(node);
    for (const auto& [key, member] : node.members) collect(*member, join_path(path, key), values);
}

}  // namespace

std::map<std::string, std::string> values_of(const std::string& yaml, const std::string& name) {
    std::map<std::string, std::string> values;
    collect(*parse_yaml(yaml, name), "", values);
    return values;
}

}  // namespace vox::config
