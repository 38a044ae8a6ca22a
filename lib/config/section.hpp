#pragma once
// Strict reading of a configuration: each component takes its keys out of a Section, and what nobody took is an error.
// This module knows no component.  Example (a module's options.hpp):
//
//   struct Options {
//       int64_t steps = 1000;
//       void read(config::Section& section) {
//           section.value("steps", steps, "optimizer steps to train for");
//       }
//   };

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vox::config {

struct Tree;  // what a Document owns, defined in tree.hpp
struct Node;  // one value of the tree

/// One mapping of the configuration, with the path that leads to it ("train.optimizer").  A view: the Document owns it.
class Section {
public:
    /// Takes `key` into `field`; an absent key leaves the default that `field` holds.  `doc` is one line for the table of
    /// keys and the resolved file.  Throws ConfigError naming path, file and line for a value of the wrong type.
    void value(std::string_view key, bool& field, std::string_view doc);
    void value(std::string_view key, int64_t& field, std::string_view doc);
    void value(std::string_view key, double& field, std::string_view doc);
    void value(std::string_view key, std::string& field, std::string_view doc);
    void value(std::string_view key, std::vector<bool>& field, std::string_view doc);
    void value(std::string_view key, std::vector<int64_t>& field, std::string_view doc);
    void value(std::string_view key, std::vector<double>& field, std::string_view doc);
    void value(std::string_view key, std::vector<std::string>& field, std::string_view doc);

    /// The same for a text out of a fixed list; another text is a ConfigError that names the nearest allowed one.
    void choice(std::string_view key, std::string& field, std::initializer_list<std::string_view> allowed,
                std::string_view doc);

    /// `alias` may stand for `key` from here on (older or foreign names); both given is an error.
    void alias(std::string_view alias, std::string_view key);

    /// A nested mapping; empty where the file has none.
    Section section(std::string_view key, std::string_view doc);

    /// The mappings of the list `key`, with the paths "key[0]", "key[1]" and so on; none where the file has no such key.  What
    /// nobody takes out of one of them is an unknown key, as elsewhere.  ConfigError for anything but a list of mappings.
    std::vector<Section> sections(std::string_view key);

    /// True where the file, the environment or the command line gave this key.
    bool has(std::string_view key) const;

    /// Throws ConfigError unless `condition`; `message` is put after the section's path.
    void require(bool condition, const std::string& message) const;

private:
    friend class Document;
    Section(Tree* tree, Node* node, std::string path) : tree_(tree), node_(node), path_(std::move(path)) {}
    template <class T>
    void take(std::string_view key, T& field, std::string type, std::string_view doc);
    Tree* tree_;
    Node* node_;
    std::string path_;  // empty for the root
};

/// One key as it was read: for `config.yaml` of a run, and for the table of keys.
struct KeyRecord {
    std::string path;  // "train.steps"
    std::string type;  // "integer", "list of numbers", "one of a | b"
    std::string default_value;  // as YAML
    std::string value;  // as YAML, after all overrides
    std::string doc;
};

/// A whole configuration: defaults < file < environment < command line.
class Document {
public:
    /// No file: every key has its default.
    Document();
    ~Document();
    Document(Document&&) noexcept;
    Document& operator=(Document&&) noexcept;

    /// Reads .yaml/.yml, or .json (// comments allowed).  Throws ConfigError for syntax, duplicate keys, or nesting deeper
    /// than 32; DataError where the file cannot be read.
    static Document load(const std::filesystem::path& file);
    /// The same from text; `name` stands for the file in messages.
    static Document parse(const std::string& text, const std::string& name, bool json = false);

    /// "train.steps=100": the value is parsed as YAML, so lists work: "model.blocks_down=[1,2]".
    void set(const std::string& assignment);
    /// The same for a value that is a text, whatever it looks like.
    void set_text(const std::string& path, const std::string& text);
    /// Whether anybody gave the key of this path ("train.steps").
    bool has(const std::string& path) const;
    /// Takes VOX_TRAIN__STEPS=100 (double underscore = dot) for every variable whose name starts with VOX_, but
    /// VOX_SOURCE_DIR-like names listed in `ignore`.
    void set_from_environment(const std::vector<std::string>& ignore);

    Section root();

    /// After everybody read: throws ConfigError naming every key that nobody took, with the nearest one that exists.
    void finish() const;

    /// In the order in which they were read.
    const std::vector<KeyRecord>& keys() const;

    /// The complete configuration as YAML, one comment a key; loading it gives the same values.
    std::string resolved_yaml() const;

private:
    std::unique_ptr<Tree> tree_;
};

}  // namespace vox::config
