#pragma once
// CaseInfo as attributes of a case's group and datasets, and back.  Field by field: lib/data/README.md.

#include <map>
#include <string>

#include "data/case_info.hpp"
#include "data/hdf5_io.hpp"

namespace vox::data {

/// `label` is not valid where the case has none.  Throws WriteError.
void write_case_attributes(hdf5::Id group, hdf5::Id image, hdf5::Id label, const CaseInfo& info,
                           const std::map<int, double>& stored_labels);

/// Fills everything of `info` but id, shape, type, has_label and split, which the caller knows already.
/// Throws DataError, `where` in front, for a missing or wrong attribute or a value that makes no sense (NaN, sizes <= 0).
void read_case_attributes(hdf5::Id group, hdf5::Id image, hdf5::Id label, const std::string& where, CaseInfo& info,
                          std::map<int, double>& stored_labels);

}  // namespace vox::data
