"""convert_dataset --layout xray_ct: radiographs out of pictures or projected from the CT, read back by h5py."""
import json
import shutil
import unittest

import h5py
import hdf5plugin  # noqa: F401, registers zstd with h5py
import nibabel
import numpy
import support
import torch
from PIL import Image

WATER_PER_MM = 0.02059
CT = support.REAL_DATA / "ct"


def convert(source, output, *arguments, expect=0, ranks=None):
    return support.run("convert_dataset", "--layout", "xray_ct", "--input", source, "--output", output, *arguments,
                       expect=expect, ranks=ranks)


def stored(shards):
    """{case: {dataset: array}} and the index, as h5py and json read them."""
    index = json.loads((shards / "dataset.json").read_text())
    cases = {}
    for one in index["cases"]:
        with h5py.File(shards / one["shard"]) as file:
            group = file["cases"][one["id"]]
            cases[one["id"]] = {name: group[name][()] for name in ("image", "views")}
            cases[one["id"]]["names"] = [name.decode() for name in group["views"].attrs["view_names"]]
            cases[one["id"]]["unit"] = numpy.atleast_1d(group["views"].attrs["view_unit"])[0].decode()
    return cases, index


def resized(pictures, size):
    """[V,h,w] to [V,size,size]: means where that shrinks, else linear."""
    pictures = torch.as_tensor(numpy.asarray(pictures, dtype=numpy.float64))[None]
    if min(pictures.shape[2:]) >= size:
        return torch.nn.functional.adaptive_avg_pool2d(pictures, size)[0].numpy()
    return torch.nn.functional.interpolate(pictures, size=(size, size), mode="bilinear", align_corners=False)[0].numpy()


def projections(file):
    """ap and lateral of a NIfTI file in HU, each on the volume's own pixels: nibabel and sums."""
    image = nibabel.as_closest_canonical(nibabel.load(file))
    mu = numpy.maximum(WATER_PER_MM * (1 + image.get_fdata() / 1000), 0)
    spacing = image.header.get_zooms()
    # Rows from the head down; columns from the right, or from the front.
    return [(mu.sum(axis) * spacing[axis]).T[::-1, ::-1] for axis in (1, 0)]


def linear(pictures, size):
    return numpy.stack([torch.nn.functional.interpolate(torch.as_tensor(one.copy())[None, None], size=(size, size), mode="bilinear",
                                                        align_corners=False)[0, 0].numpy() for one in pictures])


def phantoms(folder, count, size=32):
    support.run("make_phantoms", "--layout", "xray_ct", "--cases", count, "--size", size, "--seed", 5, "--output", folder)


