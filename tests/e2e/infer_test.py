"""infer and evaluate on what users have: other axis orders, names and spacings, broken files, shards, several ranks."""
import csv
import json
import os
import shutil

import nibabel
import numpy
import support
import volumes

SUFFIXES = ("t1", "t1ce", "t2", "flair")


def trained():
    """A run of a few steps with two validations; what it learnt does not matter, that weights are there does."""
    shards = support.phantom_shards(6, 32, split="0.84,0.16,0")
    return support.made_once("trained", lambda folder: support.run(
        "train_brats", "--data", shards, "--run", folder / "run", *support.settings({
            **support.TINY, "train.epochs": 0, "train.steps": 6, "train.validate_every_epochs": 0, "train.validate_every_steps": 2,
            "train.optimizer.lr": 1e-2, "data.foreground_ratio": 1, "checkpoint.every_steps": 2, "checkpoint.keep_last": 3}))) / "run"


def infer(source, output, *arguments, ranks=None, expect=0):
    return support.run("infer", "--run", trained(), "--input", source, "--output", output, *arguments, ranks=ranks, expect=expect)


def labels(file):
    return numpy.asarray(nibabel.load(file).dataobj)


def reoriented(image, code):
    """The same voxels in another axis order."""
    start = nibabel.io_orientation(image.affine)
    return image.as_reoriented(nibabel.orientations.ornt_transform(start, nibabel.orientations.axcodes2ornt(code)))


class Grids(support.Case):
    def test_axis_orders_and_spacings(self):
        """A case in another order has the same label map, in its own order."""
        source = support.phantom_cases(6, 32) / "BraTS20_Training_001"
        for code in ("LPS", "RAS", "PIR"):
            for channel in SUFFIXES:
                image = reoriented(nibabel.load(source / f"{source.name}_{channel}.nii.gz"), code)
                where = image.affine @ numpy.diag([0.5, 0.9, 3, 1]) if code == "PIR" else image.affine
                volumes.save(self.folder / "in" / code / f"{code}_{channel}.nii.gz", numpy.asarray(image.dataobj), where)
        text = infer(self.folder / "in", self.folder / "out", ranks=2)
        self.assertIn("brats2020", text)
        expected = nibabel.load(self.folder / "out" / "LPS.nii.gz")
        self.assertGreater(len(numpy.unique(expected.dataobj)), 1, "an empty label map would show nothing")
        for code in ("LPS", "RAS", "PIR"):
            given = nibabel.load(self.folder / "in" / code / f"{code}_t1.nii.gz")
            made = nibabel.load(self.folder / "out" / f"{code}.nii.gz")
            self.assertEqual("".join(nibabel.aff2axcodes(made.affine)), code)
            self.assertEqual((made.shape, made.get_data_dtype()), (given.shape, numpy.uint8))
            numpy.testing.assert_array_equal(made.affine, given.affine)
            numpy.testing.assert_array_equal(made.dataobj, reoriented(expected, code).dataobj)

    def test_odd_sizes_smaller_and_larger_than_the_window(self):
        """The window is 32^3 and the network halves twice; neither has to fit the volume."""
        for number, size in enumerate(((19, 23, 17), (45, 31, 33))):
            volumes.brats_case(self.folder / "in", f"case{number}", number, size=size)
        infer(self.folder / "in", self.folder / "out")
        for number, size in enumerate(((19, 23, 17), (45, 31, 33))):
            self.assertEqual(labels(self.folder / "out" / f"case{number}.nii.gz").shape, size)


