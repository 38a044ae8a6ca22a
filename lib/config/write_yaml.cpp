#include <sstream>

#include "config/tree.hpp"
#include "core/text.hpp"

namespace vox::config {
namespace {

/// Records as a tree of keys again, in the order in which they were first read.
struct Branch {
    const KeyRecord* record = nullptr;
    std::vector<std::pair<std::string, std::unique_ptr<Branch>>> children;
    Branch& child(const std::string& name) {
        for (auto& [key, branch] : children)
            if (key == name) return *branch;
        children.emplace_back(name, std::make_unique<Branch>());
        return *children.back().second;
    }
};

void write(const Branch& branch, int depth, std::ostream& out) {
    for (const auto& [key, child] : branch.children) {
        const std::string indent(static_cast<size_t>(depth) * 2, ' ');
        if (!child->record) {
            out << indent << key << ":\n";
            write(*child, depth + 1, out);
            continue;
        }
        const std::string line = core::concat(indent, key, ": ", child->record->value);
        out << line;
        if (!child->record->doc.empty())
            out << std::string(line.size() < 38 ? 38 - line.size() : 2, ' ') << "# " << child->record->doc;
        out << '\n';
    }
}

}  // namespace

std::string write_yaml(const std::vector<KeyRecord>& records) {
    Branch root;
    for (const auto& record : records) {
        Branch* branch = &root;
        std::istringstream parts(record.path);
        std::string part;
        while (std::getline(parts, part, '.')) branch = &branch->child(part);
        branch->record = &record;
    }
    std::ostringstream out;
    write(root, 0, out);
    return out.str();
}

std::string yaml_text(const std::string& text) {
    static const std::string kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    const bool plain = !text.empty() && text.find_first_not_of(kPlain) == std::string::npos && text != "true" &&
                       text != "false" && text != "null" && text[0] != '-' && text[0] != '.' &&
                       !(text[0] >= '0' && text[0] <= '9');
    if (plain) return text;
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        if (c == '\n')
            quoted += "\\n";
        else
            quoted += c;
    }
    return quoted + '"';
}

}  // namespace vox::config
