"""Golden values of the distance transform (scipy) and of surface distances (medpy, MONAI).  Writes
tests/golden/distance_transform.{json,f32} and tests/golden/surface_distance.json.

Needs medpy 0.5.2, scipy and monai: pip install medpy==0.5.2 scipy==1.17.1 monai==1.6.1 into an environment of its own.
Figures of real labels are renewed where ../shared/data/prostate is there.

A mask is a union of parts, in voxels and D,H,W order:
  {"centre": c, "radii": r}      voxels x with sum ((x - c) / r)^2 <= 1;
  {"start": s, "size": n}        a box;
  {"stream": s, "below": p}      voxels where uniform(size, s) < p.
"""

import json
import warnings
from pathlib import Path

import nibabel
import numpy as np
import torch
from medpy.metric import binary
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from scipy.ndimage import distance_transform_edt

from values import GOLDEN, uniform, write_f32, write_json

warnings.simplefilter("ignore")

TRANSFORMS = [
    dict(size=[10, 12, 14], spacing_mm=[1, 1, 1], mask=[dict(centre=[4, 5, 6.5], radii=[3.1, 4.2, 5.3])]),
    dict(size=[9, 15, 17], spacing_mm=[3, 0.5, 0.5], mask=[dict(stream=940, below=0.01)]),
    dict(size=[9, 10, 11], spacing_mm=[0.9, 0.7, 3.3], mask=[dict(stream=941, below=0.2)]),
    dict(size=[6, 11, 8], spacing_mm=[2.5, 0.9, 0.9], mask=[dict(start=[5, 0, 7], size=[1, 1, 1])]),
    dict(size=[1, 1, 40], spacing_mm=[1, 1, 0.3], mask=[dict(stream=942, below=0.1)]),
    dict(size=[40, 1, 3], spacing_mm=[0.3, 1, 7], mask=[dict(stream=943, below=0.1)]),
    dict(size=[4, 5, 6], spacing_mm=[1, 2, 3], mask=[dict(start=[0, 0, 0], size=[4, 5, 6])]),
]

BALL = dict(centre=[9, 12, 11], radii=[4.3, 5.2, 6.1])
PAIRS = {
    "balls": dict(size=[24, 24, 24], spacing_mm=[1, 1, 1], predicted=[dict(centre=[11, 11, 11], radii=[7.3, 7.3, 7.3])],
                  truth=[dict(centre=[12, 13, 10], radii=[6.2, 6.2, 6.2])]),
    "anisotropic": dict(size=[14, 40, 36], spacing_mm=[3, 0.5, 0.5], predicted=[dict(centre=[6, 18, 17], radii=[4.1, 11.3, 9.7])],
                        truth=[dict(centre=[7, 21, 16.5], radii=[5.2, 9.1, 12.3])]),
    # A few wrong voxels far away: less than 5 % of all surface voxels, more than 5 % of the prediction's.
    "satellite": dict(size=[32, 32, 40], spacing_mm=[1, 1, 1], predicted=[BALL, dict(centre=[27, 27, 34], radii=[2.2, 1.7, 2.4])],
                      truth=[dict(centre=[11, 13, 12], radii=[8.3, 9.2, 9.1])]),
    "noise": dict(size=[9, 10, 11], spacing_mm=[0.9, 0.7, 3.3], predicted=[dict(stream=944, below=0.3)],
                  truth=[dict(stream=945, below=0.1)]),
    "border": dict(size=[12, 14, 16], spacing_mm=[2.5, 0.9, 0.9], predicted=[dict(centre=[0, 0, 3], radii=[6.3, 7.2, 9.4])],
                   truth=[dict(centre=[11, 13, 15], radii=[9.1, 8.3, 7.7]), dict(start=[0, 3, 0], size=[1, 2, 16])]),
    "voxels": dict(size=[5, 6, 7], spacing_mm=[3, 0.5, 0.25], predicted=[dict(start=[0, 0, 0], size=[1, 1, 1])],
                   truth=[dict(start=[4, 5, 6], size=[1, 1, 1])]),
    "equal": dict(size=[18, 24, 22], spacing_mm=[3, 0.5, 0.5], predicted=[BALL], truth=[BALL]),
    "whole_volume": dict(size=[8, 9, 10], spacing_mm=[1, 0.5, 2], predicted=[dict(start=[0, 0, 0], size=[8, 9, 10])],
                         truth=[dict(start=[3, 4, 5], size=[1, 1, 1])]),
    "truth_empty": dict(size=[4, 5, 6], spacing_mm=[1, 1, 1], predicted=[dict(start=[1, 1, 1], size=[2, 3, 3])], truth=[]),
    "prediction_empty": dict(size=[4, 5, 6], spacing_mm=[1, 1, 1], predicted=[], truth=[dict(start=[1, 1, 1], size=[2, 3, 3])]),
    "both_empty": dict(size=[4, 5, 6], spacing_mm=[1, 1, 1], predicted=[], truth=[]),
}

