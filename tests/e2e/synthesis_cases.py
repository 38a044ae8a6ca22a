"""What tests of synthesis measure beside the programs: crops of a real case, exchanged conditions, linear regression."""
import json
import unittest

import nibabel
import numpy
import support

SUFFIXES = ("t1", "t1ce", "t2", "flair")
REAL = support.REAL_DATA / "brain_2mm" / "TCGA-DU-7294"
CROPS = {"a": (0, 4, 36), "b": (15, 12, 32)}  # both hold the tumour
EDGE = 32

# Narrowed for two cores: 16 channels in place of 64, one residual block a level in place of two.
RECIPE = {
    "task": "synthesis", "synthesis.target": "flair", "data.crop_size": "[32,32,32]", "data.batch_size": 2, "data.threads": 1,
    "data.flip_probability": 0, "model.base_channels": 16, "model.channel_multipliers": "[1,2,4]", "model.num_res_blocks": 1,
    "model.norm_groups": 8, "model.dropout_prob": 0, "infer.window": "[32,32,32]", "train.epochs": 0, "train.clip_norm": 1,
    "train.optimizer.name": "adam", "train.optimizer.lr": 2e-3, "train.optimizer.weight_decay": 0, "train.schedule.min_lr": 1e-4,
    "train.ema.enabled": "true", "train.ema.decay": 0.98, "train.validate_every_epochs": 0, "train.log_every": 20,
    "checkpoint.every_steps": 0, "checkpoint.every_minutes": 0,
}


def write_case(folder, name, volumes, affine):
    """volumes: suffix to array, int16."""
    place = folder / name
    place.mkdir(parents=True)
    for suffix, voxels in volumes.items():
        nibabel.save(nibabel.Nifti1Image(voxels.astype(numpy.int16), affine), place / f"{name}_{suffix}.nii.gz")


def real_crops():
    """Name to suffix to [32,32,32], and an affine."""
    images = {suffix: nibabel.load(REAL / f"{REAL.name}_{suffix}.nii.gz") for suffix in SUFFIXES}
    crops = {name: {suffix: numpy.asarray(image.dataobj)[tuple(slice(first, first + EDGE) for first in start)]
                    for suffix, image in images.items()} for name, start in CROPS.items()}
    return crops, images["t1"].affine


def exchanged(crops):
    """The conditions of one crop with the flair of the other."""
    a, b = crops["a"], crops["b"]
    return {"a": {**b, "flair": a["flair"]}, "b": {**a, "flair": b["flair"]}}


def linear_regression(training, held_out):
    """The best line from the other modalities to flair, and its PSNR of each held-out case as evaluate counts it: in the brain, where
    the medians of the training cases' 1st and 99th percentiles are 0 and 1, clipped to them.  Cases: suffix to array."""
    def percentiles(case, suffix):
        values = case[suffix][case[suffix] != 0]
        return numpy.percentile(values, (1, 99))

    def seen(case):
        columns = []
        for suffix in SUFFIXES[:3]:
            low, high = percentiles(case, suffix)
            columns.append(numpy.clip((case[suffix] - low) / (high - low), 0, 1))
        return columns

    def brain(case):
        return numpy.any([case[suffix] != 0 for suffix in SUFFIXES[:3]], axis=0)

    windows = numpy.median([percentiles(case, "flair") for case in training], axis=0)

    def target(case):
        return numpy.clip((case["flair"] - windows[0]) / (windows[1] - windows[0]), 0, 1)

    def rows(case):
        inside = brain(case)
        return numpy.stack([column[inside] for column in seen(case)] + [numpy.ones(inside.sum())], axis=1), target(case)[inside]

    pairs = [rows(case) for case in training]
    line = numpy.linalg.lstsq(numpy.concatenate([x for x, _ in pairs]), numpy.concatenate([y for _, y in pairs]), rcond=None)[0]
    figures = []
    for case in held_out:
        x, y = rows(case)
        figures.append(-10 * numpy.log10(numpy.mean((numpy.clip(x @ line, 0, 1) - y) ** 2)))
    return figures


def load_cases(folder, names):
    return [{suffix: nibabel.load(folder / name / f"{name}_{suffix}.nii.gz").get_fdata() for suffix in SUFFIXES} for name in names]


@unittest.skipUnless(REAL.is_dir(), "the real volumes are not here")
class Overfit(support.Case):
    """Learning two crops by heart: flair out of t1, t1ce and t2.  PSNR as evaluate counts it: where the training window (1st to 99th
    percentile) is 0 to 1, in the brain and in the whole crop.  Each crop is there three times under other names, so that generation
    begins with three noises that training has not seen.
    """

    def shards(self, name, crops, affine, copies):
        source = self.folder / f"{name}_nifti"
        for copy in range(copies):
            for crop, volumes in crops.items():
                write_case(source, f"{crop}{copy}", volumes, affine)
        support.run("convert_dataset", "--layout", "brats", "--input", source, "--output", self.folder / name, "--split", "1,0,0",
                    "--label-scheme", "brats2020")
        return self.folder / name

    def figures(self, run, shards, name):
        support.run("evaluate", "--run", run, "--data", shards, "--split", "train", "--output", self.folder / name)
        return json.loads((self.folder / name / "metrics.json").read_text())["mean"]

    def learnt(self, prediction, steps, timeout, **values):
        """PSNR of the crops, and with their conditions exchanged.  values: more of the configuration."""
        nothing = self.folder / "nothing.yaml"
        nothing.write_text("{}")
        crops, affine = real_crops()
        training = self.shards("training", crops, affine, 1)
        run = self.folder / "run"
        support.run("train", "--config", nothing, "--data", training, "--run", run, *support.settings(
            {**RECIPE, "diffusion.prediction": prediction, "train.steps": steps, "train.threads_per_rank": 2, **values}), timeout=timeout)
        kept = self.figures(run, self.shards("again", crops, affine, 3), "kept")
        moved = self.figures(run, self.shards("moved", exchanged(crops), affine, 3), "exchanged")
        linear = numpy.mean(linear_regression(list(crops.values()), list(crops.values())))
        print(f"{prediction}, {steps} steps: brain {kept['psnr_brain']:.2f} dB, whole crop {kept['psnr']:.2f} dB; conditions exchanged "
              f"{moved['psnr_brain']:.2f} and {moved['psnr']:.2f} dB; linear regression {linear:.2f} dB in the brain")
        return kept, moved
