"""What tests of volumes from X-rays measure beside the programs: radiographs by sums, exchanged X-rays, the mean volume."""
import json
import unittest

import nibabel
import numpy
import support
import torch

CT = support.REAL_DATA / "ct"
NAMES = ("chest_2p5mm", "totalseg_3mm")
WATER_PER_MM = 0.02059
WINDOW = (-1000, 1000)
EDGE, VIEW = 32, 128

# Narrowed for two cores: 32^3 voxels, 128 channels and 3 blocks in place of 256 and 4, views of 128^2 in place of 512^2.
RECIPE = {
    "task": "xray_to_ct", "xray_to_ct.num_stages": 1, "xray_to_ct.img_size": VIEW, "xray_to_ct.stage1.volume_size": f"[{EDGE},{EDGE},{EDGE}]",
    "xray_to_ct.stage1.voxel_dim": 128, "xray_to_ct.stage1.vit_depth": 3, "model.dropout_prob": 0, "data.window": f"[{WINDOW[0]},{WINDOW[1]}]",
    "data.batch_size": 2, "data.threads": 1, "data.flip_probability": 0, "train.epochs": 0, "train.clip_norm": 1,
    "train.optimizer.name": "adam", "train.optimizer.lr": 1e-3, "train.optimizer.weight_decay": 0, "train.schedule.min_lr": 1e-5,
    "train.ema.enabled": "true", "train.ema.decay": 0.98, "train.validate_every_epochs": 0, "train.log_every": 20,
    "checkpoint.every_steps": 0, "checkpoint.every_minutes": 0,
}


def radiographs(image):
    """A CT's line integrals of attenuation over 8, so that they are grey values of 0 to 1: (frontal, lateral), row 0 towards the head."""
    image = nibabel.as_closest_canonical(image)
    mu = numpy.maximum(WATER_PER_MM * (1 + image.get_fdata() / 1000), 0)
    spacing = image.header.get_zooms()
    views = [(mu.sum(axis) * spacing[axis]).T[::-1, ::-1] / 8 for axis in (1, 0)]
    return [torch.nn.functional.interpolate(torch.as_tensor(view.copy())[None, None], size=(VIEW, VIEW), mode="bilinear",
                                            align_corners=False)[0, 0].numpy().astype(numpy.float32) for view in views]


def write_case(folder, name, image, views):
    place = folder / name
    place.mkdir(parents=True)
    nibabel.save(image, place / f"{name}.nii.gz")
    for view, suffix in zip(views, ("pa_drr", "lat_drr")):
        numpy.save(place / f"{name}_{suffix}.npy", view)


def small_volume(image):
    """[D,H,W] at the stage's size, the window as -1 to 1: means over what a voxel covers."""
    voxels = torch.as_tensor(nibabel.as_closest_canonical(image).get_fdata()).permute(2, 1, 0)
    small = torch.nn.functional.adaptive_avg_pool3d(voxels[None, None], EDGE)[0, 0].numpy()
    low, high = WINDOW
    return (numpy.clip(small, low, high) - low) / (high - low) * 2 - 1


def psnr(volume, truth):
    """Of volumes of -1 to 1: the range is 2."""
    return -10 * numpy.log10(numpy.mean((volume - truth) ** 2) / 4)


@unittest.skipUnless(CT.is_dir(), "the real volumes are not here")
class Overfit(support.Case):
    """Learning two real CTs by heart from their radiographs.  Each is there three times under other names, so that a diffusion begins
    with three noises that training has not seen.
    """

    def shards(self, name, images, views, copies):
        source = self.folder / f"{name}_nifti"
        for copy in range(copies):
            for image, of_case in zip(images, views):
                write_case(source, f"{'ab'[[one is image for one in images].index(True)]}{copy}", image, of_case)
        support.run("convert_dataset", "--layout", "xray_ct", "--input", source, "--output", self.folder / name, "--view-size", VIEW,
                    "--split", "1,0,0")
        return self.folder / name

    def figures(self, run, shards, name):
        support.run("evaluate", "--run", run, "--data", shards, "--split", "train", "--output", self.folder / name)
        return json.loads((self.folder / name / "metrics.json").read_text())

    def learnt(self, values, timeout):
        """psnr of each CT, and of both with their X-rays exchanged."""
        nothing = self.folder / "nothing.yaml"
        nothing.write_text("{}")
        images = [nibabel.load(CT / f"{name}.nii.gz") for name in NAMES]
        views = [radiographs(image) for image in images]
        training = self.shards("training", images, views, 1)
        run = self.folder / "run"
        support.run("train", "--config", nothing, "--data", training, "--run", run, *support.settings(
            {**RECIPE, "train.threads_per_rank": 2, **values}), timeout=timeout)
        kept = self.figures(run, self.shards("again", images, views, 3), "kept")
        moved = self.figures(run, self.shards("moved", images, views[::-1], 3), "exchanged")
        each = [numpy.mean([one["psnr"] for case, one in kept["cases"].items() if case.startswith(letter)]) for letter in "ab"]
        truth = [small_volume(image) for image in images]
        mean, zero = numpy.mean(truth, axis=0), numpy.mean(truth)
        print(f"{values['xray_to_ct.objective']}, {values['train.steps']} steps, PSNR in a window of {WINDOW} HU at {EDGE}^3: "
              f"{NAMES[0]} {each[0]:.2f} dB, {NAMES[1]} {each[1]:.2f} dB; X-rays exchanged {moved['mean']['psnr']:.2f} dB; the mean of both "
              f"volumes {numpy.mean([psnr(mean, one) for one in truth]):.2f} dB, one value {numpy.mean([psnr(zero, one) for one in truth]):.2f} dB; "
              f"MAE {kept['mean']['mae_hu']:.1f} HU, SSIM {kept['mean']['ssim']:.3f}, drr {kept['mean']['drr']:.4f}")
        return each, moved["mean"]["psnr"]
