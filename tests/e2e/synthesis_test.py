"""Synthesis from NIfTI files to generated volumes: training, validation, inference on grids that users have, wrong words."""
import json
import re
import shutil

import nibabel
import numpy
import support

SMOKE = support.SOURCE / "configs/brats/synthesis_smoke.yaml"
TINY = {
    "data.threads": 1, "data.samples_per_case": 2, "model.base_channels": 8, "model.norm_groups": 4,
    "train.threads_per_rank": 1, "train.log_every": 1, "checkpoint.every_minutes": 0, "checkpoint.every_steps": 0,
}
SUFFIXES = ("t1", "t1ce", "t2", "flair")
CASES = 6


def phantoms():
    """Six cases; the second one has no t2."""
    def make(folder):
        support.run("make_phantoms", "--contrast", "synthesis", "--cases", CASES, "--size", 32, "--output", folder / "nifti")
        (folder / "nifti/BraTS20_Training_002/BraTS20_Training_002_t2.nii.gz").unlink()
    return support.made_once("synthesis_phantoms", make) / "nifti"


def shards():
    return support.made_once("synthesis_shards", lambda folder: support.run(
        "convert_dataset", "--layout", "brats", "--input", phantoms(), "--output", folder / "shards", "--allow-missing", 1,
        "--split", "0.66,0.34,0", "--label-scheme", "brats2020")) / "shards"


def train(run, ranks=None, config=SMOKE, expect=0, **values):
    return support.run("train", "--config", config, "--data", shards(), "--run", run,
                       *support.settings({**TINY, "train.steps": 6, "train.validate_every_steps": 3, **values}), ranks=ranks, expect=expect)


def trained():
    return support.made_once("synthesis_run", lambda folder: train(folder / "run", ranks=2)) / "run"


def infer(run, source, output, *arguments, ranks=None, expect=0):
    return support.run("infer", "--run", run, "--input", source, "--output", output, *arguments, ranks=ranks, expect=expect)


def case_without(channel, folder, number=1):
    """Of one case the three other modalities."""
    name = f"BraTS20_Training_{number:03d}"
    place = folder / name
    place.mkdir(parents=True)
    for suffix in SUFFIXES:
        if suffix != channel:
            shutil.copy(phantoms() / name / f"{name}_{suffix}.nii.gz", place)
    return name


class Training(support.Case):
    def test_figures_previews_and_evaluation(self):
        run = trained()
        validation = support.metrics(run, "validation")[6]
        for figure in ("psnr_brain", "ssim_brain", "mae_brain", "mse_brain", "psnr", "ssim", "mae", "mse"):
            self.assertIn(figure, validation)
        self.assertTrue(0 < validation["mae_brain"] < 1)
        self.assertTrue(list((run / "previews").glob("*.png")))
        self.assertIn("psnr_brain", (run / "report.html").read_text())
        # evaluate gives the figures of the last validation: the same noise, the averaged weights.
        support.run("evaluate", "--run", run, "--data", shards(), "--split", "val", "--output", self.folder / "figures", ranks=2)
        table = json.loads((self.folder / "figures" / "metrics.json").read_text())
        for figure in ("psnr_brain", "ssim", "mae_brain", "mse"):
            self.assertAlmostEqual(table["mean"][figure], validation[figure], places=5)
        self.assertRegex(list(table["cases"])[0], r"BraTS20_Training_\d+ (t1|t1ce|t2|flair)$")

    def test_each_of_these_changes_what_is_generated(self):
        """The averages, the normalisation, guidance and the kind of prediction reach the volumes, not only the configuration."""
        case_without("flair", self.folder / "in")
        made = {}
        for name, values in {"usual": {}, "no averages": {"train.ema.enabled": "false"}, "batch norm": {"model.norm": "sync_batch"},
                             "attention": {"model.attention_levels": "[1]"}, "guided": {"diffusion.condition_dropout": 0.2, "diffusion.guidance": 2},
                             "unguided": {"diffusion.condition_dropout": 0.2}}.items():
            folder = self.folder / name
            train(folder, ranks=2, **{"train.validate_every_steps": 0, **values})
            infer(folder, self.folder / "in", folder / "out")
            made[name] = nibabel.load(folder / "out/BraTS20_Training_001_flair_generated.nii.gz").get_fdata()
        names = sorted(made)
        for i, one in enumerate(names):
            for other in names[i + 1:]:
                self.assertFalse(numpy.allclose(made[one], made[other]), f"{one} and {other}")

    def test_resumed_run_is_the_undisturbed_one(self):
        values = {"train.accumulation": 2, "train.schedule.name": "constant", "model.dropout_prob": 0.1, "data.samples_per_case": 3,
                  "diffusion.condition_dropout": 0.2}  # three items of four cases: steps end in the middle of an epoch
        train(self.folder / "whole", ranks=2, **values)
        train(self.folder / "parts", ranks=2, **{**values, "train.steps": 4})
        train(self.folder / "parts", ranks=2, **values)
        for file in ("model", "ema", "optimizer"):
            whole, parts = ((support.newest_checkpoint(self.folder / run) / f"{file}.safetensors").read_bytes() for run in ("whole", "parts"))
            self.assertTrue(whole == parts, file)
        whole, parts = (support.metrics(self.folder / run, "validation")[6] for run in ("whole", "parts"))
        self.assertEqual(whole["psnr_brain"], parts["psnr_brain"])

    def test_wrong_words(self):
        for values, words in (({"diffusion.guidance": 2}, "condition_dropout"), ({"synthesis.target": "t3"}, "no channel 't3'"),
                              ({"data.crop_size": "[17,16,16]"}, "multiples of 2"), ({"data.normalisation": "zscore"}, "percentile")):
            self.assertIn(words, train(self.folder / "run", expect=78, **values))
        text = support.run("train", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", shards(), "--run", self.folder / "run",
                           "--set", "diffusion.eta=0.5", expect=78)
        self.assertIn("diffusion.eta has no effect with task 'segmentation'", text)

    def test_shipped_configurations_fit_their_networks(self):
        for name, parameters in (("synthesis", 39731649), ("synthesis_large", 39731649)):
            text = support.run("train", "--config", support.SOURCE / f"configs/brats/{name}.yaml", "--data", shards(), "--dry-run")
            self.assertIn(f"{parameters} parameters", text)


