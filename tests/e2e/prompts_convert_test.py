"""Prompts in shards: made of labelled volumes, or read from a table of pictures, read back by h5py, nibabel, scipy and Pillow."""
import json
import unittest

import h5py
import hdf5plugin  # noqa: F401, registers zstd with h5py
import nibabel
import numpy
import support
import volumes
from PIL import Image

CT = support.REAL_DATA / "ct"


def convert(layout, source, output, *arguments, expect=0, ranks=None):
    return support.run("convert_dataset", "--layout", layout, "--input", source, "--output", output, *arguments, expect=expect,
                       ranks=ranks)


def stored(shards):
    """{case: (image, label, prompts)} and the index, as h5py and json read them."""
    index = json.loads((shards / "dataset.json").read_text())
    cases = {}
    for one in index["cases"]:
        with h5py.File(shards / one["shard"]) as file:
            group = file["cases"][one["id"]]
            prompts = json.loads(group["prompts"][()].tobytes().decode("utf-8")) if "prompts" in group else None
            cases[one["id"]] = (group["image"][()], group["label"][()] if "label" in group else None, prompts)
    return cases, index


def of_file(file):
    """Voxels [D,H,W] = superior, anterior, right."""
    return numpy.asarray(nibabel.as_closest_canonical(nibabel.load(file)).dataobj).transpose(2, 1, 0)


def check_targets(test, label, prompts):
    """Boxes and inner voxels are those of the label's numbers."""
    values = [target["value"] for target in prompts["targets"]]
    test.assertEqual(values, list(range(1, label.max() + 1)))
    for target in prompts["targets"]:
        places = numpy.argwhere(label == target["value"])
        test.assertEqual(target["start"], places.min(0).tolist())
        test.assertEqual((numpy.array(target["start"]) + target["size"]).tolist(), (places.max(0) + 1).tolist())
        test.assertEqual(label[tuple(target["inside"])], target["value"])
    for question in prompts["questions"]:
        test.assertLess(question["target"], len(values))


