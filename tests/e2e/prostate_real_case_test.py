"""Overfitting the zones of one real prostate, from its CSV row to a label map on T2's own grid.  Skipped where the volumes are not there."""
import csv
import unittest

import nibabel
import numpy
import support

CASE = "ProstateX-0000"
SOURCE = support.REAL_DATA / "prostate" / CASE


# Off: it has to learn by heart.
AUGMENTATIONS = [f"intensity.{name}" for name in ("bias_field", "gaussian_smooth", "gibbs_noise", "gaussian_noise", "sharpen", "contrast")] + \
                [f"spatial.{name}" for name in ("affine", "rotate", "zoom", "elastic")]


def dice(a, b):
    return 2 * int(numpy.count_nonzero(a & b)) / int(numpy.count_nonzero(a) + numpy.count_nonzero(b))


def voxels(file):
    return numpy.asarray(nibabel.load(file).dataobj)


@unittest.skipUnless(SOURCE.is_dir(), "the real volumes are not here")
class OverfitOneRealProstate(support.Case):
    def test_zones_are_learnt_and_come_back_to_t2(self):
        source, shards, run, predictions = (self.folder / name for name in ("csv", "shards", "run", "predictions"))
        source.mkdir()
        with open(source / "train.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow("ID,t2,adc,dwi,t2_anatomy_reader1,t2_tumor_reader1,adc_tumor_reader1,t2_anatomy_reader2,adc_tumor_reader2".split(","))
            table.writerow([CASE, *(SOURCE / f"{name}.nii.gz" for name in ("t2", "adc", "dwi", "anatomy_pz_tz")), "", "", "", ""])
        support.run("convert_dataset", "--layout", "prostate158", "--task", "anatomy", "--label-scheme", "prostate_pz_tz",
                    "--spacing", "1.5,1,1", "--input", source, "--output", shards)
        support.run("train", "--config", support.SOURCE / "configs/prostate158/smoke.yaml", "--data", shards, "--run", run,
                    *support.settings({
                        "data.samples_per_case": 8, "data.intensity_scale": 0, "data.intensity_shift": 0,
                        **{f"data.{name}_probability": 0 for name in AUGMENTATIONS}, "data.spatial.margin": "[0,0,0]",
                        "train.steps": 400, "train.validate_every_steps": 0, "checkpoint.every_steps": 0}),
                    ranks=2, timeout=1500)
        support.run("infer", "--run", run, "--input", shards, "--output", predictions, ranks=2)
        given, made = nibabel.load(SOURCE / "t2.nii.gz"), nibabel.load(predictions / f"{CASE}.nii.gz")
        self.assertEqual(made.shape, given.shape)
        self.assertEqual(made.shape, (192, 192, 19))
        numpy.testing.assert_allclose(made.affine, given.affine, atol=1e-5)
        self.assertEqual([round(float(mm), 3) for mm in made.header.get_zooms()], [0.5, 0.5, 3.0])

        truth, predicted = voxels(SOURCE / "anatomy_pz_tz.nii.gz"), voxels(predictions / f"{CASE}.nii.gz")
        union = dice(predicted > 0, truth > 0)
        # The source has 1 for the peripheral and 2 for the transition zone; what is trained and written has it the other way round.
        zones = {"PZ": dice(predicted == 2, truth == 1), "TZ": dice(predicted == 1, truth == 2)}
        gland = voxels(SOURCE / "wholegland.nii.gz") > 0
        print(f"Dice of the zones' union {union:.3f}; {zones}; whole gland {dice(predicted > 0, gland):.3f}, "
              f"where the zone labels themselves have {dice(truth > 0, gland):.3f}")
        self.assertGreaterEqual(union, 0.80)
        self.assertGreaterEqual(min(zones.values()), 0.60)


if __name__ == "__main__":
    support.main()
