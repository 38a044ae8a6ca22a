"""evaluate's distances in mm against medpy's and MONAI's, its figures of a run against validation's, readers against readers."""
import csv
import json
import sys
import unittest

import nibabel
import numpy
import support
import volumes

sys.path.append(str(support.SOURCE / "tools" / "golden"))
from values import uniform  # noqa: E402

GOLDEN = json.loads((support.SOURCE / "tests" / "golden" / "surface_distance.json").read_text())
REAL = support.REAL_DATA / "prostate" / "ProstateX-0000"
# Options, and what medpy and MONAI call the figures then.
DEFINITIONS = (
    ((), {"hd95": "monai_hd95", "hd100": "monai_hd", "assd": "medpy_assd"}),
    (("--hausdorff-definition", "pooled", "--average-definition", "mean_of_directed"),
     {"hd95": "medpy_hd95", "hd100": "medpy_hd", "assd": "medpy_mean_of_asd"}),
    (("--average-definition", "to_truth"), {"hd95": "monai_hd95", "asd": "medpy_asd"}),
)


def mask_of(size, parts):
    place = numpy.meshgrid(*[numpy.arange(n, dtype=float) for n in size], indexing="ij")
    mask = numpy.zeros(size, bool)
    for part in parts:
        if "centre" in part:
            mask |= sum(((x - c) / r) ** 2 for x, c, r in zip(place, part["centre"], part["radii"])) <= 1
        elif "start" in part:
            mask[tuple(slice(s, s + n) for s, n in zip(part["start"], part["size"]))] = True
        else:
            mask |= uniform(size, part["stream"]) < part["below"]
    return mask


def written(folder):
    return json.loads((folder / "metrics.json").read_text())


class Distances(support.Case):
    def save_pair(self, case, predicted, truth, affine):
        for place, mask in (("predictions", predicted), ("references", truth)):
            volumes.save(self.folder / place / f"{case}.nii.gz", mask.astype(numpy.uint8), affine)

    def compare(self, figures_of):
        """`figures_of`: of each case what the golden file has."""
        for options, names in DEFINITIONS:
            support.run("evaluate", "--predictions", self.folder / "predictions", "--references", self.folder / "references",
                        "--label-scheme", "prostate158_tumor", "--surface-distances", *options)
            made = written(self.folder / "predictions")["cases"]
            self.assertEqual(sorted(made), sorted(figures_of))
            for case, figures in figures_of.items():
                for ours, theirs in names.items():
                    expected = figures[theirs]
                    self.assertAlmostEqual(made[case][f"{ours}/tumor"], expected, delta=1e-6 * expected, msg=f"{case} {ours} {options}")
                    self.assertEqual(made[case][ours], made[case][f"{ours}/tumor"])  # the mean over one region

    def test_on_anisotropic_grids_in_every_axis_order_of_the_file(self):
        """A golden array [D,H,W] with spacings of D,H,W, stored as (i,j,k) in four orders: the distances are the same."""
        expected = {}
        for name in ("anisotropic", "noise", "border"):
            pair = GOLDEN["pairs"][name]
            masks = [mask_of(pair["size"], pair[which]) for which in ("predicted", "truth")]
            for order, orientation in (((2, 1, 0), "LPS"), ((0, 1, 2), "SAR"), ((1, 2, 0), "PRI"), ((0, 2, 1), "ILA")):
                case = f"{name}_{orientation}"
                spacing = [pair["spacing_mm"][axis] for axis in order]
                self.save_pair(case, *(mask.transpose(order) for mask in masks), volumes.affine(orientation, spacing))
                expected[case] = pair["figures"]
        self.compare(expected)

    @unittest.skipUnless(REAL.is_dir(), "the real volumes are not here")
    def test_on_real_prostates_of_half_a_millimetre_by_three(self):
        expected = {}
        for number, pair in enumerate(GOLDEN["real"]):
            images = [nibabel.load(REAL / f"{pair[which][0]}.nii.gz") for which in ("predicted", "truth")]
            masks = [numpy.isin(numpy.asarray(image.dataobj), pair[which][1]) for image, which in zip(images, ("predicted", "truth"))]
            self.save_pair(f"pair{number}", *masks, images[0].affine)
            self.assertEqual([round(mm, 3) for mm in pair["spacing_mm"]], [3.0, 0.5, 0.5])
            expected[f"pair{number}"] = pair["figures"]
        self.compare(expected)

    def test_a_missed_structure_follows_the_rule(self):
        shape = (6, 5, 4)  # of 2 x 2 x 3 mm: a diagonal of sqrt(12^2 + 10^2 + 12^2)
        some = numpy.zeros(shape, bool)
        some[2, 2, 2] = True
        where = volumes.affine("LPS", (2, 2, 3))
        self.save_pair("missed", ~some & False, some, where)
        self.save_pair("found", some, some, where)
        for rule, of_case, text, mean in (("skip", None, None, 0), ("infinite", None, "inf", None),
                                          ("diagonal", 388 ** 0.5, None, 388 ** 0.5 / 2), ("brats", 139225 ** 0.5, None, 139225 ** 0.5 / 2)):
            table = support.run("evaluate", "--predictions", self.folder / "predictions", "--references", self.folder / "references",
                                "--label-scheme", "prostate158_tumor", "--surface-distances", "--empty-surface-rule", rule)
            made = written(self.folder / "predictions")
            missed = made["cases"]["missed"]
            self.assertEqual(missed.get("hd95/tumor.text"), text, rule)
            self.assertEqual(made["mean"].get("hd95/tumor.text"), text, rule)
            for value, expected in ((missed["hd95/tumor"], of_case), (made["mean"]["assd"], mean)):
                if expected is None:
                    self.assertIsNone(value, rule)
                else:
                    self.assertAlmostEqual(value, expected, places=9, msg=rule)
            self.assertEqual(made["cases"]["found"]["hd95/tumor"], 0)
            self.assertIn(made["note"], table)
            self.assertIn("one mask empty" if rule != "skip" else "empty mask: left out", made["note"])
            with open(self.folder / "predictions" / "cases.csv", newline="") as file:
                rows = {row["case"]: row["hd95/tumor"] for row in csv.DictReader(file)}
            self.assertEqual(rows["missed"], {"skip": "", "infinite": "inf"}.get(rule, rows["missed"]))


