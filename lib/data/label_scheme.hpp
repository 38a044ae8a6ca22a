#pragma once
// What label values mean.  The converter records the scheme; tasks map it to channels; `infer` maps back.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace vox::data {

/// One region: a name and the label values whose union it is.
struct Region {
    std::string name;
    std::set<int> values;
};

/// A named set of label values.  BraTS regions TC, WT, ET overlap: ET within TC within WT.
struct LabelScheme {
    std::string name;             // "brats2020", "brats2023", "msd_brats", "brats2013", "generic"
    std::set<int> values;         // allowed values besides 0
    std::vector<Region> regions;  // network channels in order; for "generic", one region a value
};

/// brats2020: 1 NCR/NET, 2 ED, 4 ET.  brats2023: 1 NCR, 2 ED, 3 ET.  msd_brats (Task01): 1 edema, 2 non-enhancing,
/// 3 enhancing.  brats2013: 1 necrosis, 2 oedema, 3 non-enhancing, 4 enhancing.  Regions are always TC, WT, ET in this order.
/// Throws DataError for another name.
LabelScheme label_scheme(const std::string& name);
/// Names that `label_scheme` knows.
std::vector<std::string> label_scheme_names();
/// A scheme "generic" with one region a value ("label_1", ...).
LabelScheme generic_scheme(const std::set<int>& values);

/// The label values to write for nested regions: per region the value that voxels of it get where no region inside it claims
/// them, and the order to paint in (outermost first).  For BraTS: WT -> oedema, TC -> necrosis, ET -> enhancing.
struct PaintStep {
    size_t region;  // index into LabelScheme::regions
    uint8_t value;
};
std::vector<PaintStep> paint_order(const LabelScheme& scheme);

}  // namespace vox::data