class Projected(support.Case):
    def test_two_ranks_make_what_one_makes_and_h5py_and_numpy_agree(self):
        source = self.folder / "in"
        phantoms(source, 5)
        for ranks in (1, 2):
            convert(source, self.folder / f"np{ranks}", "--make-drrs", "--view-size", 40, "--split", "0.6,0.2,0.2", ranks=ranks)
        (one, index), (two, other) = stored(self.folder / "np1"), stored(self.folder / "np2")
        self.assertEqual(index["splits"], other["splits"])
        self.assertEqual([len(index["splits"][name]) for name in ("train", "val", "test")], [3, 1, 1])
        self.assertEqual(index["views"], {"names": ["ap", "lateral"], "size": [40, 40], "unit": "attenuation"})
        self.assertEqual(len(one), 5)
        for case, data in one.items():
            numpy.testing.assert_array_equal(data["image"], two[case]["image"])
            numpy.testing.assert_array_equal(data["views"], two[case]["views"])
            self.assertEqual((data["names"], data["unit"]), (["ap", "lateral"], "attenuation"))
            wanted = linear(projections(source / case / f"{case}.nii.gz"), 40)
            numpy.testing.assert_allclose(data["views"], wanted, atol=2e-5)
            self.assertGreater(abs(wanted[0] - wanted[1]).max(), 0.5)  # the views differ
        self.assertGreater(abs(one["body_001"]["views"] - one["body_002"]["views"]).max(), 0.5)  # and so do the bodies
        shown = support.run("inspect_shards", self.folder / "np1")
        self.assertIn("views 2 of 40x40 (ap, lateral, attenuation)", shown)
        self.assertIn("is whole", support.run("inspect_shards", self.folder / "np1", "--verify").replace("are whole", "is whole"))

    def test_started_again_nothing_is_converted_and_another_size_is(self):
        source, shards = self.folder / "in", self.folder / "shards"
        phantoms(source, 2)
        convert(source, shards, "--make-drrs", "--view-size", 32)
        before = (shards / "dataset.json").read_text()
        self.assertIn("0 cases converted, 2 kept", convert(source, shards, "--make-drrs", "--view-size", 32))
        self.assertEqual((shards / "dataset.json").read_text(), before)
        self.assertIn("2 cases converted, 0 kept", convert(source, shards, "--make-drrs", "--view-size", 24))
        self.assertEqual(stored(shards)[0]["body_001"]["views"].shape, (2, 24, 24))

    @unittest.skipUnless(CT.exists(), "no real CT")
    def test_real_ct(self):
        source = self.folder / "in"
        for name in ("chest_2p5mm", "totalseg_3mm"):
            (source / name).mkdir(parents=True)
            (source / name / f"{name}.nii.gz").symlink_to(CT / f"{name}.nii.gz")
        convert(source, self.folder / "shards", "--make-drrs", "--view-size", 128)
        cases, _ = stored(self.folder / "shards")
        for name, data in cases.items():
            wanted = linear(projections(CT / f"{name}.nii.gz"), 128)
            numpy.testing.assert_allclose(data["views"], wanted, atol=1e-4)
            self.assertGreater(data["views"].max(), 3)  # a body weakens X-rays by more than twenty
        self.assertEqual(len(cases), 2)


