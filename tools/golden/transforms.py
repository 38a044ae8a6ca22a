"""What MONAI makes of an image: oracle of tests/data/transforms_test.cpp.

transforms.py FOLDER reads request.json and image.f32 there and writes the results beside them, raw:
    statistics.f64  [C,7]  of the non-zero voxels: mean, population standard deviation, 1st and 99th percentile, minimum, maximum, count
    zscore.f32, percentile.f32, augmented.f32  [C,D,H,W]
    zscore_all.f32, unit_range.f32, unit_range_zscore.f32  [C,D,H,W]  of all voxels
    starts.i64      [N,3]  where a crop centred at each requested voxel begins
    pads.i64        [M,3]  how many voxels SpatialPad puts before each requested volume
"""

import json
import pathlib
import sys

import numpy as np
from monai.transforms import (
    Flip,
    NormalizeIntensity,
    ScaleIntensity,
    ScaleIntensityRange,
    ShiftIntensity,
    SpatialCrop,
    SpatialPad,
)
from monai.transforms.utils import correct_crop_centers


def statistics(image):
    rows = []
    for channel in image.astype(np.float64):
        voxels = channel[channel != 0]
        if voxels.size == 0:
            rows.append([0.0] * 7)
        else:
            percentiles = np.percentile(voxels, [1, 99])
            rows.append([voxels.mean(), voxels.std(), *percentiles, voxels.min(), voxels.max(), voxels.size])
    return np.array(rows)


def percentile(image, rows):
    """Channels whose percentiles are equal are left out: MONAI only shifts those, without clipping."""
    out = []
    for channel, (_, _, low, high, *_) in zip(image, rows):
        usable = high > low
        out.append(ScaleIntensityRange(low, high, -1.0, 1.0, clip=True)(channel) if usable else np.zeros_like(channel))
    return np.stack(out)


def augmented(image, request):
    axes = [axis for axis, flip in enumerate(request["flip"]) if flip]
    image = NormalizeIntensity(nonzero=True, channel_wise=True)(image)
    image = Flip(spatial_axis=axes)(image) if axes else image
    image = ScaleIntensity(minv=None, maxv=None, factor=request["scale"])(image)
    return ShiftIntensity(request["shift"])(image)


def crop_start(voxel, request):
    volume, size = request["volume"], request["crop"]
    centre = [int(c) for c in correct_crop_centers(list(voxel), size, volume)]
    return [part.start for part in SpatialCrop(roi_center=centre, roi_size=size).slices]


def pad_before(volume, size):
    padded = np.asarray(SpatialPad(size)(np.ones([1, *volume], np.float32)))[0]
    return np.argwhere(padded > 0).min(axis=0)


def main(folder):
    request = json.loads((folder / "request.json").read_text())
    image = np.fromfile(folder / "image.f32", np.float32).reshape(request["shape"])
    rows = statistics(image)
    zscore = NormalizeIntensity(nonzero=True, channel_wise=True)(image.copy())
    unit_range = ScaleIntensity(minv=0.0, maxv=1.0, channel_wise=True)(image.copy())
    zscore_all = NormalizeIntensity(channel_wise=True)
    results = {
        "statistics.f64": rows,
        "zscore.f32": np.asarray(zscore),
        "zscore_all.f32": np.asarray(zscore_all(image.copy())),
        "unit_range.f32": np.asarray(unit_range).copy(),
        "unit_range_zscore.f32": np.asarray(zscore_all(unit_range)),
        "percentile.f32": percentile(image, rows),
        "augmented.f32": np.asarray(augmented(image.copy(), request)),
        "starts.i64": np.array([crop_start(voxel, request) for voxel in request["voxels"]]),
        "pads.i64": np.array([pad_before(volume, request["crop"]) for volume in request["small_volumes"]]),
    }
    types = {"f32": np.float32, "f64": np.float64, "i64": np.int64}
    for name, values in results.items():
        np.ascontiguousarray(values, types[name[-3:]]).tofile(folder / name)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
