"""From CTs to volumes out of X-rays alone: training of stages, validation, resume, inference from shards and from pictures, wrong words."""
import json
import shutil

import nibabel
import numpy
import support
from PIL import Image
from safetensors.numpy import load_file

TINY = {
    "task": "xray_to_ct", "xray_to_ct.num_stages": 2, "xray_to_ct.img_size": 32, "xray_to_ct.stage1.volume_size": "[8,8,8]",
    "xray_to_ct.stage1.patch_size": 2, "xray_to_ct.stage1.voxel_dim": 16, "xray_to_ct.stage1.vit_depth": 1, "xray_to_ct.stage1.num_heads": 2,
    "xray_to_ct.stage2.volume_size": "[16,16,16]", "xray_to_ct.stage2.patch_size": 4, "xray_to_ct.stage2.voxel_dim": 16,
    "xray_to_ct.stage2.vit_depth": 1, "xray_to_ct.stage2.num_heads": 2, "diffusion.steps": 4, "data.threads": 1, "train.threads_per_rank": 1,
    "train.epochs": 0, "train.steps": 4, "train.validate_every_epochs": 0, "train.validate_every_steps": 2, "train.log_every": 1,
    "checkpoint.every_minutes": 0, "checkpoint.every_steps": 0,
}
CASES = 5


def bodies():
    return support.made_once("xray_bodies", lambda folder: support.run(
        "make_phantoms", "--layout", "xray_ct", "--cases", CASES, "--size", 32, "--output", folder / "nifti")) / "nifti"


def shards():
    return support.made_once("xray_shards", lambda folder: support.run(
        "convert_dataset", "--layout", "xray_ct", "--input", bodies(), "--output", folder / "shards", "--make-drrs", "--view-size", 32,
        "--split", "0.6,0.4,0")) / "shards"


def pictures(folder, turn=False):
    """The bodies with pictures of their line integrals, upside down where asked."""
    shutil.copytree(bodies(), folder)
    for place in sorted(folder.iterdir()):
        image = nibabel.as_closest_canonical(nibabel.load(place / f"{place.name}.nii.gz"))
        mu = numpy.maximum(0.02059 * (1 + image.get_fdata() / 1000), 0) * image.header.get_zooms()[0]
        for axis, name in ((1, "pa_drr"), (0, "lat_drr")):
            view = mu.sum(axis).T[::-1, ::-1]
            grey = numpy.uint8(255 * view / view.max())
            Image.fromarray(grey[::-1] if turn else grey).resize((48, 48)).save(place / f"{place.name}_{name}.png")
    return folder


def train(run, ranks=None, expect=0, data=None, **values):
    nothing = support.BUILD / "e2e" / "nothing.yaml"
    nothing.parent.mkdir(parents=True, exist_ok=True)
    nothing.write_text("{}")
    return support.run("train", "--config", nothing, "--data", data or shards(), "--run", run, *support.settings({**TINY, **values}),
                       ranks=ranks, expect=expect)


def first_stage():
    return support.made_once("xray_first_stage", lambda folder: train(folder / "run", ranks=2)) / "run"


def second(run, **values):
    return train(run, **{"xray_to_ct.stage": 2, "xray_to_ct.previous_run": first_stage(), **values})