class Sources(support.Case):
    def test_shards_ranks_names_and_layouts_agree(self):
        source, shards = support.phantom_cases(6, 32), support.phantom_shards(6, 32, split="0.84,0.16,0")
        infer(source, self.folder / "one")
        infer(source, self.folder / "two", ranks=2)
        infer(shards, self.folder / "shards", ranks=2)
        case = "BraTS20_Training_002"
        for old, new in zip(SUFFIXES, volumes.NAMES_2023):
            for place in (f"2023/new/new{new}.nii.gz", f"nnunet/flat_{SUFFIXES.index(old):04d}.nii.gz", f"generic/own/{old}.nii.gz"):
                (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / place).symlink_to(source / case / f"{case}_{old}.nii.gz")
        images = [nibabel.load(source / case / f"{case}_{channel}.nii.gz") for channel in SUFFIXES]
        volumes.save(self.folder / "msd" / "whole.nii.gz", numpy.stack([numpy.asarray(i.dataobj) for i in images], axis=-1),
                     images[0].affine)
        for name, made in (("2023", "new"), ("nnunet", "flat"), ("generic", "own"), ("msd", "whole")):
            text = infer(self.folder / name, self.folder / f"from_{name}")
            self.assertIn("training data's scheme brats2020", text)
            numpy.testing.assert_array_equal(labels(self.folder / f"from_{name}" / f"{made}.nii.gz"),
                                             labels(self.folder / "one" / f"{case}.nii.gz"), name)
        files = sorted(path.name for path in (self.folder / "one").iterdir())
        self.assertEqual(len(files), 6)
        for name in files:
            self.assertEqual((self.folder / "one" / name).read_bytes(), (self.folder / "two" / name).read_bytes())
            numpy.testing.assert_array_equal(labels(self.folder / "one" / name), labels(self.folder / "shards" / name))

    def test_checkpoints(self):
        source = support.phantom_cases(6, 32) / "BraTS20_Training_003"
        (self.folder / "in").mkdir()
        (self.folder / "in" / source.name).symlink_to(source)
        steps = sorted((trained() / "checkpoints").glob("step_*"))
        self.assertEqual([support.step_of(step) for step in steps], [2, 4, 6])
        self.assertIn("step_00000006", infer(self.folder / "in", self.folder / "newest"))
        validations = support.metrics(trained(), "validation")
        best = max(validations, key=lambda step: (validations[step]["dice"], step))
        self.assertIn(f"step_{best:08d}", infer(self.folder / "in", self.folder / "best", "--best"))
        text = support.run("infer", "--checkpoint", steps[0], "--input", self.folder / "in", "--output", self.folder / "first")
        self.assertIn("step_00000002", text)
        for arguments in ((), ("--run", trained(), "--checkpoint", steps[0]), ("--checkpoint", steps[0], "--best")):
            text = support.run("infer", *arguments, "--input", self.folder / "in", "--output", self.folder / "x", expect=64)
            self.assertIn("--run", text)
        text = support.run("infer", "--run", self.folder / "in", "--input", self.folder / "in", "--output", self.folder / "x", expect=65)
        self.assertIn("no valid checkpoint", text)

    def test_bad_input(self):
        source = self.folder / "in"
        for number in range(3):
            volumes.brats_case(source, f"case{number}", number)
        cut = source / "case0" / "case0_t2.nii.gz"
        os.truncate(cut, cut.stat().st_size // 2)
        for ranks in (None, 2):
            output = self.folder / f"out{ranks}"
            text = infer(source, output, ranks=ranks, expect=65)
            self.assertIn("case0_t2.nii.gz: the gzip stream is truncated", text)
            self.assertIn("1 of 3 cases have no label map", text)
            self.assertEqual(sorted(file.name for file in output.iterdir()), ["case1.nii.gz", "case2.nii.gz"])
        (source / "case1" / "case1_t1ce.nii.gz").unlink()
        text = infer(source, self.folder / "none", expect=65)
        self.assertIn("case case1 has no t1ce; the model needs t1, t1ce, t2, flair", text)
        self.assertFalse((self.folder / "none").exists())
        volumes.generic_case(self.folder / "generic", "p0")
        support.run("convert_dataset", "--layout", "generic", "--input", self.folder / "generic", "--output", self.folder / "shards")
        self.assertIn("has the channels adc, t2, the model was trained on t1, t1ce, t2, flair",
                      infer(self.folder / "shards", self.folder / "none", expect=65))
        (self.folder / "taken").write_text("mine")
        self.assertIn("taken", infer(source / "case2", self.folder / "taken", expect=73))
        self.assertIn("--output is the input", infer(source / "case2", source / "case2", expect=64))
        with support.read_only_mount(self) as mount:
            self.assertIn(str(mount), infer(source / "case2", mount / "out", expect=73))


class Evaluate(support.Case):
    """Against counting voxels with numpy."""

    def setUp(self):
        super().setUp()
        self.predictions, self.references = self.folder / "predictions", self.folder / "references"
        for number in range(3):
            true = volumes.label_voxels((1, 2, 4)[:3 - number])  # the second has no ET, the third only label 1
            volumes.save(self.references / f"case{number}" / f"case{number}_seg.nii.gz", true)
            volumes.save(self.references / f"case{number}" / f"case{number}_t1.nii.gz", volumes.image_voxels(number))
            volumes.save(self.predictions / f"case{number}.nii.gz", numpy.roll(true, number, axis=1))
        ghost = labels(self.predictions / "case1.nii.gz").copy()
        ghost[0, 0, 0] = 4  # ET where there is none
        volumes.save(self.predictions / "case1.nii.gz", ghost)

    def evaluate(self, *arguments, scheme="brats2020", expect=0):
        return support.run("evaluate", "--predictions", self.predictions, "--references", self.references, "--label-scheme", scheme,
                           *arguments, expect=expect)

    def expected(self, case, values, skip):
        made = numpy.isin(labels(self.predictions / f"{case}.nii.gz"), values)
        true = numpy.isin(labels(self.references / case / f"{case}_seg.nii.gz"), values)
        if true.any():
            return 2 * (made & true).sum() / (made.sum() + true.sum())
        return None if skip else float(not made.any())

    def test_figures_and_the_rule_for_empty_masks(self):
        regions = {"TC": [1, 4], "WT": [1, 2, 4], "ET": [4]}
        for rule in ("both_empty_is_one", "skip"):
            output = self.folder / rule
            table = self.evaluate("--empty-rule", rule, "--output", output)
            figures = json.loads((output / "metrics.json").read_text())
            with open(output / "cases.csv", newline="") as file:
                rows = {row["case"]: row for row in csv.DictReader(file)}
            self.assertEqual(sorted(rows), ["case0", "case1", "case2"])
            self.assertIn("empty truth", figures["note"])
            self.assertIn(figures["note"], table)
            columns = {name: [] for name in (*regions, "mean")}
            for case in rows:
                dice = {name: self.expected(case, values, rule == "skip") for name, values in regions.items()}
                there = [value for value in dice.values() if value is not None]
                dice["mean"] = sum(there) / len(there)
                for name, value in dice.items():
                    if value is None:
                        self.assertIsNone(figures["cases"][case][name])
                        self.assertEqual(rows[case][name], "")
                        continue
                    columns[name].append(value)
                    self.assertAlmostEqual(figures["cases"][case][name], value, places=12)
                    self.assertAlmostEqual(float(rows[case][name]), value, places=12)
            for name, values in columns.items():
                self.assertAlmostEqual(figures["mean"][name], sum(values) / len(values), places=12)
        self.assertEqual(json.loads((self.folder / "both_empty_is_one" / "metrics.json").read_text())["cases"]["case1"]["ET"], 0)
        self.assertEqual(json.loads((self.folder / "both_empty_is_one" / "metrics.json").read_text())["cases"]["case2"]["ET"], 1)

    def test_generic_labels_in_case_folders(self):
        shutil.rmtree(self.references)
        for number in range(3):
            volumes.save(self.references / f"case{number}" / "label.nii.gz", labels(self.predictions / f"case{number}.nii.gz"))
        self.evaluate(scheme="generic")
        figures = json.loads((self.predictions / "metrics.json").read_text())
        self.assertEqual(figures["mean"], {"label_1": 1, "label_2": 1, "label_4": 1, "mean": 1})

    def test_refusals(self):
        self.assertIn("label 4, which brats2023 does not know", self.evaluate(scheme="brats2023", expect=65))
        self.assertIn("brats2020", self.evaluate(scheme="brats1999", expect=64))
        self.assertIn("both_empty_is_one", self.evaluate("--empty-rule", "zero", expect=64))
        self.assertIn("--run", support.run("evaluate", "--references", self.references, expect=64))
        self.assertIn("--split", support.run("evaluate", "--run", self.folder, "--data", self.folder, "--split", "all", expect=64))
        (self.references / "copy").mkdir()
        shutil.copy(self.references / "case0" / "case0_seg.nii.gz", self.references / "copy")
        self.assertIn("two references for case case0", self.evaluate(expect=65))
        shutil.rmtree(self.references / "copy")
        volumes.save(self.predictions / "case2.nii.gz", volumes.label_voxels((1,)), volumes.affine(origin=(3, -4, 6)))
        self.assertRegex(self.evaluate(expect=65), "case case2: .*affines differ")
        volumes.save(self.predictions / "case2.nii.gz", volumes.label_voxels((1,), (24, 20, 17)))
        self.assertIn("case case2: the prediction has 24x20x17 voxels, the reference 24x20x18", self.evaluate(expect=65))
        volumes.save(self.predictions / "case3.nii.gz", volumes.label_voxels((1,)))
        self.assertRegex(self.evaluate(expect=65), "no reference below .* for case case3")

    def test_a_run_on_shards_with_other_label_values(self):
        """A model of brats2020 on brats2023 shards of the same brains: the same figures."""
        source = support.phantom_cases(6, 32)
        for case in sorted(source.iterdir())[:2]:
            for old, new in zip(SUFFIXES, volumes.NAMES_2023):
                (self.folder / "in" / case.name).mkdir(parents=True, exist_ok=True)
                (self.folder / "in" / case.name / f"{case.name}{new}.nii.gz").symlink_to(case / f"{case.name}_{old}.nii.gz")
            truth = nibabel.load(case / f"{case.name}_seg.nii.gz")
            values = numpy.asarray(truth.dataobj)
            volumes.save(self.folder / "in" / case.name / f"{case.name}-seg.nii.gz", numpy.where(values == 4, 3, values).astype("uint8"),
                         truth.affine)
        support.run("convert_dataset", "--input", self.folder / "in", "--output", self.folder / "2023", "--split", "0,0,1")
        support.run("evaluate", "--run", trained(), "--data", self.folder / "2023", "--output", self.folder / "figures", ranks=2)
        infer(source, self.folder / "maps")
        made = json.loads((self.folder / "figures" / "metrics.json").read_text())["cases"]
        support.run("evaluate", "--predictions", self.folder / "maps", "--references", source, "--label-scheme", "brats2020")
        expected = json.loads((self.folder / "maps" / "metrics.json").read_text())["cases"]
        self.assertEqual(len(made), 2)
        for case, figures in made.items():
            for region, value in figures.items():
                self.assertAlmostEqual(value, expected[case][region], places=12)
        self.assertIn("the split 'val'", support.run("evaluate", "--run", trained(), "--data", self.folder / "2023", "--split", "val",
                                                     expect=65))


if __name__ == "__main__":
    support.main()