class Readers(support.Case):
    def test_one_reader_of_prostate158_against_the_other(self):
        data = self.folder / "data"
        support.run("make_phantoms", "--layout", "prostate158", "--cases", 8, "--size", 64, "--output", data)
        second = sorted(file.parent.name for file in data.glob("*/t2_anatomy_reader2.nii.gz"))
        first = sorted(file.parent.name for file in data.glob("*/t2_anatomy_reader1.nii.gz"))
        self.assertTrue(0 < len(second) < len(first))
        (data / second[0] / "t2_anatomy_reader1.nii.gz").rename(self.folder / "away.nii.gz")
        if len(second) == 1:  # then there must be another pair
            other = first[0]
            (data / other / "t2_anatomy_reader2.nii.gz").symlink_to(data / other / "t2_anatomy_reader1.nii.gz")
            second.append(other)
        arguments = ("evaluate", "--predictions", data, "--prediction-name", "t2_anatomy_reader2", "--references", data,
                     "--reference-name", "t2_anatomy_reader1", "--label-scheme", "prostate158_anatomy", "--surface-distances")
        before = sorted(data.rglob("*"))
        text = support.run(*arguments)
        self.assertEqual(sorted(data.rglob("*")), before, "nothing is written into the data set")
        self.assertIn(f"1 cases without a reference are left out: {second[0]}", text)
        lone = [case for case in first if case not in second]
        self.assertIn(f"{len(lone)} cases without a prediction are left out: {', '.join(lone)}", text)
        support.run(*arguments, "--output", self.folder / "figures")
        cases = written(self.folder / "figures")["cases"]
        self.assertEqual(sorted(cases), sorted(second[1:]))
        for case, figures in cases.items():
            one, two = (numpy.asarray(nibabel.load(data / case / f"t2_anatomy_reader{n}.nii.gz").dataobj) for n in (1, 2))
            for region, value in (("TZ", 1), ("PZ", 2)):
                a, b = one == value, two == value
                self.assertAlmostEqual(figures[region], 2 * (a & b).sum() / (a.sum() + b.sum()), places=12)
        # Label maps of a model against one reader.
        (self.folder / "maps").mkdir()
        for case in lone[:2]:
            (self.folder / "maps" / f"{case}.nii.gz").symlink_to(data / case / "t2_anatomy_reader1.nii.gz")
        against = ("evaluate", "--predictions", self.folder / "maps", "--references", data, "--label-scheme", "prostate158_anatomy")
        support.run(*against, "--reference-name", "t2_anatomy_reader1")
        self.assertEqual(written(self.folder / "maps")["mean"]["mean"], 1)
        self.assertIn(f"for case {', '.join(lone[:2])} (<id>/t2_anatomy_reader2.nii.gz)",
                      support.run(*against, "--reference-name", "t2_anatomy_reader2", expect=65))
        self.assertIn("holds no t2_anatomy_reader3.nii.gz",
                      support.run("evaluate", "--predictions", data, "--prediction-name", "t2_anatomy_reader3", "--references", data,
                                  "--label-scheme", "prostate158_anatomy", expect=65))


def is_one_piece(mask):
    """Whether voxels that share a corner lead from any voxel to every other one."""
    reached = numpy.zeros_like(mask)
    reached[tuple(numpy.argwhere(mask)[0])] = True
    while True:
        grown = numpy.pad(reached, 1)
        for axis in range(3):
            grown = grown | numpy.roll(grown, 1, axis) | numpy.roll(grown, -1, axis)
        grown = grown[1:-1, 1:-1, 1:-1] & mask
        if (grown == reached).all():
            return bool((reached == mask).all())
        reached = grown


