"""convert_dataset --layout survival: tables and volumes to shards, read back by h5py; and phantoms, judged by their truth."""
import csv
import json
import math
import unittest

import h5py
import hdf5plugin  # noqa: F401, registers zstd with h5py
import nibabel
import numpy
import support
import volumes

try:
    import lifelines
    import lifelines.utils
    import pandas
except ImportError:  # not among the requirements: the fit below stands alone then
    lifelines = None

BRAINS = support.REAL_DATA / "brain_2mm"


def convert(table, output, *arguments, expect=0, ranks=None):
    return support.run("convert_dataset", "--layout", "survival", "--input", table, "--output", output, *arguments,
                       expect=expect, ranks=ranks)


def lines_of(file):
    with open(file, newline="") as text:
        return list(csv.DictReader(text))


def stored(shards):
    """{case: (image, {column: text}, whether it has a label)} and the index, as h5py and json read them."""
    index = json.loads((shards / "dataset.json").read_text())
    cases = {}
    for one in index["cases"]:
        with h5py.File(shards / one["shard"]) as file:
            group = file["cases"][one["id"]]
            names, texts = ([text.decode() for text in group.attrs[name]] for name in ("column_names", "column_values"))
            cases[one["id"]] = (group["image"][()], dict(zip(names, texts)), "label" in group)
    return cases, index


def of_file(file):
    """Voxels [D,H,W] = superior, anterior, right."""
    return numpy.asarray(nibabel.as_closest_canonical(nibabel.load(file)).dataobj).transpose(2, 1, 0)


def phantoms(folder, count, size=24, seed=0, ranks=None):
    support.run("make_phantoms", "--layout", "survival", "--cases", count, "--size", size, "--seed", seed, "--output", folder,
                ranks=ranks)


class Phantoms(support.Case):
    def test_two_ranks_make_what_one_makes_and_h5py_reads_the_table_back(self):
        for ranks in (1, 2):
            phantoms(self.folder / f"in{ranks}", 9, seed=4, ranks=ranks)
            convert(self.folder / "in1" / "table.csv", self.folder / f"np{ranks}", "--split", "0.5,0.25,0.25", ranks=ranks)
        one, other = self.folder / "in1", self.folder / "in2"
        for name in ["table.csv", "truth.csv"] + [f"images/survival_{i:04d}.nii.gz" for i in range(1, 10)]:
            self.assertEqual((one / name).read_bytes(), (other / name).read_bytes(), name)
        (cases, index), (same, of_two) = stored(self.folder / "np1"), stored(self.folder / "np2")
        self.assertEqual(index["splits"], of_two["splits"])
        self.assertEqual(sorted(len(ids) for ids in index["splits"].values()), [2, 2, 5])
        self.assertEqual(index["channels"], ["image"])
        self.assertEqual(index["provenance"]["layout"], "survival")
        self.assertEqual(index["provenance"]["time_column"], "time")
        lines = lines_of(one / "table.csv")
        self.assertEqual(len(lines), len(cases))
        for line in lines:
            case = line["path"].removeprefix("images/").removesuffix(".nii.gz")
            image, columns, has_label = cases[case]
            numpy.testing.assert_array_equal(image[0], of_file(one / line["path"]))
            numpy.testing.assert_array_equal(image, same[case][0])
            self.assertEqual(columns, same[case][1])
            self.assertFalse(has_label)
            self.assertEqual(set(columns), {"time", "event", "age", "sex"})  # and nothing of the truth
            self.assertEqual(float(columns["time"]), float(line["time"]))
            self.assertEqual([columns[name] for name in ("event", "age", "sex")], [line[name] for name in ("event", "age", "sex")])
        shown = support.run("inspect_shards", self.folder / "np1", "--case", "survival_0003")
        self.assertIn(f"age\t{lines[2]['age']}\n", shown)

    def test_the_table_and_its_truth_are_those_of_the_hazard(self):
        phantoms(self.folder, 1000, seed=6)
        table, truth = lines_of(self.folder / "table.csv"), lines_of(self.folder / "truth.csv")
        time, event = (numpy.array([float(line[name]) for line in table]) for name in ("time", "event"))
        hazard = numpy.array([float(line["log_hazard"]) for line in truth])
        known = numpy.array([[float(line["z_volume"]), float(line["z_age"])] for line in truth])
        self.assertLess(abs(numpy.corrcoef(known.T)[0, 1]), 0.1)
        self.assertTrue(0.30 <= 1 - event.mean() <= 0.40, event.mean())
        concordance = harrell(time, event, hazard)
        self.assertGreater(concordance, 0.70)
        fitted, error = cox_fit(time, event, known)
        print(f"Harrell's C of the true hazard {concordance:.4f}; coefficients {fitted.round(3)} +- {error.round(3)}")
        numpy.testing.assert_allclose(fitted, [1.0, 0.7], atol=0.15)
        self.assertLess((abs(fitted - [1.0, 0.7]) / error).max(), 1.96)  # their 95 % intervals hold the truth
        # Brighter voxels than the middle of lesion and tissue: the volume that a network sees is the one that was drawn.
        for number in (1, 2, 3):
            image = of_file(self.folder / "images" / f"survival_{number:04d}.nii.gz")
            seen, drawn = (image > 90).sum() * 0.512, math.exp(float(truth[number - 1]["log_volume"]))
            self.assertLess(abs(seen - drawn), 2 + 0.01 * drawn)
        if lifelines is None:
            return
        frame = pandas.DataFrame({"time": time, "event": event, "z_volume": known[:, 0], "z_age": known[:, 1]})
        theirs = lifelines.CoxPHFitter().fit(frame, "time", "event")
        numpy.testing.assert_allclose(theirs.params_.values, fitted, atol=2e-3)  # Efron's rule for the few ties, not Breslow's
        numpy.testing.assert_allclose(theirs.standard_errors_.values, error, atol=2e-3)
        self.assertAlmostEqual(lifelines.utils.concordance_index(time, -hazard, event), concordance, places=4)
        print(f"lifelines agrees: {theirs.params_.values.round(3)}")

    def test_what_make_phantoms_refuses(self):
        def refuse(*words):
            return support.run("make_phantoms", "--layout", "survival", "--output", self.folder / "out", *words, expect=64)
        self.assertIn("--size must be 24 to 512", refuse("--size", 23))
        self.assertIn("--cases must be 1 to 9999", refuse("--cases", 10000))
        self.assertIn("--contrast belongs to --layout brats", refuse("--contrast", "synthesis"))