# Real labels, [D,H,W] as they lie in the file: where the first one's value is among the values, against the second one's.
REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "prostate" / "ProstateX-0000"
REAL_PAIRS = [
    dict(predicted=["anatomy_pz_tz", [1]], truth=["anatomy_pz_tz", [2]]),
    dict(predicted=["anatomy_pz_tz", [1, 2]], truth=["wholegland", [1]]),
    dict(predicted=["cspca_expert", [3]], truth=["anatomy_pz_tz", [1]]),
    dict(predicted=["wholegland", [1]], truth=["cspca_expert", [3]]),
]


def mask_of(size, parts):
    mask = np.zeros(size, bool)
    place = np.meshgrid(*[np.arange(n, dtype=np.float64) for n in size], indexing="ij")
    for part in parts:
        if "centre" in part:
            scaled = [(x - c) / r for x, c, r in zip(place, part["centre"], part["radii"])]
            radius = scaled[0] * scaled[0] + scaled[1] * scaled[1] + scaled[2] * scaled[2]
            assert np.abs(radius - 1).min() > 1e-9, "a voxel whose side rounding decides"
            mask |= radius <= 1
        elif "start" in part:
            mask[tuple(slice(s, s + n) for s, n in zip(part["start"], part["size"]))] = True
        else:
            mask |= uniform(size, part["stream"]) < part["below"]
    return mask


def number(value):
    value = float(value)
    return value if np.isfinite(value) else str(value)


def figures(predicted, truth, spacing):
    one_hot = [torch.from_numpy(mask.copy())[None, None] for mask in (predicted, truth)]
    options = dict(include_background=True, spacing=[float(mm) for mm in spacing])
    result = {
        "monai_hd95": compute_hausdorff_distance(*one_hot, percentile=95, **options),
        "monai_hd": compute_hausdorff_distance(*one_hot, **options),
        "monai_asd": compute_average_surface_distance(*one_hot, **options),
        "monai_assd": compute_average_surface_distance(*one_hot, symmetric=True, **options),
    }
    if predicted.any() and truth.any():  # medpy refuses empty masks
        there, back = (binary.asd(a, b, spacing) for a, b in ((predicted, truth), (truth, predicted)))
        result |= {
            "medpy_hd95": binary.hd95(predicted, truth, spacing),
            "medpy_hd": binary.hd(predicted, truth, spacing),
            "medpy_asd": there,
            "medpy_assd": binary.assd(predicted, truth, spacing),  # pooled since 0.5
            "medpy_mean_of_asd": (there + back) / 2,  # what assd was up to 0.4
        }
    return {name: number(value) for name, value in result.items()}


def real_mask(name, values):
    image = nibabel.load(REAL / f"{name}.nii.gz")
    return np.isin(np.asarray(image.dataobj).T, values), [float(mm) for mm in image.header.get_zooms()[::-1]]


arrays = []
for case in TRANSFORMS:
    mask = mask_of(case["size"], case["mask"])
    distances = distance_transform_edt(~mask, sampling=case["spacing_mm"])
    arrays.append(distances)
    # In float64, which the .f32 is not: each voxel under a weight of its own.
    case["weighted_sum"] = float((distances * uniform(case["size"], 946)).sum())
write_json("distance_transform", {"cases": TRANSFORMS})
write_f32("distance_transform", arrays)

for pair in PAIRS.values():
    masks = [mask_of(pair["size"], pair[which]) for which in ("predicted", "truth")]
    pair["figures"] = figures(*masks, pair["spacing_mm"])
if REAL.exists():
    for pair in REAL_PAIRS:
        predicted, spacing = real_mask(*pair["predicted"])
        truth, _ = real_mask(*pair["truth"])
        pair |= {"spacing_mm": spacing, "figures": figures(predicted, truth, spacing)}
else:
    REAL_PAIRS = json.loads((GOLDEN / "surface_distance.json").read_text())["real"]
write_json("surface_distance", {"pairs": PAIRS, "real": REAL_PAIRS})
