"""Segmentation of what a prompt means: training and resume, figures against masks that infer writes, prompts that cannot be."""
import csv
import json

import nibabel
import numpy
import prompted_cases
import scipy.ndimage
import support
from PIL import Image

CASES = 12


def shards():
    return prompted_cases.shards(CASES, "0.5,0.25,0.25")


def trained():
    return support.made_once("prompted_run", lambda folder: prompted_cases.train(folder / "run", shards(), ranks=2)) / "run"


def table(file):
    with open(file, newline="") as opened:
        return list(csv.DictReader(opened))


def held_out():
    return json.loads((shards() / "dataset.json").read_text())["splits"]["test"]


def label(name):
    return nibabel.load(prompted_cases.lesions(CASES) / name / "label.nii.gz")


def dice(one, other):
    return 2 * (one & other).sum() / max(one.sum() + other.sum(), 1)


class Training(support.Case):
    def test_resumed_run_is_the_undisturbed_one(self):
        values = {"train.schedule.name": "constant", "train.ema.enabled": "true", "model.dropout_prob": 0.2, "data.flip_axes": "[0,1,2]"}
        prompted_cases.train(self.folder / "whole", shards(), ranks=2, **values)
        for steps in (3, 8):  # an epoch has two
            prompted_cases.train(self.folder / "parts", shards(), ranks=2, **values, **{"train.steps": steps})
        for file in ("model", "ema", "optimizer"):
            whole, parts = ((support.newest_checkpoint(self.folder / run) / f"{file}.safetensors").read_bytes() for run in ("whole", "parts"))
            self.assertTrue(whole == parts, file)
        self.assertEqual(*(support.metrics(self.folder / run, "validation")[8]["dice"] for run in ("whole", "parts")))

    def test_each_part_of_the_loss_is_logged(self):
        steps = support.metrics(trained()).values()
        for part in ("bce", "dice", "position", "answer"):  # a step that asked nothing in words has no answer
            self.assertGreater(sum(step[f"loss/{part}"] for step in steps), 0, part)

    def test_wrong_words(self):
        for values, words in (
            ({"prompted_segmentation.prompts": "[word]"}, "must be different ones of words, points, boxes"),
            ({"data.resize": "[]", "data.crop_size": "[16,16,16]"}, "not of a crop of it"),
            ({"data.spatial.rotate_probability": 0.5}, "no longer where its prompt says"),
        ):
            self.assertIn(words, prompted_cases.train(self.folder / "run", shards(), expect=78, **values))
        without = support.phantom_shards(6, 32, split="0.84,0.16,0")
        self.assertIn("no case of the data set has anything that can be asked for", prompted_cases.train(self.folder / "run", without, expect=65))


class Asking(support.Case):
    def infer(self, *arguments, ranks=None, expect=0):
        return support.run("infer", "--run", trained(), "--best", "--input", prompted_cases.lesions(CASES), "--output", self.folder / "masks",
                           *arguments, ranks=ranks, expect=expect)

    def test_figures_of_evaluate_are_those_of_the_masks(self):
        """Boxes around lesions, as scipy finds them, in the files' own millimetres."""
        lines, lesions = ["image_name,box"], {}
        for name in held_out():
            image = label(name)
            components, count = scipy.ndimage.label(numpy.asarray(image.dataobj) > 0, numpy.ones((3, 3, 3)))
            self.assertEqual(count, 2)
            for number in (1, 2):
                voxels = numpy.argwhere(components == number)
                corners = [nibabel.affines.apply_affine(image.affine, corner) for corner in (voxels.min(0) - 0.5, voxels.max(0) + 0.5)]
                lines.append(f"{name},{' '.join(str(value) for value in numpy.concatenate(corners))}")
                lesions.setdefault(name, []).append(components == number)
        prompts = self.folder / "prompts.csv"
        prompts.write_text("\n".join(lines) + "\n")
        wanted = self.folder / "wanted"
        wanted.mkdir()
        for name in held_out():
            (wanted / name).symlink_to(prompted_cases.lesions(CASES) / name)
        support.run("infer", "--run", trained(), "--best", "--input", wanted, "--output", self.folder / "masks", "--prompts", prompts, ranks=2)
        support.run("evaluate", "--run", trained(), "--best", "--data", shards(), "--split", "test", "--output", self.folder / "figures", ranks=2)
        rows = {row["case"]: row for row in table(self.folder / "figures" / "cases.csv")}
        answers = table(self.folder / "masks" / "answers.csv")
        self.assertEqual(len(answers), 2 * len(lesions))
        for name, masks in lesions.items():
            found = [numpy.asarray(nibabel.load(self.folder / "masks" / f"{name}_{number}.nii.gz").dataobj) > 0 for number in (1, 2)]
            numpy.testing.assert_array_equal(nibabel.load(self.folder / "masks" / f"{name}_1.nii.gz").affine, label(name).affine)
            # Which component is the first one is up to who counts; the mean over both is not.
            mean = numpy.mean([dice(mask, truth) for mask, truth in zip(found, masks)])
            self.assertAlmostEqual(float(rows[name]["dice/boxes"]), mean, places=6)
        figures = json.loads((self.folder / "figures" / "metrics.json").read_text())["all_cases"]
        self.assertAlmostEqual(figures["dice/boxes"], numpy.mean([float(row["dice/boxes"]) for row in rows.values()]), places=9)

    def test_validation_has_the_figures_of_evaluate(self):
        best = max(support.metrics(trained(), "validation").values(), key=lambda line: line["dice"])
        support.run("evaluate", "--run", trained(), "--best", "--data", shards(), "--split", "val", "--output", self.folder / "val")
        figures = json.loads((self.folder / "val" / "metrics.json").read_text())["all_cases"]
        for name in ("dice", "iou", "dice_worst", "dice_other", "dice/words", "dice/points", "dice/boxes"):
            self.assertAlmostEqual(best[name], figures[name], places=6, msg=name)

    def test_a_prompt_in_words_is_asked_of_every_case(self):
        self.infer("--prompt", "Segment the lesion in the left anterior superior octant.", ranks=2)
        answers = table(self.folder / "masks" / "answers.csv")
        self.assertEqual([line["case"] for line in answers], sorted(line["case"] for line in answers))
        self.assertEqual(len(answers), CASES)
        for line in answers:
            mask = nibabel.load(self.folder / "masks" / line["mask"])
            self.assertEqual(mask.shape, label(line["case"]).shape)
            self.assertRegex(line["position"], "^(at the centre|in the (left|right) (anterior|posterior) (superior|inferior) octant)")

    def test_prompts_that_cannot_be_are_told(self):
        self.assertIn("give either --prompt", self.infer(expect=64))
        self.assertIn("did you mean 'lesion'?", self.infer("--prompt", "Segment the lesoin.", expect=65))
        self.assertIn("is the most that this network takes", self.infer("--prompt", "Segment the lesion " * 20, expect=65))
        self.assertIn("say what is to be segmented", self.infer("--prompt", "  ", expect=65))
        prompts = self.folder / "prompts.csv"
        for text, words in (("image_name,question\nprompted_0099,Segment the lesion.\n", "did you mean"),
                            ("question,point\nSegment the lesion.,1 2 3\n", "prompts.csv:2: has more than one prompt"),
                            ("question,point\n,1 2\n", "must be 3 numbers"),
                            ("point\n9000 0 0\n", "lies outside of the image"),
                            ("image_name\nx\n", "has none of the columns question, point, box")):
            prompts.write_text(text)
            self.assertIn(words, self.infer("--prompts", prompts, expect=65), text)
        self.assertIn("is of prompted_segmentation", support.run(
            "infer", "--run", self.segmentation(), "--input", shards(), "--output", self.folder / "x", "--prompt", "Segment it.", expect=64))

    def segmentation(self):
        return support.made_once("prompted_other_task", lambda folder: support.run(
            "train_brats", "--data", support.phantom_shards(6, 32, split="0.84,0.16,0"), "--run", folder / "run",
            *support.settings({**support.TINY, "train.steps": 1, "train.epochs": 0}))) / "run"


