"""convert_dataset --layout prostate158 beside MONAI: zones and lesions, several grids, spacing, and what the CSV files decide."""
import json
import unittest

import h5py
import hdf5plugin  # noqa: F401, registers zstd with h5py
import nibabel
import numpy
import support
import torch
import volumes
from monai.data import MetaTensor
from monai.transforms import Orientation, ResampleToMatch, Spacing, SpatialResample

HEADER = "ID,t2,adc,dwi,t2_anatomy_reader1,t2_tumor_reader1,adc_tumor_reader1,t2_anatomy_reader2,adc_tumor_reader2"


def table(folder, name, *rows):
    """A CSV file of the layout; a row gives the cells by column."""
    columns = HEADER.split(",")
    lines = [",".join(row.get(column, "") for column in columns) for row in rows]
    (folder / name).write_text("\r\n".join([HEADER, *lines]) + "\r\n")


def convert(source, output, *arguments, expect=0, ranks=None):
    return support.run("convert_dataset", "--layout", "prostate158", "--input", source, "--output", output, *arguments,
                       expect=expect, ranks=ranks)


def index_of(shards):
    return json.loads((shards / "dataset.json").read_text())


def text(attribute):
    value = numpy.asarray(attribute).ravel()[0]
    return value.decode() if isinstance(value, bytes) else str(value)


class Stored:
    """One case of a data set as h5py reads it; arrays on i,j,k axes."""

    def __init__(self, shards, case):
        shard = next(one["shard"] for one in index_of(shards)["cases"] if one["id"] == case)
        with h5py.File(shards / shard) as file:
            group = file["cases"][case]
            self.image = group["image"][()].transpose(0, 3, 2, 1)
            self.label = group["label"][()].transpose(2, 1, 0) if "label" in group else None
            self.affine = group.attrs["affine"]
            self.attributes = dict(group.attrs)
            self.source_size = group["image"].attrs["source_size"]


def load(file):
    """[1,i,j,k] with its affine, not reoriented."""
    image = nibabel.load(file)
    return MetaTensor(torch.as_tensor(image.get_fdata(dtype=numpy.float32))[None], affine=torch.as_tensor(image.affine))


def ras(image):
    return Orientation("RAS")(image)


def exact_ties(reference, wanted_affine, size):
    """True where a voxel of the wanted grid lies half way between two of the reference's: the closest one is a matter of rounding."""
    mapping = numpy.linalg.inv(reference) @ wanted_affine
    grid = numpy.stack(numpy.meshgrid(*[numpy.arange(n) for n in size], indexing="ij"), axis=-1)
    places = grid @ mapping[:3, :3].T + mapping[:3, 3]
    return (numpy.abs(places - numpy.floor(places) - 0.5) < 1e-4).any(axis=-1)


def blob(size, where, centre, radii):
    """1 inside an ellipsoid given in mm."""
    grid = numpy.stack(numpy.meshgrid(*[numpy.arange(n) for n in size], indexing="ij"), axis=-1)
    places = grid @ where[:3, :3].T + where[:3, 3]
    return (((places - centre) / radii) ** 2).sum(axis=-1) < 1


def smooth(size, where, seed):
    """A smooth function of space with noise on top, as int16."""
    grid = numpy.stack(numpy.meshgrid(*[numpy.arange(n) for n in size], indexing="ij"), axis=-1)
    x, y, z = numpy.moveaxis(grid @ where[:3, :3].T + where[:3, 3], -1, 0)
    noise = numpy.random.default_rng(seed).normal(0, 5, size)
    return (300 + 80 * numpy.sin(x / 5 + seed) + 60 * numpy.cos(y / 7) + 40 * numpy.sin(z / 9) + noise).astype(numpy.int16)


T2 = (volumes.affine("LPS", (0.5, 0.5, 3.0), (16.0, 14.0, -14.0)), (62, 56, 11))
ADC = (volumes.affine("LPS", (1.4, 1.4, 3.6), (20.03, 18.03, -19.03)), (30, 27, 12))  # no T2 voxel half way between two
LESION = ((3.0, -4.0, 2.0), (6.0, 5.0, 7.0))