class Training(support.Case):
    def test_figures_previews_and_evaluation(self):
        run = first_stage()
        validation = support.metrics(run, "validation")[4]
        self.assertEqual({"psnr", "ssim", "mae_hu", "drr"} - set(validation), set())
        self.assertTrue(list((run / "previews").glob("*.png")))
        steps = support.metrics(run)
        self.assertIn("loss/diffusion", steps[1])
        self.assertIn("loss/physics", steps[1])
        # evaluate gives the figures of the last validation: the same noise, the same weights.
        support.run("evaluate", "--run", run, "--data", shards(), "--split", "val", "--output", self.folder / "figures", ranks=2)
        table = json.loads((self.folder / "figures" / "metrics.json").read_text())
        for figure in ("psnr", "mae_hu", "drr"):
            self.assertAlmostEqual(table["mean"][figure] / validation[figure], 1, places=5)
        self.assertEqual(len(table["cases"]), 2)
        self.assertIn("4000", table["note"])  # the window's width stands beside PSNR

    def test_second_stage_keeps_the_first_and_makes_volumes_of_x_rays_alone(self):
        run = self.folder / "second"
        second(run)
        before = load_file(sorted((first_stage() / "checkpoints").glob("step_*"))[-1] / "model.safetensors")
        after = load_file(support.newest_checkpoint(run) / "model.safetensors")
        kept = {name for name in after if name.startswith("stage1.")}
        self.assertEqual(kept, {name for name in before if name.startswith("stage1.")})
        best = [load_file(folder / "model.safetensors") for folder in sorted((first_stage() / "checkpoints").glob("step_*"))]
        self.assertTrue(any(all((after[name] == one[name]).all() for name in kept) for one in best), "stage 1 is one that was trained")
        self.assertTrue(any(name.startswith("stage2.") for name in after))
        validation = support.metrics(run, "validation")[4]
        self.assertIn("psnr_true_previous", validation)
        self.assertNotEqual(validation["psnr"], validation["psnr_true_previous"])
        # The checkpoint alone makes volumes; the first stage's run is not asked.
        moved = self.folder / "moved"
        shutil.copytree(run, moved)
        support.run("infer", "--run", moved, "--input", shards(), "--output", self.folder / "out", "--samples", 2, ranks=2)
        self.assertEqual(len(list((self.folder / "out").glob("*_ct_generated.nii.gz"))), CASES)
        self.assertEqual(len(list((self.folder / "out").glob("*_ct_sd.nii.gz"))), CASES)

    def test_noise_of_the_stage_before_changes_what_is_learnt_and_made(self):
        figures = {}
        for name, values in {"usual": {}, "less in training": {"xray_to_ct.previous_noise_most": 0.2}, "none in use": {"xray_to_ct.previous_noise": 0},
                             "none": {"xray_to_ct.previous_noise": 0, "xray_to_ct.previous_noise_most": 0}}.items():
            second(self.folder / name, **{"train.steps": 2, **values})
            figures[name] = (support.metrics(self.folder / name)[2]["loss"], support.metrics(self.folder / name, "validation")[2]["psnr"])
        self.assertEqual(figures["usual"][0], figures["none in use"][0])
        self.assertEqual(len({loss for loss, _ in figures.values()}), 3)
        self.assertEqual(len({psnr for _, psnr in figures.values()}), 4)

    def test_resumed_run_is_the_undisturbed_one(self):
        values = {"train.accumulation": 2, "train.schedule.name": "constant", "model.dropout_prob": 0.1, "train.ema.enabled": "true"}
        for name, make in (("first", lambda run, **more: train(run, ranks=2, **values, **more)),
                           ("second", lambda run, **more: second(run, ranks=2, **values, **more))):
            with self.subTest(name):
                make(self.folder / name / "whole")
                make(self.folder / name / "parts", **{"train.steps": 2})
                make(self.folder / name / "parts")
                for file in ("model", "ema", "optimizer"):
                    whole, parts = ((support.newest_checkpoint(self.folder / name / run) / f"{file}.safetensors").read_bytes()
                                    for run in ("whole", "parts"))
                    self.assertTrue(whole == parts, file)

    def test_wrong_words(self):
        for values, expect, words in (
                ({"xray_to_ct.stage": 2}, 78, "xray_to_ct.previous_run is missing"),
                ({"xray_to_ct.previous_run": first_stage()}, 78, "stage 1 follows no other"),
                ({"xray_to_ct.stage": 2, "xray_to_ct.previous_run": first_stage(), "data.window": "[-500,500]"}, 65, "another data.window"),
                ({"xray_to_ct.stage": 2, "xray_to_ct.previous_run": first_stage(), "xray_to_ct.img_size": 64}, 65, "another xray_to_ct.img_size"),
                ({"xray_to_ct.stage": 2, "xray_to_ct.previous_run": first_stage(), "xray_to_ct.stage1.vit_depth": 2}, 65, "another xray_to_ct.stage1"),
                ({"data.crop_size": "[16,16,16]"}, 78, "crop_size")):
            self.assertIn(words, train(self.folder / "run", expect=expect, **values))
        direct = {"xray_to_ct.objective": "direct", "train.steps": 1, "train.validate_every_steps": 0}
        self.assertIn("diffusion.steps has no effect with xray_to_ct.objective: direct", train(self.folder / "run", expect=78, **direct))
        # Of stage 2 only the run before it tells whether any volume is made of noise.
        train(self.folder / "direct", **direct, **{"diffusion.steps": 50})
        after = {**direct, "xray_to_ct.previous_run": self.folder / "direct"}
        self.assertIn("diffusion.steps has no effect: this stage and those before it", second(self.folder / "run", expect=78, **after))
        unknown = {**after, "diffusion.steps": 50, "diffusion.timesteps": 500}
        self.assertIn("diffusion.timesteps has no effect", second(self.folder / "run", expect=78, **unknown, **{
            "xray_to_ct.previous_noise": 0, "xray_to_ct.previous_noise_most": 0}))
        second(self.folder / "noise_of_500_timesteps", **unknown)
        second(self.folder / "after_a_diffusion", **direct)
        self.assertIn("X-rays become one volume, the CT", train(self.folder / "run", expect=65, data=support.phantom_shards(2, 32)))


