"""Overfitting one real case: from its NIfTI files to a label map on its own grid.  Skipped where the volumes are not there."""
import json
import unittest

import nibabel
import numpy
import support

CASE = "TCGA-DU-7294"
SOURCE = support.REAL_DATA / "brain_2mm" / CASE


@unittest.skipUnless(SOURCE.is_dir(), "the real volumes are not here")
class OverfitOneRealCase(support.Case):
    def test_whole_tumour_is_learnt(self):
        source, shards, run = self.folder / "nifti", self.folder / "shards", self.folder / "run"
        source.mkdir()
        (source / CASE).symlink_to(SOURCE)
        # The labels of this case are 1 and 2 only, which three schemes share: the user says which one it is.
        text = support.run("convert_dataset", "--layout", "brats", "--input", source, "--output", shards, expect=65)
        self.assertIn("--label-scheme", text)
        support.run("convert_dataset", "--layout", "brats", "--input", source, "--output", shards, "--label-scheme", "brats2020")
        text = support.run("train_brats", "--data", shards, "--run", run, *support.settings({
            "data.crop_size": "[64,64,64]", "data.foreground_ratio": 0.66, "data.samples_per_case": 2,
            "data.flip_probability": 0, "data.intensity_scale": 0, "data.intensity_shift": 0,  # it has to learn by heart
            "model.init_filters": 8, "model.blocks_down": "[1,1,1,1]", "model.blocks_up": "[1,1,1]", "model.dropout_prob": 0,
            "train.epochs": 0, "train.steps": 150, "train.validate_every_epochs": 0, "train.log_every": 5,
            "train.optimizer.lr": 1e-2, "infer.window": "[64,64,64]", "checkpoint.every_steps": 0}), ranks=2, timeout=2400)
        self.assertIn("no training case has a voxel of region ET", text)
        steps = support.metrics(run)
        self.assertNotIn("loss/dice_ET", steps[1])
        first = numpy.mean([steps[1]["loss/dice_TC"], steps[1]["loss/dice_WT"]])
        last = numpy.mean([[steps[step]["loss/dice_TC"], steps[step]["loss/dice_WT"]] for step in range(130, 151, 5)])
        print(f"mean of the TC and WT terms: {first:.3f} -> {last:.3f}")
        self.assertLessEqual(last, first / 2)

        predictions = self.folder / "predictions"
        support.run("infer", "--run", run, "--input", source, "--output", predictions, ranks=2)
        given, made = nibabel.load(SOURCE / f"{CASE}_flair.nii.gz"), nibabel.load(predictions / f"{CASE}.nii.gz")
        self.assertEqual(made.shape, given.shape)
        numpy.testing.assert_allclose(made.affine, given.affine, atol=1e-5)
        self.assertEqual(nibabel.aff2axcodes(made.affine), nibabel.aff2axcodes(given.affine))
        self.assertNotIn(4, numpy.unique(made.dataobj), "a region that was never seen must not be painted")
        support.run("evaluate", "--predictions", predictions, "--references", SOURCE, "--label-scheme", "brats2020")
        dice = json.loads((predictions / "metrics.json").read_text())["cases"][CASE]
        print(f"Dice: {dice}")
        self.assertGreaterEqual(dice["WT"], 0.80)


if __name__ == "__main__":
    support.main()
