"""Golden values of connected components (scipy.ndimage.label) and of keeping the largest one of each label (MONAI's
KeepLargestConnectedComponent, independent=True).  Writes tests/golden/connected_components.{json,f32}.

Needs monai with scikit-image, and scipy: pip install monai==1.6.1 scikit-image==0.26.0 scipy==1.17.1 into an environment of its
own.  Figures of the real labels are renewed where ../shared/data is there.

Label maps: where uniform(size, stream) < p1 the value is 1, else where it is < p2 it is 2, else where it is < p3 it is 7.
"""

import json
from pathlib import Path

import nibabel
import numpy as np
import torch
from monai.transforms import KeepLargestConnectedComponent
from scipy.ndimage import generate_binary_structure, label

from values import GOLDEN, uniform, write_f32, write_json

NEIGHBOURS = {6: 1, 18: 2, 26: 3}  # -> orthogonal hops
VALUES = [1, 2, 7]
MAPS = [
    dict(size=[9, 10, 11], stream=950, below=[0.3, 0.5, 0.8]),
    dict(size=[9, 10, 11], stream=951, below=[0.2, 0.3, 0.48]),
    dict(size=[1, 24, 31], stream=952, below=[0.4, 0.7, 0.8]),
    dict(size=[30, 1, 1], stream=953, below=[0.4, 0.6, 0.7]),
]
# [D,H,W] as they lie in the file, and the values of which only the largest component stays.
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
REAL = [
    dict(file="prostate/ProstateX-0000/anatomy_pz_tz.nii.gz", values=[1, 2]),
    dict(file="brain_1mm/TCGA-DU-7294/TCGA-DU-7294_seg.nii.gz", values=[1, 2]),
    dict(file="brain_1mm/TCGA-DU-7294/TCGA-DU-7294_seg.nii.gz", values=[2]),
]


def numbered(values, hops):
    """The component of each voxel, counted over all values from 1 in raster order of first voxels."""
    result = np.zeros(values.shape, int)
    for value in np.unique(values[values > 0]):
        part, count = label(values == value, structure=generate_binary_structure(3, hops))
        result[part > 0] = part[part > 0] + result.max()
    numbers, first = np.unique(result[result > 0], return_index=True)
    rank = np.zeros(result.max() + 1, int)
    rank[numbers[np.argsort(first)]] = np.arange(1, len(numbers) + 1)
    return rank[result]


def has_tie(values, numbers, chosen):
    """Where two largest components are of equal size MONAI's choice is up to a sort, and is not compared."""
    for value in chosen:
        sizes = np.sort(np.bincount(numbers[values == value])) if (values == value).any() else [0]
        if len(sizes) > 1 and sizes[-1] == sizes[-2] > 0:
            return True
    return False


def kept(values, chosen, hops):
    transform = KeepLargestConnectedComponent(applied_labels=chosen, is_onehot=False, independent=True, connectivity=hops)
    return transform(torch.from_numpy(values.copy())[None])[0].numpy()


arrays = []
for case in MAPS:
    draw = uniform(case["size"], case["stream"])
    values = np.select([draw < p for p in case["below"]], VALUES, 0).astype(np.uint8)
    case["components"], case["tie"] = {}, {}
    for neighbours, hops in NEIGHBOURS.items():
        numbers = numbered(values, hops)
        case["components"][str(neighbours)] = int(numbers.max())
        case["tie"][str(neighbours)] = has_tie(values, numbers, [1, 7])
        arrays += [numbers, kept(values, [1, 7], hops)]

if SHARED.exists():
    for case in REAL:
        path = SHARED / case["file"]
        values = np.ascontiguousarray(np.asarray(nibabel.load(path).dataobj).T).astype(np.uint8)
        case["results"] = {}
        for neighbours, hops in NEIGHBOURS.items():
            numbers = numbered(values, hops)
            assert not has_tie(values, numbers, case["values"])
            result = kept(values, case["values"], hops)
            places = np.flatnonzero(result)
            case["results"][str(neighbours)] = dict(
                components=int(numbers.max()), voxels=len(places), sum_of_places=int(places.sum()),
                sum_of_values=int(result.astype(int).sum()))
else:
    REAL = json.loads((GOLDEN / "connected_components.json").read_text())["real"]
write_json("connected_components", {"maps": MAPS, "real": REAL})
write_f32("connected_components", arrays)