class Inference(support.Case):
    def test_volumes_of_shards_lie_on_the_grid_of_the_ct(self):
        support.run("infer", "--run", first_stage(), "--input", shards(), "--output", self.folder / "one")
        support.run("infer", "--run", first_stage(), "--input", shards(), "--output", self.folder / "two", ranks=2)
        for number in range(1, CASES + 1):
            name = f"body_{number:03d}"
            given = nibabel.load(bodies() / name / f"{name}.nii.gz")
            one, two = (nibabel.load(self.folder / place / f"{name}_ct_generated.nii.gz") for place in ("one", "two"))
            self.assertEqual(one.shape, given.shape)
            numpy.testing.assert_allclose(one.affine, given.affine, atol=1e-4)
            numpy.testing.assert_allclose(one.get_fdata(), two.get_fdata(), atol=0.05)
            self.assertTrue(-1000 <= one.get_fdata().min() and one.get_fdata().max() <= 3000)

    def test_pictures_with_and_without_a_ct(self):
        source = pictures(self.folder / "pictures")
        support.run("convert_dataset", "--layout", "xray_ct", "--input", source, "--output", self.folder / "shards", "--view-size", 32)
        train(self.folder / "run", data=self.folder / "shards", **{"train.steps": 2, "train.validate_every_steps": 0})
        (source / "body_002" / "body_002.nii.gz").unlink()
        support.run("infer", "--run", self.folder / "run", "--input", source, "--output", self.folder / "out", ranks=2)
        given = nibabel.load(source / "body_001" / "body_001.nii.gz")
        made = nibabel.load(self.folder / "out/body_001_ct_generated.nii.gz")
        self.assertEqual(made.shape, given.shape)
        numpy.testing.assert_allclose(made.affine, given.affine, atol=1e-4)
        alone = nibabel.load(self.folder / "out/body_002_ct_generated.nii.gz")
        self.assertEqual(alone.shape, (8, 8, 8))
        numpy.testing.assert_allclose(alone.affine, [[48, 0, 0, -168], [0, 48, 0, -168], [0, 0, 48, -168], [0, 0, 0, 1]], atol=1e-3)
        # The same volume, on the stage's voxels and on the CT's: what shards of these pictures give.
        support.run("infer", "--run", self.folder / "run", "--input", self.folder / "shards", "--output", self.folder / "of_shards")
        of_shards = nibabel.load(self.folder / "of_shards/body_001_ct_generated.nii.gz")
        numpy.testing.assert_allclose(made.get_fdata(), of_shards.get_fdata(), atol=0.05)
        # Pictures that stand on their head, said so, are the same.
        turned = pictures(self.folder / "turned", turn=True)
        support.run("infer", "--run", self.folder / "run", "--input", turned, "--output", self.folder / "out2", "--flip-views", "vertical")
        numpy.testing.assert_allclose(nibabel.load(self.folder / "out2/body_001_ct_generated.nii.gz").get_fdata(), made.get_fdata(), atol=0.5)
        # Pictures tell no line integrals.
        text = support.run("infer", "--run", first_stage(), "--input", source, "--output", self.folder / "out3", expect=65)
        self.assertIn("trained on line integrals", text)
        self.assertIn("--target is of synthesis", support.run("infer", "--run", first_stage(), "--input", shards(), "--output",
                                                               self.folder / "out4", "--target", "t2", expect=64))
        self.assertIn("--flip-views turns pictures", support.run("infer", "--run", first_stage(), "--input", shards(), "--output",
                                                                 self.folder / "out5", "--flip-views", "vertical", expect=64))


if __name__ == "__main__":
    support.main()
