#pragma once
// Names that other programs' configurations have for keys of ours.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/section.hpp"

namespace vox::app {

/// One name that means the same as a key of ours.  It is accepted in the sections `training` and `train` and at top level.
struct ForeignKey {
    std::string name;  // "sync_batchnorm"
    std::string key;  // "model.norm"
    std::map<std::string, std::string> words;  // its values to ours ("" leaves our default); empty: the value itself
};

const std::vector<ForeignKey>& foreign_keys();

/// Gives our keys the values of the foreign names that `document` holds, before anybody reads, and returns the paths of those
/// names ("training.batch_size").  Throws ConfigError where both names are given, or where a value means nothing here.
std::set<std::string> accept_foreign_keys(config::Document& document);

}  // namespace vox::app