class Runs(support.Case):
    def train(self, shards, name, **changes):
        run = self.folder / name
        support.run("train", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", shards, "--run", run, *support.settings({
            **support.TINY, "train.epochs": 0, "train.steps": 3, "train.validate_every_epochs": 0, "checkpoint.every_steps": 0,
            **{key.replace("__", "."): value for key, value in changes.items()}}), ranks=2)
        return run

    def agree(self, run, shards, names):
        """Each column's mean and each figure of all cases is the number of the last validation."""
        support.run("evaluate", "--run", run, "--data", shards, "--split", "val", ranks=2)
        made = written(run / "evaluation")
        last = max(support.metrics(run, "validation").items())[1]
        for name in names:
            ours = made["mean"].get(name.removeprefix("dice/"), made.get("all_cases", {}).get(name))
            if last[name] is None:
                self.assertIsNone(ours, name)
            else:
                self.assertAlmostEqual(ours, last[name], places=12, msg=name)
        return made, last

    def test_distances_and_largest_components_are_those_of_validation_and_infer(self):
        source, shards = support.phantom_cases(6, 32), support.phantom_shards(6, 32, split="0.5,0.5,0")
        run = self.train(shards, "run", metrics__surface_distances="true", metrics__empty_surface_rule="diagonal",
                         metrics__key_metric="hd95/WT", infer__keep_largest="[WT]")
        regions = ("TC", "WT", "ET")
        names = [f"{figure}/{region}" for figure in ("dice", "hd95", "hd100", "assd") for region in regions] + ["hd95", "hd100", "assd"]
        made, last = self.agree(run, shards, names)
        self.assertEqual(len(made["cases"]), 3)
        manifest = json.loads((support.newest_checkpoint(run) / "manifest.json").read_text())
        metric = manifest["metric"]
        self.assertEqual((metric["name"], metric["higher_is_better"]), ("hd95/WT", False))
        self.assertAlmostEqual(metric["value"], last["hd95/WT"], places=9)

        support.run("infer", "--run", run, "--input", source, "--output", self.folder / "maps", ranks=2)
        for file in (self.folder / "maps").glob("*.nii.gz"):
            labels = numpy.asarray(nibabel.load(file).dataobj)
            self.assertTrue(labels.any() and is_one_piece(labels > 0), file.name)
        support.run("evaluate", "--predictions", self.folder / "maps", "--references", source, "--label-scheme", "brats2020",
                    "--surface-distances", "--empty-surface-rule", "diagonal")
        for case, figures in made["cases"].items():
            for name, value in written(self.folder / "maps")["cases"][case].items():
                self.assertAlmostEqual(value, figures[name], places=9, msg=f"{case} {name}")

        support.run("evaluate", "--run", run, "--data", shards, "--split", "val", "--hausdorff-definition", "pooled", "--output",
                    self.folder / "pooled")
        self.assertIn("both directions together", written(self.folder / "pooled")["note"])
        self.assertLessEqual(written(self.folder / "pooled")["mean"]["hd95/WT"], made["mean"]["hd95/WT"])

    def test_lesions_are_those_of_validation_on_the_grid_of_the_shards(self):
        source, shards = self.folder / "nifti", self.folder / "shards"
        support.run("make_phantoms", "--layout", "prostate158", "--cases", 20, "--size", 64, "--output", source)
        support.run("convert_dataset", "--layout", "prostate158", "--input", source, "--output", shards, "--task", "tumor",
                    "--spacing", "3,1.5,1.5", ranks=2)
        run = self.train(shards, "run", metrics__lesions="true", metrics__key_metric="lesion_ap", metrics__surface_distances="true")
        made, last = self.agree(run, shards, ("dice/tumor", "lesion_ap", "lesion_auroc", "assd"))
        self.assertIn("on the grid of the shards", made["note"])
        self.assertEqual(sorted(made["all_cases"]), ["lesion_ap", "lesion_auroc"])
        text = support.run("evaluate", "--run", run, "--data", shards, "--split", "val")
        self.assertIn("lesion_ap ", text)

    def test_what_cannot_be_is_refused(self):
        shards = support.phantom_shards(6, 32)
        for key, value, message in (("metrics.lesions", "true", "one region; brats2020 has TC, WT, ET"),
                                    ("metrics.key_metric", "hd95", "there are: dice, dice/TC"),
                                    ("infer.keep_largest", "[ET]", "there are: WT")):
            text = support.run("train", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", shards, "--run",
                               self.folder / "no", *support.settings({**support.TINY, key: value}), expect=78)
            self.assertIn(message, text)
        both = ("evaluate", "--predictions", self.folder, "--references", self.folder, "--label-scheme", "brats2020")
        self.assertIn("--lesions needs the probabilities", support.run(*both, "--lesions", expect=64))
        self.assertIn("max_directed", support.run(*both, "--hausdorff-definition", "medpy", expect=64))
        self.assertIn("diagonal", support.run(*both, "--empty-surface-rule", "zero", expect=64))
        self.assertIn("belong to --predictions", support.run("evaluate", "--run", self.folder, "--data", shards, "--prediction-name",
                                                             "t2", expect=64))


if __name__ == "__main__":
    support.main()