class Pictures(support.Case):
    def setUp(self):
        super().setUp()
        self.source, self.shards = self.folder / "in", self.folder / "shards"
        phantoms(self.source, 2)
        self.cases = ["body_001", "body_002"]
        self.random = numpy.random.default_rng(3)

    def put(self, case, name, picture):
        file = self.source / case / f"{case}_{name}"
        numpy.save(file, picture) if name.endswith(".npy") else picture.save(file)

    def noise(self, shape, kind):
        return self.random.integers(0, numpy.iinfo(kind).max, shape, dtype=kind, endpoint=True)

    def test_every_kind_of_picture_is_read_as_pillow_and_numpy_read_it(self):
        grey8, grey16 = self.noise((48, 60), numpy.uint8), self.noise((48, 60), numpy.uint16)
        real, doubled = self.random.normal(size=(20, 20)).astype(numpy.float32), self.random.normal(size=(20, 30))
        levels = self.noise((48, 60), numpy.uint8) // 86 * 85  # 4 grey levels
        palette = Image.fromarray(levels // 85).convert("P")
        palette.putpalette([value for level in range(256) for value in [level * 85 % 256] * 3])
        opaque = Image.fromarray(grey8).convert("LA")
        kinds = {
            "grey8": ("pa_drr.png", Image.fromarray(grey8), grey8 / 255),
            "grey16": ("frontal.png", Image.fromarray(grey16), grey16 / 65535),
            "rgb": ("ap.png", Image.fromarray(grey8).convert("RGB"), grey8 / 255),
            "alpha": ("pa.png", opaque, grey8 / 255),
            "palette": ("ap_drr.png", palette, levels / 255),
            "one_bit": ("pa.png", Image.fromarray(grey8 > 127), (grey8 > 127) * 1.0),
            "npy8": ("pa_drr.npy", grey8, grey8 / 255),
            "npy16": ("pa.npy", grey16, grey16 / 65535),
            "npy32": ("pa.npy", real, real),
            "npy64": ("frontal_drr.npy", doubled, doubled),
            "fortran": ("pa.npy", numpy.asfortranarray(grey16), grey16 / 65535),
        }
        for kind, (name, picture, wanted) in kinds.items():
            with self.subTest(kind=kind):
                folder = self.folder / kind
                (folder / "P").mkdir(parents=True)
                shutil.copy(self.source / "body_001" / "body_001.nii.gz", folder / "P" / "P.nii.gz")
                file = folder / "P" / f"P_{name}"
                numpy.save(file, picture) if name.endswith(".npy") else picture.save(file)
                convert(folder, folder / "shards", "--view-size", 24)
                cases, index = stored(folder / "shards")
                self.assertEqual(index["views"], {"names": ["ap"], "size": [24, 24], "unit": "none"})
                numpy.testing.assert_allclose(cases["P"]["views"], resized(wanted[None], 24), atol=2e-6)

    def put_projections(self, lateral="lat_drr.png", upside_down=()):
        """8-bit pictures of the CTs' own projections."""
        for case in self.cases:
            for name, picture in zip(("pa_drr.png", lateral), projections(self.source / case / f"{case}.nii.gz")):
                grey = numpy.round(255 * picture / picture.max()).astype(numpy.uint8)
                if case in upside_down:
                    grey = grey[::-1]
                self.put(case, name, Image.fromarray(grey))

    def test_pictures_are_compared_with_the_projection_of_their_ct(self):
        self.put_projections(lateral="lateral.png", upside_down=["body_002"])
        text = convert(self.source, self.shards, "--view-size", 32, ranks=2)
        self.assertIn("2 of 4 views lie as their CT does", text)
        self.assertIn("case body_002, view ap does not lie", text)
        self.assertIn("it looks upside down (--flip-views vertical)", text)
        self.assertNotIn("case body_001, view", text)
        upright = stored(self.shards)[0]
        text = convert(self.source, self.folder / "turned", "--view-size", 32, "--flip-views", "vertical")
        self.assertIn("case body_001, view ap does not lie", text)
        self.assertNotIn("case body_002, view", text)
        for case, data in stored(self.folder / "turned")[0].items():
            self.assertEqual((data["names"], data["unit"]), (["ap", "lateral"], "none"))
            numpy.testing.assert_array_equal(data["views"], upright[case]["views"][:, ::-1])

    def test_what_is_mirrored_inverted_or_of_another_patient_is_said(self):
        self.put_projections()
        file = self.source / "body_001" / "body_001_lat_drr.png"
        grey = numpy.asarray(Image.open(file))
        Image.fromarray(grey[:, ::-1]).save(file)
        other = self.source / "body_002" / "body_002_pa_drr.png"
        Image.fromarray(255 - numpy.asarray(Image.open(other))).save(other)
        text = convert(self.source, self.shards, "--view-size", 32)
        self.assertIn("2 of 4 views lie as their CT does", text)
        self.assertRegex(text, "case body_001, view lateral does not lie .* it looks mirrored")
        self.assertRegex(text, "case body_002, view ap does not lie .* (3\.|4: )")

    def test_a_npy_volume_needs_a_spacing(self):
        volume = self.noise((12, 14, 16), numpy.int16)
        (self.folder / "npy" / "P").mkdir(parents=True)
        numpy.save(self.folder / "npy" / "P" / "P.npy", volume)
        text = convert(self.folder / "npy", self.shards, "--make-drrs", expect=65)
        self.assertIn("P.npy: a .npy volume has no spacing; give it with --spacing D,H,W", text)
        convert(self.folder / "npy", self.shards, "--make-drrs", "--spacing", "3,2,1.5", "--view-size", 16)
        data = stored(self.shards)[0]["P"]
        numpy.testing.assert_array_equal(data["image"][0], volume)
        mu = numpy.maximum(WATER_PER_MM * (1 + volume / 1000), 0)
        wanted = linear([(mu.sum(1) * 2)[::-1, ::-1], (mu.sum(2) * 1.5)[::-1, ::-1]], 16)
        numpy.testing.assert_allclose(data["views"], wanted, rtol=1e-5)

    def test_what_is_missing_or_too_much_is_named(self):
        text = convert(self.source, self.shards, expect=65)
        self.assertIn("body_001: has no views (body_001_pa_drr.png", text)
        self.assertIn("make them of the CT with --make-drrs", text)
        self.put_projections()
        self.assertIn("has a view, body_001_pa_drr.png, which --make-drrs would not use",
                      convert(self.source, self.shards, "--make-drrs", expect=65))
        shutil.copy(self.source / "body_001" / "body_001_pa_drr.png", self.source / "body_001" / "body_001_frontal.png")
        (self.source / "body_002" / "body_002_lat_drr.png").unlink()
        text = convert(self.source, self.shards, expect=65)
        self.assertIn("2 files are the view ap (body_001_frontal.png, body_001_pa_drr.png)", text)
        self.assertIn("missing view lateral, which other cases have", text)
        (self.source / "body_001" / "body_001.nii.gz").unlink()
        self.assertIn("missing body_001.nii.gz", convert(self.source, self.shards, expect=65))
        (self.folder / "empty").mkdir()
        self.assertIn("holds no case", convert(self.folder / "empty", self.shards, expect=65))

    def test_bad_pictures_are_refused_by_name(self):
        shutil.rmtree(self.source / "body_002")
        grey = self.noise((20, 20), numpy.uint8)
        red = numpy.stack([grey, grey, grey], 2)
        red[3, 4, 0] ^= 1
        clear = Image.fromarray(grey).convert("LA")
        clear.putpixel((4, 3), (0, 128))
        good = self.source / "good.png"
        Image.fromarray(grey).save(good)
        bad = {
            "is a colour picture (row 3, column 4)": lambda file: Image.fromarray(red).save(file),
            "is transparent (row 3, column 4)": lambda file: clear.save(file),
            "libpng cannot read it": lambda file: file.write_bytes(good.read_bytes()[:-40]),
            "libpng cannot read it: Not a PNG file": lambda file: file.write_bytes(b"GIF89a" + bytes(40)),
        }
        arrays = {
            "has 3 axes where 2 are expected": numpy.zeros((2, 3, 4)),
            "its type is '>f4'": numpy.zeros((4, 4), ">f4"),
            "its type is '<c8'": numpy.zeros((4, 4), numpy.complex64),
            "views are uint8, uint16, float32 or float64": numpy.zeros((4, 4), numpy.int16),
            "value 5 (row-major) is NaN or infinite": numpy.where(numpy.arange(16).reshape(4, 4) == 5, numpy.nan, 0),
            "its header is not that of a plain NumPy array": numpy.zeros(3, [("a", "<f4"), ("b", "<f4")]),
        }
        for message, array in arrays.items():
            bad[message] = lambda file, array=array: numpy.save(file, array)
        bad["is truncated or damaged"] = lambda file: (numpy.save(file, grey), file.write_bytes(file.read_bytes()[:-1]))
        bad["is not a .npy file"] = lambda file: file.write_bytes(b"NUMPY" + bytes(100))
        for message, write in bad.items():
            with self.subTest(message=message):
                npy = message in arrays or "npy" in message or "damaged" in message
                file = self.source / "body_001" / f"body_001_pa.{'npy' if npy else 'png'}"
                write(file)
                text = convert(self.source, self.shards, expect=65)
                self.assertIn(f"{file.name}: ", text)
                self.assertIn(message, text)
                file.unlink()

    def test_options_of_other_layouts_are_refused(self):
        for words, message in ((("--make-drrs", "--flip-views", "vertical"), "leave one of them out"),
                               (("--flip-views", "sideways"), "known is vertical"), (("--view-size", 8), "16 to 4096"),
                               (("--allow-missing", 1), "belongs to --layout brats, nnunet and generic"),
                               (("--task", "tumor"), "belongs to --layout prostate158")):
            self.assertIn(message, convert(self.source, self.shards, *words, expect=64))
        self.assertIn("belong to --layout xray_ct",
                      support.run("convert_dataset", "--layout", "generic", "--input", self.source, "--output", self.shards,
                                  "--make-drrs", expect=64))
        for layout in ("xray_ct", "prostate158"):
            self.assertIn("--contrast belongs to --layout brats",
                          support.run("make_phantoms", "--layout", layout, "--contrast", "synthesis", "--output", self.shards, expect=64))


if __name__ == "__main__":
    support.main()
