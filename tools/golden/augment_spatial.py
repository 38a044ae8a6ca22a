"""Golden values of moved crops from MONAI 1.6.1.  Writes tests/golden/augment_spatial.{json,f32}.

Every case: parameters in the json; in the f32 file the image [C,D,H,W] and the label [D,H,W] that MONAI makes of
  image  uniform([1] + size, 1000);
  label  floor(4 * uniform(size, 1001)).
MONAI gets the arrays as they are, so that its axes 0, 1, 2 are D, H, W.  Padding is "border" or "zeros" everywhere; resampling is in
float64.  Elastic's noise is 2 * uniform([3] + size, 1002) - 1.

  affine, elastic, rotate, zoom  the transform of that name, alone;
  lazy       Affine, Rotate and Zoom one after another, which MONAI's lazy resampling fuses into one matrix and one resampling;
  composed   the same, then Rand3DElastic: the product of all matrices on the elastic grid, resampled once;
  rotate90   Rotate90, `k` quarter turns in the plane of `axes`; equal to numpy.rot90.

A zoomed size of MONAI is whole, and its volume is cut or padded to the old size; the factors here make sizes whole and
differences even, so that the centre stays.  It pads with what it has interpolated: where a factor below 1 shows places outside
of the volume, `zoomed` (start and size) tells the part that comes from inside.

No place lies within 1e-5 of half way between two voxels, where rounding would choose the label.
"""

import numpy as np
import torch
from monai.data import MetaTensor
from monai.networks.layers import GaussianFilter
from monai.transforms import Affine, AffineGrid, Rand3DElastic, Resample, Rotate, Rotate90, Zoom, create_grid
from monai.transforms.lazy.functional import apply_pending

from values import uniform, write_f32, write_json

PARTS = {
    "affine": dict(rotate=[0.31, -0.23, 0.47], shear=[0.11, -0.07, 0.13, 0.05, -0.09, 0.17], translate=[1.3, -2.1, 0.7],
                   scale=[1.1, 0.93, 1.05]),
    "rotate": dict(rotate=[0.083, -0.061, 0.097]),
    "elastic": dict(rotate=[0.11, 0.07, -0.21], shear=[0.02, 0, 0, 0, 0, -0.04], translate=[0.3, -0.9, 1.7], scale=[0.96, 1, 1.03]),
}
ELASTIC = {"sigma": 1.07, "magnitude": 1.31}
NAMES = dict(rotate="rotate_params", shear="shear_params", translate="translate_params", scale="scale_params")
ODD, EVEN = [9, 12, 14], [5, 10, 15]  # a factor of 1.4 or 0.6 makes 5, 10, 15 of EVEN 7, 14, 21 or 3, 6, 9


def volumes(size):
    image = torch.from_numpy(uniform([1] + size, 1000))
    return image, torch.from_numpy(np.floor(4 * uniform(size, 1001))[None])


def params(part):
    return {NAMES[name]: values for name, values in PARTS[part].items()}


def noise(size):
    return torch.from_numpy(2 * uniform([3] + size, 1002) - 1)


def elastic(size):
    transform = Rand3DElastic((1, 1), (1, 1), prob=1)
    transform.rand_offset = noise(size).numpy()
    transform.sigma, transform.magnitude = ELASTIC["sigma"], ELASTIC["magnitude"]
    transform._do_transform = True
    grid = transform.rand_affine_grid
    grid.randomize = lambda data=None: None
    grid.rotate_params, grid.shear_params = PARTS["elastic"]["rotate"], PARTS["elastic"]["shear"]
    grid.translate_params, grid.scale_params = PARTS["elastic"]["translate"], PARTS["elastic"]["scale"]
    return lambda volume, mode, padding: transform(volume, mode=mode, padding_mode=padding, randomize=False)


def zoom(factor):
    def run(volume, mode, padding):
        transform = Zoom(factor, mode={"bilinear": "trilinear", "nearest": "nearest-exact"}[mode], padding_mode="edge", keep_size=True,
                         dtype=torch.float64)
        return transform(volume)

    return run