def write_case(folder, case):
    """T2 with two zones; ADC, DWI and the lesion on the coarser grid.  Returns its row."""
    for name, (where, size), seed in (("t2", T2, 1), ("adc", ADC, 2), ("dwi", ADC, 3)):
        volumes.save(folder / case / f"{name}.nii.gz", smooth(size, where, seed), where)
    zones = blob(T2[1], T2[0], (0, 0, 0), (13, 11, 13)).astype(numpy.uint8) * 2
    zones[blob(T2[1], T2[0], (0, 1, 0), (8, 7, 9))] = 1
    volumes.save(folder / case / "zones.nii.gz", zones, T2[0])
    volumes.save(folder / case / "lesion.nii.gz", blob(ADC[1], ADC[0], *LESION).astype(numpy.uint8), ADC[0])
    row = {name: f"{case}/{name}.nii.gz" for name in ("t2", "adc", "dwi")}
    return {"ID": case, **row, "t2_anatomy_reader1": f"{case}/zones.nii.gz", "adc_tumor_reader1": f"{case}/lesion.nii.gz"}


class Spacings(support.Case):
    def setUp(self):
        super().setUp()
        self.source, self.shards = self.folder / "in", self.folder / "shards"
        row = write_case(self.source, "020")
        table(self.source, "train.csv", row)

    def test_tumour_channels_come_to_t2_and_then_to_the_spacing(self):
        for arguments, pixdim in (((), None), (("--spacing", "0.5,0.5,0.5"), (0.5, 0.5, 0.5)), (("--spacing", "1,0.7,0"), (0.5, 0.7, 1))):
            output = self.folder / f"shards{pixdim}"
            convert(self.source, output, "--task", "tumor", *arguments)
            stored = Stored(output, "020")
            t2 = load(self.source / "020" / "t2.nii.gz")
            for channel, name in enumerate(("t2", "adc", "dwi")):
                image = load(self.source / "020" / f"{name}.nii.gz")
                image = image if name == "t2" else ResampleToMatch()(image, t2)
                wanted = ras(Spacing(pixdim)(image) if pixdim else image)
                self.assertEqual(stored.image[channel].shape, tuple(wanted.shape[1:]))
                numpy.testing.assert_allclose(stored.affine, numpy.asarray(wanted.affine), atol=1e-5)
                # The whole volume, borders included: both repeat the outermost voxel.
                numpy.testing.assert_allclose(stored.image[channel], numpy.asarray(wanted[0]), rtol=1e-5, atol=2e-3)
            self.assertEqual(text(stored.attributes["reference"]), "t2")
            numpy.testing.assert_array_equal(stored.source_size, [T2[1], ADC[1], ADC[1]])
            lesion = ResampleToMatch(mode="nearest")(load(self.source / "020" / "lesion.nii.gz"), t2)
            lesion = ras(Spacing(pixdim, mode="nearest")(lesion) if pixdim else lesion)
            different = stored.label != numpy.asarray(lesion[0])
            ties = exact_ties(t2.affine.numpy(), stored.affine, stored.label.shape)
            self.assertFalse((different & ~ties).any())
            self.assertGreater(stored.label.sum(), 100)

    def test_anatomy_at_half_a_millimetre(self):
        convert(self.source, self.shards, "--spacing", "0.5,0.5,0.5")
        stored = Stored(self.shards, "020")
        for data, mode, name in ((stored.image[0], "bilinear", "t2"), (stored.label, "nearest", "zones")):
            source = load(self.source / "020" / f"{name}.nii.gz")
            wanted = ras(Spacing((0.5, 0.5, 0.5), mode=mode)(source))
            if mode == "bilinear":
                numpy.testing.assert_allclose(data, numpy.asarray(wanted[0]), rtol=1e-5, atol=1e-3)
            else:
                ties = exact_ties(source.affine.numpy(), stored.affine, data.shape)
                self.assertLess(ties.mean(), 0.2)
                numpy.testing.assert_array_equal(data[~ties], numpy.asarray(wanted[0])[~ties])
        index = index_of(self.shards)
        self.assertEqual(index["label_scheme"]["name"], "prostate158_anatomy")
        self.assertEqual(index["label_scheme"]["regions"], [{"name": "TZ", "values": [1]}, {"name": "PZ", "values": [2]}])
        self.assertEqual(index["common_grid"], {"reference": "t2", "spacing_mm": [0.5, 0.5, 0.5]})
        self.assertEqual(index["provenance"]["label"], "t2_anatomy_reader1")

    def test_without_spacing_t2_is_stored_losslessly(self):
        convert(self.source, self.shards)
        stored = Stored(self.shards, "020")
        source = nibabel.as_closest_canonical(nibabel.load(self.source / "020" / "t2.nii.gz"))
        self.assertEqual(stored.image.dtype, numpy.int16)
        numpy.testing.assert_array_equal(stored.image[0], numpy.asarray(source.dataobj))
        self.assertNotIn("reference", stored.attributes)
        support.run("inspect_shards", self.shards, "--export", self.folder / "back")
        volumes.assert_same_file(self, self.folder / "back" / "020_t2.nii.gz", self.source / "020" / "t2.nii.gz")

    def test_another_spacing_converts_again(self):
        convert(self.source, self.shards)
        self.assertIn("1 cases converted, 0 kept", convert(self.source, self.shards, "--spacing", "1,1,1"))
        self.assertIn("0 cases converted, 1 kept", convert(self.source, self.shards, "--spacing", "1,1,1"))
        self.assertIn("1 cases converted, 0 kept",
                      convert(self.source, self.shards, "--spacing", "1,1,1", "--label-scheme", "prostate_pz_tz"))
        support.run("inspect_shards", self.shards, "--verify")
        support.run("inspect_shards", self.shards, "--export", self.folder / "back")
        stored, back = Stored(self.shards, "020"), nibabel.load(self.folder / "back" / "020_t2.nii.gz")
        numpy.testing.assert_array_equal(numpy.asarray(back.dataobj), stored.image[0])
        numpy.testing.assert_allclose(back.affine, stored.affine, atol=1e-5)


