"""Golden radiographs of DiffDRR.  Writes tests/golden/projection.{json,f32}.

Needs diffdrr 0.6.1 (with torch, torchio and scipy) in an environment of its own: pip install diffdrr==0.6.1.

The volume is noise with three voxels of nothing around it, so that what a renderer takes for the outside does not matter:
uniform([D-6,H-6,W-6], 1200).  For each view, ap and lateral, first the trilinear renderer, then Siddon's.
"""

import math

import numpy as np
import torch
import torchio
from torchio import Subject
from diffdrr.drr import DRR
from diffdrr.pose import convert

from values import uniform, write_f32, write_json

SIZE, SPACING = [18, 22, 26], [3.0, 2.0, 1.5]  # D, H, W
VIEW_SIZE, PIXEL_MM = [24, 20], 3.0
SOURCE_DETECTOR_MM, SOURCE_ISOCENTRE_MM = 300.0, 200.0

volume = np.zeros(SIZE)
volume[3:-3, 3:-3, 3:-3] = uniform([n - 6 for n in SIZE], 1200)
affine = np.diag([*SPACING[::-1], 1.0])
affine[:3, 3] = [-0.5 * (n - 1) * mm for n, mm in zip(SIZE[::-1], SPACING[::-1])]
image = torchio.ScalarImage(tensor=torch.from_numpy(volume.T.copy())[None].double(), affine=affine)
# DiffDRR's "AP": the source before the patient, looking to the back.
reorient = torch.tensor([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)
subject = Subject(volume=image, mask=None, orientation="AP", reorient=reorient, density=image, fiducials=None)


def view(renderer, turn, wanted_source):
    drr = DRR(subject, sdd=SOURCE_DETECTOR_MM, height=VIEW_SIZE[0], width=VIEW_SIZE[1], delx=PIXEL_MM, renderer=renderer).double()
    rotation = torch.tensor([[turn, 0.0, 0.0]], dtype=torch.float64)
    translation = torch.tensor([[0.0, SOURCE_ISOCENTRE_MM, 0.0]], dtype=torch.float64)
    pose = convert(rotation, translation, parameterization="euler_angles", convention="ZXY")
    source, _ = drr.detector(pose, None)
    assert np.allclose(source.numpy().reshape(3), wanted_source, atol=1e-6), source
    options = dict(n_points=20001) if renderer == "trilinear" else {}
    return drr(pose, **options)[0, 0].numpy()


arrays = []
for turn, source, mirrored in ((0.0, [0, SOURCE_ISOCENTRE_MM, 0], False),
                               (-math.pi / 2, [SOURCE_ISOCENTRE_MM, 0, 0], True)):
    for renderer in ("trilinear", "siddon"):
        image_of = view(renderer, turn, source)
        # DiffDRR shows what the source sees; a left lateral is looked at from the detector, the front at the left.
        arrays.append(image_of[:, ::-1] if mirrored else image_of)
write_json("projection", {"size": SIZE, "spacing_mm": SPACING, "view_size": VIEW_SIZE, "pixel_mm": PIXEL_MM,
                          "source_detector_mm": SOURCE_DETECTOR_MM, "source_isocentre_mm": SOURCE_ISOCENTRE_MM})
write_f32("projection", arrays)
