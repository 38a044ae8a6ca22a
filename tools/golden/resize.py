"""Golden values of MONAI's Resize (area, trilinear, nearest-exact) and ScaleIntensityRange.  Writes tests/golden/resize.{json,f32}.

Needs monai: pip install monai==1.6.1 into an environment of its own.

Case n resizes 2000 * uniform([2, *from], 1210 + n) - 1000; its label is where uniform(from, 1220 + n) lies among 5 equal parts.
"""

import torch
from monai.transforms import Resize, ScaleIntensityRange

from values import uniform, write_f32, write_json

CASES = [
    {"from": [12, 10, 14], "to": [4, 5, 7]},
    {"from": [13, 9, 11], "to": [5, 4, 8]},
    {"from": [5, 6, 7], "to": [9, 6, 16]},
    {"from": [1, 17, 8], "to": [3, 2, 8]},
]
WINDOW = [-350.0, 650.0]

arrays = []
for number, case in enumerate(CASES):
    image = torch.from_numpy(2000 * uniform([2, *case["from"]], 1210 + number) - 1000)
    label = torch.from_numpy(uniform(case["from"], 1220 + number) * 5).floor()[None]
    for mode in ("area", "trilinear"):
        small = Resize(case["to"], mode=mode, dtype=torch.float64)(image)
        arrays.append(small)
        arrays.append(ScaleIntensityRange(*WINDOW, -1, 1, clip=True, dtype=None)(small))
    arrays.append(Resize(case["to"], mode="nearest-exact", dtype=torch.float64)(label))
write_json("resize", {"cases": CASES, "window": WINDOW})
write_f32("resize", [a.numpy() for a in arrays])