class Tables(support.Case):
    def test_files_decide_the_splits_and_readers_the_labels(self):
        source = self.folder / "in"
        rows = [write_case(source, f"{number:03d}") for number in range(20, 25)]
        rows[1].update(adc_tumor_reader1="021/empty.nii.gz", adc_tumor_reader2="021/lesion.nii.gz")
        rows[2].update(adc_tumor_reader1="")
        table(source, "train.csv", *rows[:2])
        table(source, "valid.csv", rows[2])
        table(source, "test.csv", *rows[3:])
        convert(source, self.folder / "one", "--task", "tumor", ranks=2)
        index = index_of(self.folder / "one")
        self.assertEqual(index["splits"], {"train": ["020", "021"], "val": ["022"], "test": ["023", "024"]})
        self.assertEqual(index["channels"], ["t2", "adc", "dwi"])
        self.assertGreater(Stored(self.folder / "one", "020").label.sum(), 0)
        self.assertEqual(Stored(self.folder / "one", "021").label.sum(), 0)
        self.assertIsNone(Stored(self.folder / "one", "022").label)
        convert(source, self.folder / "two", "--channels", "adc", "--label", "adc_tumor_reader2")
        stored = Stored(self.folder / "two", "021")
        self.assertEqual(stored.image.shape[1:], ADC[1])  # without T2 the first channel is the reference
        lesion = nibabel.as_closest_canonical(nibabel.load(source / "021" / "lesion.nii.gz"))
        numpy.testing.assert_array_equal(stored.label, numpy.asarray(lesion.dataobj))

    def test_what_is_wrong_is_named(self):
        source, shards = self.folder / "in", self.folder / "shards"
        source.mkdir()
        self.assertIn("train.csv, valid.csv and test.csv", convert(source, shards, expect=65))
        row = write_case(source, "020")
        (source / "train.csv").write_text("ID,T2\n020,x\n")
        self.assertIn("train.csv:1: there is no column 't2'", convert(source, shards, expect=65))
        table(source, "train.csv", row, row)
        self.assertIn("train.csv:3: case 020 is already at", convert(source, shards, expect=65, ranks=2))
        table(source, "train.csv", row, {**row, "ID": "021", "t2": "021/t2.nii.gz"})
        self.assertRegex(convert(source, shards, expect=65), r"case 021: .*train.csv:3: t2: .*021/t2.nii.gz does not exist")
        convert(source, shards, "--skip-bad")
        table(source, "train.csv", {**row, "t2_anatomy_reader1": "020/wrong.nii.gz"})
        volumes.save(source / "020" / "wrong.nii.gz", numpy.full(T2[1], 3, numpy.uint8), T2[0])
        self.assertIn("label value 3 is not in the scheme 'prostate158_anatomy'", convert(source, shards, expect=65))
        volumes.save(source / "020" / "adc.nii.gz", smooth(ADC[1], ADC[0], 1), volumes.affine("LPS", (1, 1, 1), (500, 0, 0)))
        self.assertIn("adc does not lie where t2 does", convert(source, shards, "--task", "tumor", expect=65))

    def test_usage(self):
        for arguments, words in ((("--split", "0.5,0.5,0"), "CSV"), (("--task", "zones"), "anatomy and tumor"),
                                 (("--spacing", "1,2"), "three lengths"), (("--spacing", "1,-1,1"), "three lengths"),
                                 (("--task", "anatomy", "--label", "adc_tumor_reader1"), "contradict")):
            self.assertIn(words, convert(self.folder, self.folder / "shards", *arguments, expect=64))
        self.assertIn("--layout prostate158", support.run(
            "convert_dataset", "--layout", "brats", "--input", self.folder, "--output", self.folder / "x", "--spacing", "1,1,1", expect=64))


