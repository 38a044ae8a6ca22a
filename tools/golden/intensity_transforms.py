"""Golden values of the transforms of intensities (MONAI 1.6.1).  Writes tests/golden/intensity_transforms.{json,f32}.

Each case is an image [C,D,H,W] = 4 * uniform(shape, stream) - 1.5 as float32, MONAI's transform with the parameters that the file
lists, and its result.  Where MONAI has no deterministic class, the random one gets its draw by hand.
"""

import inspect

import numpy as np
import torch
from monai.transforms import (
    AdjustContrast,
    GaussianSharpen,
    GaussianSmooth,
    GibbsNoise,
    RandAdjustContrast,
    RandBiasField,
    RandGaussianNoise,
    RandGaussianSharpen,
    RandGaussianSmooth,
)

from values import uniform, write_f32, write_json


class Given:
    """In the place of a RandomState: gives what is asked for."""

    def __init__(self, share=0.0, standard_normal=None):
        self.share, self.standard_normal = share, standard_normal
        self.counts = []

    def rand(self, *size):
        return 0.0  # always below the probability

    def uniform(self, low=0.0, high=1.0, size=None):
        self.counts.append(size)
        value = low + self.share * (high - low)
        return value if size is None else np.full(size, value)

    def normal(self, mean, std, size):
        return mean + std * self.standard_normal


def bias_field(image, case):
    transform = RandBiasField(degree=case["degree"], prob=1.0)
    transform._coeff = coefficients(case)
    transform._do_transform = True
    return transform(image, randomize=False)


def coefficients(case):
    low, high = case["range"]
    return (low + (high - low) * uniform([case["terms"]], case["stream"] + 1)).tolist()


def noise(image, case):
    transform = RandGaussianNoise(prob=1.0, mean=case["mean"], std=2 * case["std"])
    transform.R = Given(share=0.5, standard_normal=6 * uniform(image.shape, case["stream"] + 1) - 3)
    return transform(image)


TRANSFORMS = {
    "bias_field": bias_field,
    "smooth": lambda image, case: GaussianSmooth(sigma=case["sigma"])(image),
    "gibbs": lambda image, case: GibbsNoise(alpha=case["alpha"])(image),
    "noise": noise,
    "sharpen": lambda image, case: GaussianSharpen(case["sigma1"], case["sigma2"], case["alpha"])(image),
    "contrast": lambda image, case: AdjustContrast(gamma=case["gamma"])(image),
}

CASES = [
    dict(transform="bias_field", shape=[2, 6, 9, 7], stream=1000, degree=1, terms=4, range=[-0.5, 0.5]),
    dict(transform="bias_field", shape=[2, 8, 9, 10], stream=1002, degree=3, terms=20, range=[-0.1, 0.3]),
    dict(transform="bias_field", shape=[3, 7, 12, 11], stream=1004, degree=10, terms=286, range=[0, 0.01]),
    dict(transform="bias_field", shape=[1, 1, 4, 5], stream=1006, degree=2, terms=10, range=[0, 0.5]),
    dict(transform="smooth", shape=[2, 8, 9, 10], stream=1010, sigma=[0.25, 0.25, 0.25]),
    dict(transform="smooth", shape=[2, 8, 15, 12], stream=1011, sigma=[0.3, 1.5, 0.9]),
    dict(transform="smooth", shape=[1, 3, 1, 20], stream=1012, sigma=[1.2, 0.7, 4.1]),  # reaches beyond two axes
    dict(transform="gibbs", shape=[2, 8, 10, 12], stream=1020, alpha=0.5),
    dict(transform="gibbs", shape=[2, 7, 9, 11], stream=1021, alpha=0.55),
    dict(transform="gibbs", shape=[1, 8, 9, 12], stream=1022, alpha=0.8),
    dict(transform="gibbs", shape=[1, 4, 15, 16], stream=1023, alpha=0.62),
    dict(transform="gibbs", shape=[1, 5, 6, 7], stream=1024, alpha=0.0),
    dict(transform="gibbs", shape=[1, 4, 6, 8], stream=1025, alpha=1.0),
    dict(transform="gibbs", shape=[1, 5, 7, 9], stream=1026, alpha=1.0),
    dict(transform="noise", shape=[2, 6, 7, 8], stream=1030, mean=0.1, std=0.125),
    dict(transform="sharpen", shape=[2, 8, 9, 10], stream=1040, sigma1=[0.5, 0.8, 1.0], sigma2=[0.5, 0.6, 0.75], alpha=10.0),
    dict(transform="sharpen", shape=[1, 12, 7, 8], stream=1041, sigma1=[0.9, 0.55, 0.7], sigma2=[0.5, 0.5, 0.5], alpha=30.0),
    dict(transform="contrast", shape=[3, 6, 7, 8], stream=1050, gamma=0.5),
    dict(transform="contrast", shape=[3, 6, 7, 8], stream=1051, gamma=1.7),
]


def ranges():
    """What MONAI makes of the recipe's arguments and of its own defaults."""
    defaults = inspect.signature(RandGaussianSharpen.__init__).parameters
    smooth = inspect.signature(RandGaussianSmooth.__init__).parameters
    bias = RandBiasField(degree=10, prob=1.0)
    bias.R = Given()
    bias.randomize(img_size=[4, 4, 4])
    noise_of = RandGaussianNoise(prob=1.0, mean=0.1, std=0.25)
    noise_of.R = Given(share=1.0, standard_normal=np.ones(1))
    noise_of.randomize(np.zeros(1))
    return {
        "gaussian_smooth_sigma": list(smooth["sigma_x"].default),
        "sharpen_sigma1": list(defaults["sigma1_x"].default),
        "sharpen_sigma2": defaults["sigma2_x"].default,
        "sharpen_alpha": list(defaults["alpha"].default),
        "contrast_gamma": list(RandAdjustContrast(gamma=2).gamma),
        "bias_field_terms_of_degree_10": bias.R.counts[-1],
        "gaussian_noise_mean_plus_largest_std": float(noise_of.noise[0]),
    }


def main():
    results = []
    for case in CASES:
        image = torch.as_tensor((4 * uniform(case["shape"], case["stream"]) - 1.5).astype(np.float32))
        result = np.asarray(TRANSFORMS[case["transform"]](image.clone(), case))
        assert result.shape == tuple(case["shape"]) and result.dtype == np.float32, (case, result.dtype)
        results.append(result)
    write_json("intensity_transforms", {"cases": CASES, "ranges": ranges()})
    write_f32("intensity_transforms", results)


if __name__ == "__main__":
    main()
