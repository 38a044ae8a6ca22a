"""Golden values of sliding-window inference from MONAI's sliding_window_inference, computed in float64.  Writes
tests/golden/sliding_window.{json,f32}.

Volume: stream 920, 2u - 1.  Networks, both [n,C,d,h,w] -> [n,2,d,h,w]:
  "place": channel 0 is x0 * ramp, channel 1 is x0 + ramp, where ramp[d,h,w] = (d + 2 h + 3 w) / 10 counts within the window,
           so that a voxel's value says where in which window it lay;
  "conv":  a 3x3x3 convolution (padding 1, no bias), weight stream 921, 2u - 1.
"""

import torch
from monai.inferers import sliding_window_inference

from values import uniform, write_f32, write_json

CASES = [
    dict(network="place", volume=[1, 9, 14, 11], window=[4, 6, 5], overlap=0.5, blend="gaussian", batch=3),
    dict(network="place", volume=[1, 9, 14, 11], window=[4, 6, 5], overlap=0.25, blend="constant", batch=1),
    dict(network="place", volume=[1, 9, 14, 11], window=[4, 6, 5], overlap=0.8, blend="gaussian", batch=7),
    dict(network="conv", volume=[3, 5, 14, 6], window=[8, 6, 9], overlap=0.5, blend="gaussian", batch=4),
    dict(network="conv", volume=[3, 8, 6, 9], window=[8, 6, 9], overlap=0.0, blend="constant", batch=2),
]


def place(x):
    d, h, w = (torch.arange(n, dtype=x.dtype) for n in x.shape[2:])
    ramp = (d[:, None, None] + 2 * h[:, None] + 3 * w) / 10
    return torch.stack([x[:, 0] * ramp, x[:, 0] + ramp], dim=1)


def conv(x):
    weight = torch.from_numpy(2 * uniform([2, x.shape[1], 3, 3, 3], 921) - 1)
    return torch.nn.functional.conv3d(x, weight, padding=1)


arrays = []
for case in CASES:
    volume = torch.from_numpy(2 * uniform([1] + case["volume"], 920) - 1)
    # MONAI keeps the Gaussian in float32; the volume is float64, so that this is all the rounding there is.
    joined = sliding_window_inference(volume, case["window"], case["batch"], {"place": place, "conv": conv}[case["network"]],
                                      overlap=case["overlap"], mode=case["blend"], sigma_scale=0.125)
    arrays.append(joined[0].numpy())
write_json("sliding_window", {"cases": CASES})
write_f32("sliding_window", arrays)