def harrell(time, event, risk):
    """Pairs of which the one who died first had the greater risk, of all pairs that can be told (Harrell et al. 1982)."""
    first = (event[:, None] == 1) & ((time[:, None] < time[None]) | ((time[:, None] == time[None]) & (event[None] == 0)))
    greater, equal = risk[:, None] > risk[None], risk[:, None] == risk[None]
    return (first & greater).sum() / first.sum() + 0.5 * (first & equal).sum() / first.sum()


def cox_fit(time, event, known):
    """Newton's steps on Cox's partial likelihood with Breslow's ties; coefficients and their standard errors."""
    at_risk = (time[None] >= time[:, None])[event == 1].astype(float)  # [events, people]
    beta = numpy.zeros(known.shape[1])
    for _ in range(30):
        weight = at_risk * numpy.exp(known @ beta)
        weight /= weight.sum(1, keepdims=True)
        mean = weight @ known
        spread = numpy.einsum("ep,pa,pb->ab", weight, known, known) - mean.T @ mean
        beta = beta + numpy.linalg.solve(spread, (known[event == 1] - mean).sum(0))
    return beta, numpy.sqrt(numpy.diag(numpy.linalg.inv(spread)))


class Tables(support.Case):
    def setUp(self):
        super().setUp()
        self.table, self.shards = self.folder / "cohort.csv", self.folder / "shards"
        for number, name in enumerate("abcde"):
            volumes.save(self.folder / "img" / f"{name}.nii.gz", volumes.image_voxels(number))

    def write(self, *lines):
        self.table.write_text("\n".join(lines) + "\n")

    def test_a_changed_cell_converts_its_case_anew_and_no_other(self):
        lines = ["path,time,event,age", *(f"img/{name}.nii.gz,{i + 1},{i % 2},5{i}" for i, name in enumerate("abcde"))]
        self.write(*lines)
        self.assertIn("5 cases converted, 0 kept", convert(self.table, self.shards))
        before = (self.shards / "dataset.json").read_text()
        self.assertIn("0 cases converted, 5 kept", convert(self.table, self.shards, ranks=2))
        self.assertEqual((self.shards / "dataset.json").read_text(), before)
        self.write(*lines[:3], "img/c.nii.gz,3.50,0,99", *lines[4:])
        self.assertIn("1 cases converted, 4 kept", convert(self.table, self.shards))
        cases, _ = stored(self.shards)
        self.assertEqual(cases["c"][1], {"time": "3.5", "event": "0", "age": "99"})
        self.assertEqual(cases["d"][1], {"time": "4", "event": "1", "age": "53"})

    def test_every_bad_line_is_named_and_the_rest_can_be_converted(self):
        (self.folder / "img" / "e.nii.gz").write_bytes(b"no volume")
        self.write("Image_Path,Duration,DEAD,smoker", "img/a.nii.gz,,1,yes", "img/b.nii.gz,12,1,NA", "img/c.nii.gz,7,perhaps,no",
                   "img/none.nii.gz,7,1,no", "img/d.nii.gz,9,0,", "img/e.nii.gz,9,0,no", "img/x.nii.gz,9")
        for ranks in (1, 2):
            text = convert(self.table, self.shards, expect=65, ranks=ranks)
            self.assertIn("5 of 7 cases were refused", text)
            for line, why in ((2, "Duration is blank"), (4, "DEAD is 'perhaps'"), (5, "none.nii.gz does not exist"),
                              (8, "2 cells where the header has 4")):
                self.assertRegex(text, rf"cohort\.csv:{line}: .*{why}")
            self.assertRegex(text, r"case e: .*e\.nii\.gz")
            self.assertIn("7 lines, 3 of them unusable; 2 events, 2 censored; unknown cells: smoker 2", text)
            self.assertFalse((self.shards / "dataset.json").exists())
        convert(self.table, self.shards, "--skip-bad", ranks=2)
        cases, index = stored(self.shards)
        self.assertEqual({case: columns for case, (_, columns, _) in cases.items()},
                         {"b": {"time": "12", "event": "1", "smoker": ""}, "d": {"time": "9", "event": "0", "smoker": ""}})
        self.assertIn("cohort.csv:2: Duration is blank", index["provenance"]["refused"])

    def test_a_fold_decides_the_splits(self):
        self.table = self.folder / "cohort.tsv"
        folds = dict(a="TRAIN", b="Validation", c="test", d="val", e="train")
        self.write("who\tfile\tTime\tstatus\tFold_1\tFold_2",
                   *(f"{name}, at home\timg/{name}.nii.gz\t1\ttrue\t{fold}\ttrain" for name, fold in folds.items()))
        words = ("--fold-column", "fold_1", "--id-column", "WHO")
        text = convert(self.table, self.shards, *words, "--split", "0.5,0.5,0", expect=64)
        self.assertIn("--split and --seed: the table's --fold-column decides the splits", text)
        convert(self.table, self.shards, *words)
        cases, index = stored(self.shards)
        self.assertEqual(index["splits"], {"train": ["a, at home", "e, at home"], "val": ["b, at home", "d, at home"],
                                           "test": ["c, at home"]})
        self.assertEqual(index["provenance"]["split"], "by the layout")
        self.assertEqual(index["provenance"]["fold_column"], "Fold_1")
        self.assertEqual(cases["b, at home"][1], {"time": "1", "event": "1", "who": "b, at home", "Fold_1": "Validation",
                                                  "Fold_2": "train"})

    def test_seventy_six_columns_of_long_texts_come_back(self):
        names = [f"column {i}" for i in range(76)]
        texts = [f"{i}: \u00fc" + "x" * (4000 if i == 7 else i) for i in range(76)]
        self.write(",".join(["path", "time", "event", *names]), ",".join(["img/a.nii.gz", "1", "1", *texts]))
        convert(self.table, self.shards)
        self.assertEqual(stored(self.shards)[0]["a"][1], {"time": "1", "event": "1", **dict(zip(names, texts))})
        self.assertIn("column 7\t7: \u00fc" + "x" * 4000, support.run("inspect_shards", self.shards, "--case", "a"))

    def test_options_of_this_layout_are_refused_with_others_and_the_other_way_round(self):
        for name in ("images", "path-column", "time-column", "event-column", "fold-column", "id-column"):
            text = support.run("convert_dataset", "--layout", "brats", "--input", self.folder, "--output", self.shards, f"--{name}", "x",
                               expect=64)
            self.assertIn(f"--{name} belongs to --layout survival", text)
        self.write("path,time,event", "img/a.nii.gz,1,1")
        for words in (("--channels", "image"), ("--label", "seg"), ("--task", "tumor"), ("--spacing", "1,1,1"), ("--make-drrs",)):
            self.assertRegex(convert(self.table, self.shards, *words, expect=64), rf"{words[0]}.* belong")


