"""preview_batch draws what the loader gives: its size, its pixels, and that the seed decides about them."""
import nibabel
import numpy
from PIL import Image

import support

GAP = 2  # pixels between panels and between rows
AS_STORED = {
    "data.normalisation": "none",
    "data.flip_probability": 0,
    "data.intensity_scale": 0,
    "data.intensity_shift": 0,
}
ALL_ON = {f"data.intensity.{name}_probability": 1 for name in
          ("bias_field", "gaussian_smooth", "gibbs_noise", "gaussian_noise", "sharpen", "contrast")}


def axial(volume, k):
    """The slice as a radiologist looks: front upwards, the patient's right on the left.  volume is (i,j,k) in RAS."""
    return volume[::-1, ::-1, k].T


def grey(volume):
    """From the 1st to the 99.5th percentile of the voxels that are not 0."""
    values = numpy.sort(volume[volume != 0])
    low, high = (values[int(share * (values.size - 1))] for share in (0.01, 0.995))
    return 255 * numpy.clip((volume - low) / (high - low), 0, 1)


def canonical(file):
    return numpy.asarray(nibabel.as_closest_canonical(nibabel.load(file)).dataobj)


class PreviewBatch(support.Case):
    def setUp(self):
        super().setUp()
        self.source, self.shards = support.phantom_cases(6, 32), support.phantom_shards(6, 32, split="0.84,0.16,0")

    def draw(self, name, batches, expect=0, **values):
        file = self.folder / name
        values = {"data.threads": 1, **values}
        self.text = support.run("preview_batch", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", self.shards,
                                "--output", file, "--batches", batches, *support.settings(values), expect=expect)
        return file

    def test_size_and_texts(self):
        values = {"data.crop_size": "[12,16,20]", "data.batch_size": 2, **ALL_ON}
        with Image.open(self.draw("a.png", 3, **values)) as picture:
            zoom = -(-144 // 20)  # the longest edge becomes at least 144 pixels
            self.assertEqual(picture.size, (5 * (20 * zoom + GAP) - GAP, 6 * (16 * zoom + GAP) - GAP))
            self.assertEqual(picture.mode, "RGB")
            panels = picture.info["panels"].split("|")
            self.assertEqual((len(panels), panels[-1]), (5, "label"))
            rows = picture.info["rows"].split("|")
            self.assertEqual(len(rows), 6)
            self.assertLessEqual(set(rows), {case.name for case in self.source.iterdir()})
            self.assertGreater(numpy.asarray(picture).std(), 10)

    def test_numbers_belong_to_the_seed(self):
        values = {"data.crop_size": "[16,16,16]", **ALL_ON}
        first = self.draw("a.png", 2, **values).read_bytes()
        self.assertEqual(self.draw("b.png", 2, **values).read_bytes(), first)
        self.assertEqual(self.draw("c.png", 2, **{**values, "data.threads": 3}).read_bytes(), first)
        self.assertNotEqual(self.draw("d.png", 2, **values, seed=1).read_bytes(), first)
        self.assertNotEqual(self.draw("e.png", 2, **{"data.crop_size": "[16,16,16]"}).read_bytes(), first)

    def test_pixels_are_those_of_the_files(self):
        """Crops as large as the volumes, nothing changed: each row is a slice of a case."""
        with Image.open(self.draw("a.png", 4, **{"data.crop_size": "[32,32,32]"}, **AS_STORED)) as picture:
            pixels = numpy.asarray(picture).astype(float)
            panels, rows = picture.info["panels"].split("|"), picture.info["rows"].split("|")
        zoom = -(-144 // 32)
        edge = 32 * zoom
        for row, case in enumerate(rows):
            label = canonical(self.source / case / f"{case}_seg.nii.gz")
            k = int((label != 0).sum(axis=(0, 1)).argmax())
            shown = axial(label, k) != 0
            self.assertTrue(shown.any())
            for column, name in enumerate(panels):
                top, left = row * (edge + GAP), column * (edge + GAP)
                panel = pixels[top:top + edge:zoom, left:left + edge:zoom]
                volume = canonical(self.source / case / f"{case}_{panels[-2] if name == 'label' else name}.nii.gz")
                expected = numpy.repeat(axial(grey(volume.astype(float)), k)[..., None], 3, axis=2)
                kept = ~shown if name == "label" else numpy.ones_like(shown)
                self.assertLessEqual(abs(panel - expected)[kept].max(), 1, f"{case} {name}")
                if name == "label":
                    self.assertGreater(numpy.ptp(panel[shown], axis=1).min(), 5, f"labelled voxels of {case} have no colour")

    def test_what_is_wrong_is_said(self):
        self.draw("a.png", 0, expect=64)
        self.assertIn("--batches must be 1 to 1000", self.text)
        self.draw("a.png", 1, expect=78, **{"data.intensity.contrast_gama": "[1,2]"})
        self.assertIn("contrast_gamma", self.text)
        self.draw("nowhere/a.png", 1, expect=73)
        text = support.run("preview_batch", "--data", self.shards, "--output", self.folder / "a.png", expect=64)
        self.assertIn("--config is missing", text)
        self.assertFalse((self.folder / "a.png").exists())


if __name__ == "__main__":
    support.main()
