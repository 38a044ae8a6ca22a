"""Golden values of image quality: scikit-image's structural_similarity and peak_signal_noise_ratio, MONAI's SSIMMetric, computed in
float64.  Needs scikit-image (pip install scikit-image).  Writes tests/golden/image_quality.json.

Truth: stream 1300; generated: truth + 0.2 (stream 1301 - 0.5).  Mask: stream 1302 < 0.3.
Figures of the mask are means over its voxels; of SSIM's map over those that are 5 voxels from the borders at least, as scikit-image
crops it.
"""

import numpy
import torch
from monai.metrics import SSIMMetric
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from values import uniform, write_json

SHAPE = [17, 14, 20]
RANGE = 1.0

truth = uniform(SHAPE, 1300)
generated = truth + 0.2 * (uniform(SHAPE, 1301) - 0.5)
mask = uniform(SHAPE, 1302) < 0.3
similarity, full = structural_similarity(truth, generated, data_range=RANGE, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
                                         full=True)
inside = tuple(slice(5, size - 5) for size in SHAPE)
monai = SSIMMetric(spatial_dims=3, data_range=RANGE, kernel_type="gaussian", win_size=11, kernel_sigma=1.5)(
    torch.from_numpy(generated)[None, None], torch.from_numpy(truth)[None, None]).item()
difference = generated - truth
write_json("image_quality", {
    "shape": SHAPE, "data_range": RANGE,
    "whole": {"mae": numpy.abs(difference).mean(), "mse": (difference ** 2).mean(),
              "psnr": peak_signal_noise_ratio(truth, generated, data_range=RANGE), "ssim": similarity, "ssim_monai": monai},
    "mask": {"mae": numpy.abs(difference[mask]).mean(), "mse": (difference[mask] ** 2).mean(),
             "psnr": peak_signal_noise_ratio(truth[mask], generated[mask], data_range=RANGE), "ssim": full[inside][mask[inside]].mean()}})