class Brats(support.Case):
    def test_ids_name_case_folders_and_who_is_alive_is_told_in_words(self):
        for number in range(1, 4):
            volumes.brats_case(self.folder / "HGG", f"BraTS20_{number}", number)
        table = self.folder / "survival_info.csv"
        table.write_text("BraTS20ID,Age,Survival_days,Extent_of_Resection\nBraTS20_1,60.463,289,GTR\n"
                         "BraTS20_2,52.2,ALIVE (361 days later),NA\nBraTS20_8,41,12,STR\n")
        text = convert(table, self.folder / "shards", expect=65)
        self.assertRegex(text, r"survival_info\.csv:4: .* holds no BraTS case BraTS20_8")
        convert(table, self.folder / "shards", "--skip-bad", ranks=2)
        cases, index = stored(self.folder / "shards")
        self.assertEqual(index["channels"], ["t1", "t1ce", "t2", "flair"])
        self.assertEqual(set(cases), {"BraTS20_1", "BraTS20_2"})
        image, columns, has_label = cases["BraTS20_2"]
        self.assertEqual(columns, {"time": "361", "event": "0", "BraTS20ID": "BraTS20_2", "Age": "52.2", "Extent_of_Resection": ""})
        self.assertFalse(has_label)
        for channel, name in enumerate(volumes.NAMES_2020[:4]):
            numpy.testing.assert_array_equal(image[channel], of_file(self.folder / "HGG" / "BraTS20_2" / f"BraTS20_2{name}.nii.gz"))

    @unittest.skipUnless(BRAINS.is_dir(), "the real volumes are not here")
    def test_loading_real_brains_with_a_made_up_table(self):
        # Times and ages are made up: whether files of this kind load, not what they tell of survival.
        table = self.folder / "survival_info.csv"
        table.write_text("BraTS20ID,Age,Survival_days,Extent_of_Resection\nTCGA-DU-7294,53,ALIVE (1561 days later),NA\n"
                         "brats_2013_pat0001_1,61.5,412,GTR\nbrats_2013_pat0002_1,,98,\"partial, left\"\n")
        self.assertIn("missing modality t1, t2", convert(table, self.folder / "shards", "--images", BRAINS, expect=65))
        convert(table, self.folder / "shards", "--images", BRAINS, "--allow-missing", 2)
        cases, _ = stored(self.folder / "shards")
        self.assertEqual({case: (columns["time"], columns["event"], columns["Age"]) for case, (_, columns, _) in cases.items()},
                         {"TCGA-DU-7294": ("1561", "0", "53"), "brats_2013_pat0001_1": ("412", "1", "61.5"),
                          "brats_2013_pat0002_1": ("98", "1", "")})
        self.assertEqual(cases["brats_2013_pat0002_1"][1]["Extent_of_Resection"], "partial, left")
        for case, channel, name in (("TCGA-DU-7294", 2, "t2"), ("brats_2013_pat0001_1", 3, "flair")):
            numpy.testing.assert_array_equal(cases[case][0][channel], of_file(BRAINS / case / f"{case}_{name}.nii.gz"))
        self.assertFalse(cases["brats_2013_pat0001_1"][0][0].any())


if __name__ == "__main__":
    support.main()
