#pragma once
// The radiographs of a case on its way into a shard: read from pictures, or projected from its volume.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/case_data.hpp"
#include "data/layouts.hpp"

namespace vox::data {

struct ViewOptions {
    bool make = false;           // from the volume, whose HU become attenuation
    int64_t size = 512;          // pixels along both axes: pictures are resized to it
    bool flip_vertical = false;  // pictures whose row 0 is towards the feet
};

/// How a picture lies to its volume.
struct ViewComparison {
    double difference = 0;  // mean squared, to the volume's own projection, both brought to mean 0 and deviation 1
    std::string turned;  // "upside down", "mirrored", "turned by half" where that projection is closer; else empty
    bool aligned() const;
};

/// Views that fit are closer than this: a correlation of 0.75.  Any two bodies in air come near it, so that how they are turned is
/// looked at beside.
inline constexpr double kAlignedMse = 0.5;

/// What was compared, by case and view.
class ViewComparisons {
public:
    void add(const CaseFiles& files, const std::vector<ViewComparison>& views);
    /// All of it, for another rank; and what came from one.
    std::string text() const;
    void merge(const std::string& text);
    int64_t count() const { return static_cast<int64_t>(found_.size()); }
    int64_t aligned() const;
    /// A warning for each view that is not aligned: which, how far, and what may be wrong.
    void say() const;

private:
    std::map<std::string, ViewComparison> found_;  // by "id, view name"
};

/// What a case has, once it is converted; and every case of a listing.
ViewSet views_of(const CaseFiles& files, const ViewOptions& options);
ViewSet views_of(const Listing& listing, const ViewOptions& options);

/// The pictures of `files.views`, in their order: [V,size,size].  Throws DataError as `read_picture`.
std::vector<float> read_views(const CaseFiles& files, const ViewOptions& options);

/// Fills views of `data`, whose image is a CT in HU: `files.views`, in their order, of unit "none", or ap and lateral of unit
/// "attenuation".  Returns how each picture lies; nothing where they were made.  Throws DataError as `read_picture`.
std::vector<ViewComparison> add_views(CaseData& data, const CaseFiles& files, const ViewOptions& options);

}  // namespace vox::data
