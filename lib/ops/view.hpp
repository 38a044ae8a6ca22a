#pragma once
// Radiographs by name, and how they lie.  Free of LibTorch.

#include <string>

namespace vox::ops {

/// How a volume [.., D,H,W] on a RAS grid (D towards the head, H to the front, W to the patient's right) is seen as [h,w].  Row 0 is
/// towards the head.
///   ap       along H.  Column 0 is the patient's right, as if the patient faced the reader.  Perspective: the source is in front.
///   lateral  along W.  Column 0 is the patient's front.  Perspective: the source is at the patient's right, as in a left lateral
///            radiograph, whose detector touches the left side.
enum class View { ap, lateral };

/// "ap", "lateral".
std::string view_name(View view);
/// Throws DataError for another name.
View view_of(const std::string& name);

}  // namespace vox::ops
