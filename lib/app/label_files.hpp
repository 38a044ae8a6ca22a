#pragma once
// Which file of a folder is which case's label map.

#include <filesystem>
#include <map>
#include <string>

namespace vox::app {

/// What is scored, by case: a prediction and its one reference.
struct LabelPair {
    std::filesystem::path prediction, reference;
};

/// Where label maps lie: `<id>.nii[.gz]` in the folder (predictions) or `<id>`, `<id>_seg`, `<id>-seg`, `<id>/seg` (label, mask)
/// anywhere below it (references), where `name` is empty; else `<id>/<name>.nii[.gz]` anywhere below it.
struct LabelPlace {
    std::filesystem::path folder;
    std::string name;
};

/// Rank 0 (it may warn).  Each prediction with its reference.  Predictions with a `name` are one label among others of a data set,
/// which not every case has (a second reader's): cases that have only one of both files are named in a warning and left out.
/// Throws DataError, naming the case, where another prediction has no reference, a case has two files, or none has both.
std::map<std::string, LabelPair> label_pairs(const LabelPlace& predictions, const LabelPlace& references);

}  // namespace vox::app