class Phantoms(support.Case):
    def test_made_converted_and_beside_monai(self):
        source = self.folder / "in"
        support.run("make_phantoms", "--layout", "prostate158", "--cases", 4, "--size", 64, "--output", source, ranks=2)
        for task in ("anatomy", "tumor"):
            convert(source, self.folder / task, "--task", task, "--spacing", "0.5,0.5,0.5", ranks=2)
            self.assertEqual(index_of(self.folder / task)["splits"], {"train": ["001", "002"], "val": ["003"], "test": ["004"]})
            support.run("inspect_shards", self.folder / task, "--verify")
        t2 = load(source / "001" / "t2.nii.gz")
        stored = Stored(self.folder / "tumor", "001")
        for channel, name in enumerate(("t2", "adc", "dwi")):
            image = load(source / "001" / f"{name}.nii.gz")
            image = image if name == "t2" else ResampleToMatch()(image, t2)
            # Of most oblique affines, rounded to float32, Spacing finds no corner to start from: MONAI is told the grid.
            wanted = SpatialResample()(image, dst_affine=torch.as_tensor(stored.affine), spatial_size=stored.label.shape)
            numpy.testing.assert_allclose(stored.image[channel], numpy.asarray(wanted[0]), rtol=1e-5, atol=5e-3)


@unittest.skipUnless((support.REAL_DATA / "prostate" / "ProstateX-0000").is_dir(), "no real prostate beside the checkout")
class Real(support.Case):
    CASE = support.REAL_DATA / "prostate" / "ProstateX-0000"

    def setUp(self):
        super().setUp()
        self.source, self.shards = self.folder / "in", self.folder / "shards"
        self.source.mkdir()
        row = {name: str(self.CASE / f"{name}.nii.gz") for name in ("t2", "adc", "dwi")}
        table(self.source, "train.csv", {"ID": "ProstateX-0000", **row, "t2_anatomy_reader1": str(self.CASE / "anatomy_pz_tz.nii.gz")})

    def test_zones_in_the_other_order_and_an_oblique_grid(self):
        convert(self.source, self.shards, "--spacing", "0.5,0.5,0.5", "--label-scheme", "prostate_pz_tz", "--channels", "t2,adc,dwi",
                "--task", "anatomy")
        stored = Stored(self.shards, "ProstateX-0000")
        self.assertEqual(index_of(self.shards)["label_scheme"]["name"], "prostate158_anatomy")
        self.assertEqual(index_of(self.shards)["provenance"]["label_values_of"], "prostate_pz_tz")
        self.assertEqual(stored.label.shape, (192, 192, 109))  # 18 steps of 3 mm are 108 of 0.5 mm
        for channel, name in enumerate(("t2", "adc", "dwi")):
            source = load(self.CASE / f"{name}.nii.gz")
            wanted = ras(Spacing((0.5, 0.5, 0.5))(source))
            numpy.testing.assert_allclose(stored.affine, numpy.asarray(wanted.affine), atol=1e-5)
            numpy.testing.assert_allclose(stored.image[channel], numpy.asarray(wanted[0]), rtol=1e-5, atol=1e-2)
        source = load(self.CASE / "anatomy_pz_tz.nii.gz")
        zones = ras(Spacing((0.5, 0.5, 0.5), mode="nearest")(source))
        swapped = numpy.array([0, 2, 1])[numpy.asarray(zones[0]).astype(int)]
        ties = exact_ties(source.affine.numpy(), stored.affine, stored.label.shape)
        numpy.testing.assert_array_equal(stored.label[~ties], swapped[~ties])
        # Transition zone in front of the peripheral zone: y grows to the front.
        middle = [(stored.affine @ [*numpy.argwhere(stored.label == zone).mean(axis=0), 1])[1] for zone in (1, 2)]
        self.assertGreater(middle[0], middle[1])


if __name__ == "__main__":
    support.main()