def lazy(factor):
    def run(volume, mode, padding):
        pending = MetaTensor(volume)
        for transform in (Affine(**params("affine"), image_only=True), Rotate(PARTS["rotate"]["rotate"]), Zoom(factor)):
            pending = transform(pending, lazy=True)
        return apply_pending(pending, overrides=dict(mode=mode, padding_mode=padding, dtype=torch.float64))[0]

    return run


def places(size, parts, factor=None):
    """Where the parts, the first to be applied last, sample a volume: [4,D,H,W], from its centre."""
    grid = create_grid(size, backend="torch", dtype=torch.float64)
    if "elastic" in parts:
        grid[:3] += GaussianFilter(3, ELASTIC["sigma"], 3.0)(noise(size)[None])[0] * ELASTIC["magnitude"]
    for part in reversed(parts):
        parameters = dict(scale_params=[1 / factor] * 3) if part == "zoom" else params(part)
        grid, _ = AffineGrid(**parameters, dtype=np.float64)(grid=grid)
    for axis, length in enumerate(size):
        voxel = grid[axis].numpy() + (length - 1) / 2
        inside = (voxel > -1) & (voxel < length)
        assert np.abs((voxel - np.floor(voxel) - 0.5)[inside]).min() > 1e-5, "a place whose label rounding decides"
    return grid


def affine(volume, mode, padding):
    return Affine(**params("affine"), dtype=np.float64, mode=mode, padding_mode=padding, image_only=True)(volume)


def rotate(volume, mode, padding):
    return Rotate(PARTS["rotate"]["rotate"], dtype=torch.float64, mode=mode, padding_mode=padding)(volume)


def composed(grid):
    return lambda volume, mode, padding: Resample(dtype=np.float64)(volume, grid, mode=mode, padding_mode=padding)


def rotate90(k, axes):
    def run(volume, mode, padding):
        out = np.asarray(Rotate90(k, axes)(volume))
        assert (out == np.rot90(volume.numpy(), k, [axis + 1 for axis in axes])).all()
        return out

    return run


ALL = ["affine", "rotate", "zoom", "elastic"]
CASES = [
    ("affine", ODD, {}, affine),
    ("affine", ODD, {"padding": "zeros"}, affine),
    ("rotate", ODD, {}, rotate),
    ("elastic", ODD, {}, elastic(ODD)),
    ("zoom", EVEN, {"factor": 1.4}, zoom(1.4)),
    ("zoom", EVEN, {"factor": 0.6, "zoomed": [[1, 2, 3], [3, 6, 9]]}, zoom(0.6)),
    ("lazy", EVEN, {"factor": 1.4}, lazy(1.4)),
    ("composed", ODD, {"factor": 1.07}, composed(places(ODD, ALL, 1.07))),
]
for size, axes in (([3, 5, 5], [1, 2]), ([3, 4, 4], [2, 1]), ([4, 3, 4], [0, 2])):
    CASES += [("rotate90", size, {"k": k, "axes": axes}, rotate90(k, axes)) for k in (1, 2, 3)]
for case in CASES:
    if case[0] == "rotate90":
        continue
    parts = {"lazy": ALL[:3], "composed": ALL}.get(case[0], [case[0]])
    places(case[1], parts, case[2].get("factor"))

cases, arrays = [], []
for name, size, more, run in CASES:
    padding = more.get("padding", "border")
    image, label = volumes(size)
    for volume, mode in ((image, "bilinear"), (label, "nearest")):
        out = np.asarray(run(volume, mode, padding))
        assert out.shape == tuple(volume.shape), (name, out.shape)
        arrays.append(out)
    assert set(np.unique(arrays[-1])) <= {0, 1, 2, 3}
    cases.append({"name": name, "size": size, "padding": padding} | more)
write_json("augment_spatial", {"parts": PARTS, "elastic": ELASTIC, "cases": cases})
write_f32("augment_spatial", arrays)