class Pictures(support.Case):
    """Bright discs on noise, one a picture, of different sizes, with a table as PRS-Med's."""

    SIZES = [(40, 56), (48, 48), (64, 40), (56, 72)] * 2

    def setUp(self):
        super().setUp()
        random = numpy.random.default_rng(7)
        lines = ["image_path,image_name,split,question,answer,position"]
        for folder in ("train_images", "train_masks"):
            (self.folder / "data" / folder).mkdir(parents=True)
        for number, (height, width) in enumerate(self.SIZES):
            at = (height // 4, width // 4 if number % 2 else 3 * width // 4)
            rows, columns = numpy.mgrid[:height, :width]
            disc = (rows - at[0]) ** 2 + (columns - at[1]) ** 2 < 36
            pixels = random.integers(0, 90, (height, width, 3)) + 120 * disc[..., None]
            name, side = f"polyp_{number}.png", "left" if number % 2 else "right"
            Image.fromarray(pixels.astype(numpy.uint8)).save(self.folder / "data" / "train_images" / name)
            Image.fromarray((255 * disc).astype(numpy.uint8)).save(self.folder / "data" / "train_masks" / name)
            lines.append(f"train_images/{name},{name},{'train' if number < 6 else 'val'},Where is the polyp?,It is in the top {side}.,top {side}")
        (self.folder / "data" / "table.csv").write_text("\n".join(lines) + "\n")

    def test_from_a_table_to_masks(self):
        shards, run, masks = (self.folder / name for name in ("shards", "run", "masks"))
        support.run("convert_dataset", "--layout", "prompted", "--input", self.folder / "data" / "table.csv", "--output", shards)
        prompted_cases.train(run, shards, ranks=2, **{"data.resize": "[1,32,32]", "data.normalisation": "window", "data.window": "[0,255]",
                                                      "data.flip_axes": "[1,2]", "prompted_segmentation.prompts": "[words,boxes]"})
        figures = support.metrics(run, "validation")[8]
        for name in ("dice/words", "dice/boxes", "position_accuracy", "answer_match"):
            self.assertIn(name, figures)
        prompts = self.folder / "prompts.csv"
        prompts.write_text("image_name,question,box\n" + "".join(
            f"polyp_{number}.png,Where is the polyp?,\npolyp_{number}.png,,4 4 0 20 20 0\n" for number in range(len(self.SIZES))))
        support.run("infer", "--run", run, "--input", self.folder / "data" / "train_images", "--output", masks, "--prompts", prompts, ranks=2)
        self.assertEqual(len(table(masks / "answers.csv")), 2 * len(self.SIZES))
        for number, (height, width) in enumerate(self.SIZES):
            for prompt in (1, 2):
                mask = numpy.asarray(Image.open(masks / f"polyp_{number}_{prompt}.png"))
                self.assertEqual(mask.shape, (height, width))
                self.assertLessEqual(set(numpy.unique(mask)), {0, 255})


if __name__ == "__main__":
    support.main()