class Inference(support.Case):
    def test_missing_channel_on_grids_of_users(self):
        """A case without flair, in the files' own axis order and position; one rank and two write the same."""
        source = self.folder / "in"
        name = case_without("flair", source)
        for suffix in SUFFIXES[:3]:
            file = source / name / f"{name}_{suffix}.nii.gz"
            image = nibabel.load(file)
            turned = image.as_reoriented(nibabel.orientations.ornt_transform(
                nibabel.io_orientation(image.affine), nibabel.orientations.axcodes2ornt("PIR")))
            nibabel.save(nibabel.Nifti1Image(numpy.asarray(turned.dataobj)[:, 3:, :30], turned.affine), file)
        case_without("t1", source, 3)
        infer(trained(), source, self.folder / "one")
        infer(trained(), source, self.folder / "two", ranks=2)
        self.assertEqual(sorted(file.name for file in (self.folder / "one").iterdir()),
                         [f"{name}_flair_generated.nii.gz", "BraTS20_Training_003_t1_generated.nii.gz"])
        given = nibabel.load(source / name / f"{name}_t1.nii.gz")
        made, again = (nibabel.load(self.folder / place / f"{name}_flair_generated.nii.gz") for place in ("one", "two"))
        self.assertEqual(made.shape, given.shape)
        numpy.testing.assert_allclose(made.affine, given.affine, atol=1e-5)
        self.assertEqual(made.get_data_dtype(), numpy.float32)
        numpy.testing.assert_allclose(made.dataobj, again.dataobj, atol=0.01)  # a rank has more threads where it is alone
        brain = numpy.asarray(given.dataobj) > 0
        values = numpy.asarray(made.dataobj)
        self.assertEqual(numpy.abs(values[~brain]).max(), 0, "outside of the head there is nothing")
        flair = nibabel.load(phantoms() / name / f"{name}_flair.nii.gz").get_fdata()
        low, high = numpy.percentile(flair[flair > 0], (1, 99))
        self.assertTrue(0.7 * low < values[brain].min() and values[brain].max() < 1.3 * high, "in the training data's intensities")

    def test_samples_give_mean_and_spread(self):
        name = case_without("flair", self.folder / "in")
        infer(trained(), self.folder / "in", self.folder / "one")
        infer(trained(), self.folder / "in", self.folder / "three", "--samples", 3, ranks=2)
        self.assertEqual(sorted(file.name for file in (self.folder / "three").iterdir()),
                         [f"{name}_flair_generated.nii.gz", f"{name}_flair_sd.nii.gz"])
        mean = nibabel.load(self.folder / "three" / f"{name}_flair_generated.nii.gz").get_fdata()
        spread = nibabel.load(self.folder / "three" / f"{name}_flair_sd.nii.gz").get_fdata()
        self.assertFalse(numpy.allclose(mean, nibabel.load(self.folder / "one" / f"{name}_flair_generated.nii.gz").get_fdata()))
        self.assertGreater(spread.mean(), 0)
        self.assertGreaterEqual(spread.min(), 0)

    def test_target_is_asked_for_where_nothing_is_missing(self):
        name = "BraTS20_Training_001"
        source = self.folder / "in"
        (source).mkdir()
        (source / name).symlink_to(phantoms() / name)
        self.assertIn("--target", infer(trained(), source, self.folder / "out", expect=65))
        infer(trained(), source, self.folder / "out", "--target", "t2")
        self.assertTrue((self.folder / "out" / f"{name}_t2_generated.nii.gz").exists())
        self.assertIn("no channel 't3'", infer(trained(), source, self.folder / "out", "--target", "t3", expect=78))
        infer(trained(), shards(), self.folder / "shards", "--target", "t2", ranks=2)
        a, b = (nibabel.load(self.folder / place / f"{name}_t2_generated.nii.gz").get_fdata() for place in ("out", "shards"))
        numpy.testing.assert_allclose(a, b, atol=0.05)
        text = support.run("evaluate", "--run", trained(), "--data", shards(), "--split", "val", "--surface-distances", expect=64)
        self.assertTrue(re.search("synthesis", text))


if __name__ == "__main__":
    support.main()