class OfLabels(support.Case):
    def setUp(self):
        super().setUp()
        self.source, self.shards = self.folder / "in", self.folder / "shards"

    def two_lesions(self, case, where, seed):
        label = numpy.zeros((24, 20, 18), numpy.uint8)
        label[3:7, 4:8, 3:7] = 1
        label[15:19, 4:8, 3:7] = 1
        label[8:12, 14:18, 11:16] = 2
        label[0, 0, 0] = 2
        volumes.save(self.source / case / "ct.nii.gz", volumes.image_voxels(seed, label.shape), where)
        volumes.save(self.source / case / "label.nii.gz", label, where)

    def test_parts_of_a_label_are_numbered_and_their_sides_are_the_patients(self):
        for number, orientation in enumerate(("LPS", "RAS", "RPI")):
            self.two_lesions(f"case{number}", volumes.affine(orientation), number)
        words = ("--make-prompts", "--structures", "1=lesion,2=liver", "--modality", "CT")
        text = convert("generic", self.source, self.shards, *words)
        self.assertIn("9 targets", text)
        self.assertIn("3 parts were too small", text)
        cases, index = stored(self.shards)
        self.assertEqual(index["label_scheme"]["name"], "prompted")
        self.assertEqual(index["provenance"]["prompts"], "CT, parts of 27 voxels, 1=lesion, 2=liver")
        for number in range(3):
            _, label, prompts = cases[f"case{number}"]
            check_targets(self, label, prompts)
            source = of_file(self.source / f"case{number}" / "label.nii.gz")
            big = (source > 0) & (label > 0)
            self.assertEqual((source > 0).sum() - big.sum(), 1)
            numpy.testing.assert_array_equal(numpy.array([0, 1, 1, 2])[label][label > 0], source[label > 0])
            self.assertEqual([target["structure"] for target in prompts["targets"]], ["lesion", "lesion", "liver"])
            asked = {question["question"]: question["target"] for question in prompts["questions"]}
            self.assertIn("Segment the liver in this ct.", asked)
            self.assertNotIn("Segment the lesion.", asked)
            for target in (0, 1):
                middle = prompts["targets"][target]["start"][2] + prompts["targets"][target]["size"][2] / 2
                side = "left" if middle < label.shape[2] / 2 else "right"  # W grows to the patient's right
                self.assertTrue(any(f" {side} " in question and index == target for question, index in asked.items()))
        shown = support.run("inspect_shards", self.shards)
        self.assertRegex(shown, r"case0\t.*3 targets, \d+ questions")
        self.assertRegex(support.run("inspect_shards", self.shards, "--case", "case0"), r"target 3\tliver\tfrom \[")

    def test_a_second_conversion_and_two_ranks_give_the_same_bytes(self):
        for number in range(3):
            self.two_lesions(f"case{number}", volumes.affine("LPS"), number)
        words = ("--make-prompts", "--structures", "1=lesion,2=liver")
        for name, ranks in (("one", None), ("again", None), ("two", 2)):
            convert("generic", self.source, self.folder / name, *words, ranks=ranks)
        one, again, two = (stored(self.folder / name) for name in ("one", "again", "two"))
        self.assertEqual((self.folder / "one" / "shard_00000.h5").read_bytes(), (self.folder / "again" / "shard_00000.h5").read_bytes())
        self.assertEqual(one[1]["splits"], two[1]["splits"])
        self.assertEqual(one[1]["label_scheme"], two[1]["label_scheme"])
        for case, (image, label, prompts) in one[0].items():
            numpy.testing.assert_array_equal(image, two[0][case][0])
            numpy.testing.assert_array_equal(label, two[0][case][1])
            self.assertEqual(prompts, two[0][case][2])
        self.assertIn("0 cases converted, 3 kept", convert("generic", self.source, self.folder / "one", *words))
        text = convert("generic", self.source, self.folder / "one", *words, "--modality", "CT")
        self.assertIn("3 cases converted, 0 kept", text)

    def test_names_come_from_dataset_json_and_from_the_scheme_of_brats(self):
        volumes.nnunet(self.source)
        convert("nnunet", self.source, self.shards, "--make-prompts")
        prompts = stored(self.shards)[0]["hip_001"][2]
        self.assertEqual([target["structure"] for target in prompts["targets"]], ["Anterior", "Posterior"])
        volumes.brats_case(self.folder / "brats", "Case1")
        text = convert("brats", self.folder / "brats", self.folder / "out", "--make-prompts", "--min-component-mm3", 1)
        prompts = stored(self.folder / "out")[0]["Case1"][2]
        self.assertEqual([target["structure"] for target in prompts["targets"]], ["necrotic core", "oedema", "enhancing tumour"])
        self.assertIn("3 targets", text)

    def test_what_is_refused(self):
        self.two_lesions("case", volumes.affine("LPS"), 0)
        text = convert("generic", self.source, self.shards, "--make-prompts", expect=65)
        self.assertRegex(text, r"nothing tells what the label values \{1, 2\} are called.*--structures")
        for words, why in ((("--structures", "1=x"), "--structures belongs to --make-prompts"),
                           (("--make-prompts", "--structures", "1:x"), "'1:x' is no VALUE=NAME"),
                           (("--make-prompts", "--structures", "256=x"), "'256=x' is no VALUE=NAME"),
                           (("--make-prompts", "--structures", "1=,2=x"), "'1=' is no VALUE=NAME"),
                           (("--make-prompts", "--structures", "1=x,1=y"), "names 1 twice"),
                           (("--make-prompts", "--min-component-mm3", "-2"), "must be 0 or more"),
                           (("--make-prompts", "--label-scheme", "brats2020"), "--label-scheme: prompts take their names")):
            self.assertIn(why, convert("generic", self.source, self.shards, *words, expect=64))
        self.assertIn("--make-prompts belongs to", convert("prostate158", self.source, self.shards, "--make-prompts", expect=64))
        label = numpy.zeros((40, 40, 20), numpy.uint8)
        label[::2, ::2, ::4] = 1  # 2000 voxels that do not touch
        volumes.save(self.source / "case" / "label.nii.gz", label)
        volumes.save(self.source / "case" / "ct.nii.gz", volumes.image_voxels(1, label.shape))
        text = convert("generic", self.source, self.shards, "--make-prompts", "--structures", "1=x", "--min-component-mm3", 0, expect=65)
        self.assertRegex(text, r"case case: its label has 2000 connected parts.*raise --min-component-mm3")

    @unittest.skipUnless(CT.is_dir(), "the real volumes are not here")
    def test_the_parts_of_a_real_chest_are_scipys(self):
        try:
            from scipy import ndimage
        except ImportError:
            self.skipTest("scipy is not here")
        place = self.source / "chest"
        place.mkdir(parents=True)
        (place / "ct.nii.gz").symlink_to(CT / "chest_2p5mm.nii.gz")
        (place / "label.nii.gz").symlink_to(CT / "chest_2p5mm_mask.nii.gz")
        names = {int(line.split(",")[3]): line.split(",")[2] for line in (CT / "chest_structures.csv").read_text().split()[1:]}
        text = convert("generic", self.source, self.shards, "--make-prompts", "--modality", "CT", "--structures",
                       ",".join(f"{value}={name}" for value, name in names.items()))
        print(next(line for line in text.splitlines() if "questions" in line))
        _, label, prompts = stored(self.shards)[0]["chest"]
        check_targets(self, label, prompts)
        source = of_file(place / "label.nii.gz")
        expected, structures = numpy.zeros(label.shape, int), []
        for value in sorted(names):
            numbers, count = ndimage.label(source == value, numpy.ones((3, 3, 3)))
            for number in range(1, count + 1):
                if (numbers == number).sum() >= 27:
                    structures.append(names[value])
                    expected[numbers == number] = len(structures)
        numpy.testing.assert_array_equal(label, expected)
        self.assertEqual([target["structure"] for target in prompts["targets"]], structures)


