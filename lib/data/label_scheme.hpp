#pragma once
// What label values mean.  The converter records the scheme; tasks map it to channels; `infer` maps back.

#include <cstdint>
#include <map>
#include <optional>
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
    std::string name;  // "brats2020", ..., "prostate158_anatomy", "prostate158_tumor", "generic", "prompted"
    std::set<int> values;  // allowed values besides 0
    std::vector<Region> regions;  // network channels in order; for "generic", one region a value
};

/// brats2020: 1 NCR/NET, 2 ED, 4 ET.  brats2023: 1 NCR, 2 ED, 3 ET.  msd_brats (Task01): 1 edema, 2 non-enhancing,
/// 3 enhancing.  brats2013: 1 necrosis, 2 oedema, 3 non-enhancing, 4 enhancing.  Their regions are TC, WT, ET in this order.
/// prostate158_anatomy: 1 TZ (transition zone, the central zone with it), 2 PZ (peripheral zone); prostate_pz_tz: 1 PZ, 2 TZ, as
/// PI-CAI has them.  Regions of both are TZ, PZ.  prostate158_tumor: 1 tumor.  Throws DataError for another name.
LabelScheme label_scheme(const std::string& name);
/// Names that `label_scheme` knows.
std::vector<std::string> label_scheme_names();
/// How labels of a source become those of another scheme with the same regions.
struct LabelTranslation {
    std::string scheme;  // the one that is recorded
    std::map<int, int> values;  // value in the source -> value of `scheme`; others stay
};
/// What the converter does to labels of this scheme: prostate_pz_tz becomes prostate158_anatomy, so that data sets of both origins
/// train one model.  Nothing for every other name.
std::optional<LabelTranslation> label_translation(const std::string& name);
/// A scheme "generic" with one region a value ("label_1", ...).
LabelScheme generic_scheme(const std::set<int>& values);

/// A scheme "prompted": values 1 to 255 number the targets of a case's prompts, each case for itself; one region, "target", is all of them.
LabelScheme prompted_scheme();

/// True where every region is one value of its own, so that a voxel is of one region at most and a network may choose among them.
bool regions_exclude(const LabelScheme& scheme);

/// The label values to write for nested regions: per region the value that voxels of it get where no region inside it claims
/// them, and the order to paint in (outermost first).  For BraTS: WT -> oedema, TC -> necrosis, ET -> enhancing.
struct PaintStep {
    size_t region;  // index into LabelScheme::regions
    uint8_t value;
};
std::vector<PaintStep> paint_order(const LabelScheme& scheme);

}  // namespace vox::data
