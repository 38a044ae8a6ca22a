"""Golden values of resampling from MONAI's SpatialResample (align_corners=False, padding "border", float64) and Spacing.  Writes
tests/golden/resample.{json,f32}.

Volume: stream 930, [2,D,H,W], on an oblique grid.  The json holds the grids (size i,j,k and affine) and which interpolation; the f32
file the results, [2,d,h,w] each.  MONAI's arrays are [C,i,j,k]: transposed on the way in and out.  No voxel of the targets lies
half way between two of the volume, where MONAI's rounding would decide.
"""

import math

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Spacing, SpatialResample

from values import uniform, write_f32, write_json


def grid(size, spacing, angle, origin):
    """Turned by `angle` around x, i to the left: an LPS-like order of axes."""
    c, s = math.cos(angle), math.sin(angle)
    affine = np.array([[-1, 0, 0], [0, c, -s], [0, s, c]]) @ np.diag(spacing)
    return {"size": size, "affine": np.vstack([np.c_[affine, origin], [0, 0, 0, 1]]).tolist()}


SOURCE = grid([8, 9, 5], [0.7, 0.9, 2.5], 0.3, [2.5, -3.5, -5.0])
TARGETS = {  # the second reaches beyond the source on every side
    "turned": grid([7, 6, 8], [0.5, 0.6, 0.8], -0.2, [1.3, -1.8, -3.1]),
    "beyond": grid([9, 10, 11], [1.1, 1.2, 1.3], 0.5, [4.7, -5.1, -7.3]),
}
SPACING = [0.31, 0.47, 0.83]

volume = torch.from_numpy(uniform([2] + SOURCE["size"][::-1], 930).transpose(0, 3, 2, 1).copy())
image = MetaTensor(volume, affine=torch.tensor(SOURCE["affine"], dtype=torch.float64))
cases, arrays = [], []
for name, target in TARGETS.items():
    for mode in ("bilinear", "nearest"):
        resampled = SpatialResample(mode=mode)(image, dst_affine=torch.tensor(target["affine"], dtype=torch.float64),
                                               spatial_size=target["size"])
        cases.append({"name": name, "interpolation": mode, **target})
        arrays.append(np.asarray(resampled).transpose(0, 3, 2, 1))
spaced = Spacing(SPACING)(image)
cases.append({"name": "spacing", "interpolation": "bilinear", "size": list(spaced.shape[1:]),
              "affine": np.asarray(spaced.affine).tolist()})
arrays.append(np.asarray(spaced).transpose(0, 3, 2, 1))
write_json("resample", {"source": SOURCE, "spacing_mm": SPACING, "cases": cases})
write_f32("resample", arrays)