def drawn(seed, shape=(31, 42, 3)):
    """A picture whose neighbours resemble each other, as JPEG expects."""
    random = numpy.random.default_rng(seed)
    coarse = random.integers(0, 256, (shape[0] // 4 + 2, shape[1] // 4 + 2, shape[2])).astype(numpy.uint8)
    smooth = numpy.stack([numpy.asarray(Image.fromarray(coarse[..., c]).resize((shape[1], shape[0]), Image.BILINEAR))
                          for c in range(shape[2])], -1)
    return smooth[..., 0] if shape[2] == 1 else smooth


def spot(rows, columns, shape=(31, 42)):
    mask = numpy.zeros(shape, numpy.uint8)
    mask[slice(*rows), slice(*columns)] = 255
    return mask


class OfTables(support.Case):
    def setUp(self):
        super().setUp()
        self.table, self.shards = self.folder / "prompts.csv", self.folder / "shards"
        for name in ("train_images", "train_masks"):
            (self.folder / name).mkdir()

    def write(self, *lines):
        self.table.write_text("\n".join(lines) + "\n")

    def save(self, name, pixels, folder="train_images", **how):
        Image.fromarray(pixels).save(self.folder / folder / name, **how)

    def test_pictures_and_masks_come_back_as_pillow_reads_them(self):
        self.save("a.png", drawn(1))
        self.save("b.jpg", drawn(2), quality=90)
        self.save("c.JPEG", drawn(3), quality=75, subsampling=0, progressive=True)
        self.save("d.png", drawn(4, (31, 42, 1)))
        Image.fromarray(drawn(5)).quantize(17).save(self.folder / "train_images" / "e.png")
        for name in "abcde":
            self.save(f"{name}.png", spot((2, 9), (3, 11)), "train_masks")
        self.save("a2.png", spot((20, 29), (30, 40)), "train_masks")
        self.write("Image_Path,IMAGE_NAME,split,Question,answer,position,mask_path",
                   'train_images/a.png,a.png,train,"Where, please, is it?",Up there.,top left,',
                   "train_images/a.png,a.png,train,And the other one?,,bottom right,train_masks/a2.png",
                   "train_images/a.png,a.png,train,Again?,,,",
                   "train_images,b.jpg,valid,Where is it?,,near the centre,",
                   "train_images/c.JPEG,,Test,Where is it?,,,",
                   "train_images/d.png,d,train,Where is it?,,,",
                   "train_images/e.png,e.png,train,Wo ist es \u00fcberhaupt?,,,")
        text = convert("prompted", self.table, self.shards, "--modality", "photo", ranks=2)
        self.assertIn("6 targets and 7 questions in 5 cases", text)
        cases, index = stored(self.shards)
        self.assertEqual(index["channels"], ["red", "green", "blue"])
        self.assertEqual(index["splits"], {"train": ["a", "d", "e"], "val": ["b"], "test": ["c"]})
        for name, file in (("a", "a.png"), ("b", "b.jpg"), ("c", "c.JPEG"), ("d", "d.png"), ("e", "e.png")):
            image, label, prompts = cases[name]
            expected = numpy.asarray(Image.open(self.folder / "train_images" / file).convert("RGB")).transpose(2, 0, 1)[:, None]
            self.assertIn(image.dtype, (numpy.int16, numpy.uint16))
            numpy.testing.assert_array_equal(image, expected, name)
            check_targets(self, label, prompts)
            self.assertEqual((prompts["space"], prompts["modality"]), ("image", "photo"))
            numpy.testing.assert_array_equal(label[0] == 1, spot((2, 9), (3, 11)) > 0)
        _, label, prompts = cases["a"]
        numpy.testing.assert_array_equal(label[0] == 2, spot((20, 29), (30, 40)) > 0)
        self.assertEqual([(one["target"], one["question"], one["answer"]) for one in prompts["questions"]],
                         [(0, "Where, please, is it?", "Up there."), (0, "Again?", ""), (1, "And the other one?", "")])
        self.assertEqual([target["position"] for target in prompts["targets"]], [2, 8])  # far: 1 + 2 (2 H + W) + 1
        self.assertEqual(cases["e"][2]["questions"][0]["question"], "Wo ist es \u00fcberhaupt?")
        support.run("inspect_shards", self.shards, "--case", "a", "--export", self.folder / "back")
        back = nibabel.load(self.folder / "back" / "a_green.nii.gz").get_fdata()[..., 0].T
        numpy.testing.assert_array_equal(back, drawn(1)[..., 1])

    def test_grey_pictures_alone_have_one_channel(self):
        for number, name in enumerate(("a.png", "b.jpg")):
            self.save(name, drawn(number, (31, 42, 1)))
            self.save(name, spot((2, 9), (3, 11)), "train_masks")
        self.write("image_path,description", "train_images/a.png,What?", "train_images/b.jpg,What?")
        convert("prompted", self.table, self.shards, "--split", "0.5,0.5,0")
        cases, index = stored(self.shards)
        self.assertEqual(index["channels"], ["grey"])
        numpy.testing.assert_array_equal(cases["b"][0][0, 0], numpy.asarray(Image.open(self.folder / "train_images" / "b.jpg")))
        self.assertEqual(sorted(len(ids) for ids in index["splits"].values()), [0, 1, 1])

    def test_every_bad_line_is_named_and_the_rest_can_be_converted(self):
        for name in "abcdefgh":
            self.save(f"{name}.png", drawn(ord(name)))
            self.save(f"{name}.png", spot((2, 9), (3, 11)), "train_masks")
        self.save("b.png", spot((0, 0), (0, 0)), "train_masks")
        self.save("c.png", spot((2, 9), (3, 11), (31, 41)), "train_masks")
        (self.folder / "train_masks" / "d.png").unlink()
        self.save("e2.png", spot((8, 20), (10, 20)), "train_masks")
        (self.folder / "train_images" / "f.png").write_bytes((self.folder / "train_images" / "f.png").read_bytes()[:90])
        self.write("image_path,image_name,split,question,answer,position,mask_path",
                   "train_images/a.png,a.png,train,Where?,,bottom right,",
                   "train_images/b.png,b.png,train,Where?,,,",
                   "train_images/c.png,c.png,train,Where?,,,",
                   "train_images/d.png,d.png,train,Where?,,,",
                   "train_images/e.png,e.png,train,Where?,,,",
                   "train_images/e.png,e.png,train,Where?,,,train_masks/e2.png",
                   "train_images/f.png,f.png,train,Where?,,,",
                   "train_images/g.png,g.png,learn,,,,",
                   "train_images/none.png,none.png,train,Where?,,,",
                   "train_images/h.png,h.png,train,Where?,,upper left,",
                   "short,line")
        for ranks in (None, 2):
            text = convert("prompted", self.table, self.shards, expect=65, ranks=ranks)
            self.assertIn("9 of 10 cases were refused", text)
            for line, why in ((2, "position says 'bottom right', but the mask lies in the top left quadrant"),
                              (3, r"mask .*b\.png: is empty, its brightest pixel is 0"), (4, "has 41x31 pixels, the image 42x31"),
                              (5, "there is no mask .*train_masks/d.png"), (7, r"overlaps .*masks/e\.png \(row 8, column 10\)"),
                              (9, "question is blank; split is 'learn'"), (10, "none.png does not exist"),
                              (12, "2 cells where the header has 7")):
                self.assertRegex(text, rf"prompts\.csv:{line}: .*{why}")
            self.assertRegex(text, r"case f: .*f\.png: libpng cannot read it")
        convert("prompted", self.table, self.shards, "--skip-bad")
        self.assertEqual(set(stored(self.shards)[0]), {"h"})

    def test_what_ends_the_conversion(self):
        self.save("a.png", drawn(1))
        self.save("a.png", spot((2, 9), (3, 11)), "train_masks")
        (self.folder / "other_images").mkdir()
        self.save("a.png", drawn(2), "other_images")
        self.write("image_path,question", "train_images/a.png,What?", "other_images/a.png,What?")
        self.assertRegex(convert("prompted", self.table, self.shards, expect=65), r"prompts\.csv:3: a is .*other_images/a\.png, at .*csv:2")
        self.write("image_path,answer", "train_images/a.png,That.")
        self.assertIn("no column is the question", convert("prompted", self.table, self.shards, expect=65))
        self.write("question,answer", "What?,That.")
        self.assertIn("no column is the image", convert("prompted", self.table, self.shards, expect=65))
        self.write("image_path,question,description", "train_images/a.png,What?,That.")
        self.assertIn("'question' and 'description' may both be meant", convert("prompted", self.table, self.shards, expect=65))
        self.write("image_path,question", "train_images/a.png,What?")
        for words in (("--make-prompts",), ("--label-scheme", "generic"), ("--fold-column", "x"), ("--channels", "x")):
            convert("prompted", self.table, self.shards, *words, expect=64)
        self.assertIn("1 cases converted", convert("prompted", self.table, self.shards))
        self.assertIn("0 cases converted, 1 kept", convert("prompted", self.table, self.shards))
        self.write("image_path,question", "train_images/a.png,What else?")
        self.assertIn("1 cases converted, 0 kept", convert("prompted", self.table, self.shards))


class Phantoms(support.Case):
    def test_phantoms_are_converted_and_asked_by_their_sides(self):
        for ranks in (None, 2):
            support.run("make_phantoms", "--layout", "prompted", "--cases", 4, "--size", 32, "--seed", 3, "--output",
                        self.folder / f"in{ranks}", ranks=ranks)
        for number in range(1, 5):
            for name in ("ct", "label"):
                file = f"prompted_{number:04d}/{name}.nii.gz"
                self.assertEqual((self.folder / "inNone" / file).read_bytes(), (self.folder / "in2" / file).read_bytes())
        text = convert("generic", self.folder / "in2", self.folder / "shards", "--make-prompts", "--structures", "1=lesion", "--modality",
                       "CT")
        self.assertIn("8 targets", text)
        self.assertIn("; 0 targets that no sentence tells", text)
        for _, label, prompts in stored(self.folder / "shards")[0].values():
            check_targets(self, label, prompts)
            self.assertEqual((label == 1).sum(), (label == 2).sum())
            self.assertNotEqual(*(target["start"][2] < 16 for target in prompts["targets"]))


if __name__ == "__main__":
    support.main()
