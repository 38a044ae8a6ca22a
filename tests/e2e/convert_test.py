"""convert_dataset and inspect_shards as a user meets them: every layout, restarts, refusals, and nothing lost."""
import json
import os
import pathlib
import re
import subprocess
import time
import unittest

import h5py
import hdf5plugin  # noqa: F401, registers zstd and lz4 with h5py
import nibabel
import numpy
import support
import volumes


def convert(source, output, *arguments, layout="brats", ranks=None, expect=0):
    return support.run("convert_dataset", "--layout", layout, "--input", source, "--output", output, *arguments,
                       ranks=ranks, expect=expect)


def index_of(shards):
    return json.loads((shards / "dataset.json").read_text())


def stored_cases(shards):
    """Every dataset of every case, read by h5py."""
    cases = {}
    for one in index_of(shards)["cases"]:
        with h5py.File(shards / one["shard"]) as file:
            group = file["cases"][one["id"]]
            cases[one["id"]] = {name: group[name][()] for name in ("image", "label", "foreground_positions") if name in group}
    return cases


def ras(file):
    """[D,H,W] of a NIfTI file after nibabel's own reorientation."""
    return numpy.asarray(nibabel.as_closest_canonical(nibabel.load(file)).dataobj).transpose(2, 1, 0)


class Ranks(support.Case):
    def test_two_ranks_make_what_one_makes(self):
        source = self.folder / "in"
        for number in range(5):
            volumes.brats_case(source, f"case{number}", number)
        for ranks in (1, 2):
            convert(source, self.folder / f"np{ranks}", "--split", "0.6,0.2,0.2", "--seed", 3, ranks=ranks)
        one, two = index_of(self.folder / "np1"), index_of(self.folder / "np2")
        self.assertEqual([case["id"] for case in one["cases"]], [case["id"] for case in two["cases"]])
        self.assertEqual(one["splits"], two["splits"])
        self.assertEqual([len(one["splits"][split]) for split in ("train", "val", "test")], [3, 1, 1])
        first, second = stored_cases(self.folder / "np1"), stored_cases(self.folder / "np2")
        for case, datasets in first.items():
            for name, values in datasets.items():
                numpy.testing.assert_array_equal(values, second[case][name], f"{case} {name}")
            for channel, name in enumerate(volumes.NAMES_2020[:4]):
                numpy.testing.assert_array_equal(datasets["image"][channel], ras(source / case / f"{case}{name}.nii.gz"))
            numpy.testing.assert_array_equal(datasets["label"], ras(source / case / f"{case}_seg.nii.gz"))

    def test_another_seed_is_another_split(self):
        source = self.folder / "in"
        for number in range(8):
            volumes.brats_case(source, f"case{number}", number)
        splits = []
        for seed in (0, 1):
            convert(source, self.folder / "shards", "--split", "0.5,0.5,0", "--seed", seed)
            splits.append(index_of(self.folder / "shards")["splits"])
        self.assertNotEqual(splits[0], splits[1])
        self.assertEqual([sorted(split["train"] + split["val"]) for split in splits], [[f"case{n}" for n in range(8)]] * 2)


class Restart(support.Case):
    CASES = 10

    def kill_when_two_shards_are_there(self, source, output, ranks):
        job = subprocess.Popen(support.command("convert_dataset", "--input", source, "--output", output, "--codec", "gzip",
                                               "--max-shard-mib", 1, ranks=ranks),
                               env=support.clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while len(list(output.glob("shard_*.h5"))) < 2:
                self.assertIsNone(job.poll(), "it ended before it could be killed")
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.005)
            subprocess.run(["kill", "-9", str(victim_of(job.pid))], check=True)
            self.assertNotEqual(job.wait(timeout=60), 0)
        finally:
            if job.poll() is None:
                job.kill()

    def test_killed_and_started_again(self):
        source = self.folder / "in"
        for number in range(self.CASES):
            volumes.brats_case(source, f"case{number}", number, size=(80, 80, 80), ending=".nii")
        whole = self.folder / "undisturbed"
        convert(source, whole, "--codec", "gzip")
        for ranks in (None, 2):
            output = self.folder / f"killed_{ranks}"
            self.kill_when_two_shards_are_there(source, output, ranks)
            self.assertFalse((output / "dataset.json").exists(), "an unfinished folder must not look finished")
            text = support.run("inspect_shards", output, expect=65)
            self.assertIn("dataset.json", text)
            text = convert(source, output, "--codec", "gzip", "--max-shard-mib", 1, ranks=ranks)
            converted, kept = map(int, re.search(r"(\d+) cases converted, (\d+) kept", text).groups())
            self.assertEqual(converted + kept, self.CASES)
            self.assertGreaterEqual(kept, 2)
            self.assertGreaterEqual(converted, 1)
            support.run("inspect_shards", output, "--verify")
            self.assertEqual(index_of(output)["splits"], index_of(whole)["splits"])
            self.assertEqual(list(output.glob("*.partial")), [])
            first, second = stored_cases(whole), stored_cases(output)
            for case in first:
                numpy.testing.assert_array_equal(first[case]["image"], second[case]["image"])
            text = convert(source, output, "--codec", "gzip", "--max-shard-mib", 1, ranks=ranks)
            self.assertIn(f"0 cases converted, {self.CASES} kept", text)


def victim_of(pid):
    """The program itself: `pid`, or where that is mpirun the last of its children."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    programs = [child for child in children if pathlib.Path(f"/proc/{child}/comm").read_text() == "convert_dataset\n"]
    return programs[-1] if programs else pid


class Layouts(support.Case):
    def test_label_schemes_from_names_and_values(self):
        asks = "--label-scheme"
        for names, labels, scheme in ((volumes.NAMES_2020, (1, 2, 4), "brats2020"), (volumes.NAMES_2020, (1, 2, 3, 4), "brats2013"),
                                      (volumes.NAMES_2023, (1, 2, 3), "brats2023"), (volumes.NAMES_2020, (1, 2), asks),
                                      (volumes.NAMES_2020, (1, 2, 3), asks)):
            name = "".join(map(str, labels)) + names[0]
            source, output = self.folder / f"in{name}", self.folder / f"out{name}"
            volumes.brats_case(source, "BraTS-1", 1, labels, names)
            volumes.brats_case(source, "BraTS-2", 2, labels[:2], names)  # the union over the data set decides
            if scheme == asks:
                self.assertIn("--label-scheme", convert(source, output, expect=65))
                self.assertFalse((output / "dataset.json").exists())
                convert(source, output, "--label-scheme", "brats2023" if 3 in labels else "brats2020")
            else:
                self.assertIn(f"label scheme {scheme}", convert(source, output))
                self.assertEqual(index_of(output)["label_scheme"]["name"], scheme)
            self.assertEqual(index_of(output)["channels"], ["t1", "t1ce", "t2", "flair"])
            self.assertEqual([case["id"] for case in index_of(output)["cases"]], ["BraTS-1", "BraTS-2"])

    def test_plain_nii_and_subfolders(self):
        volumes.brats_case(self.folder / "in" / "HGG", "case1", 1, ending=".nii")
        volumes.brats_case(self.folder / "in" / "LGG", "case2", 2)
        convert(self.folder / "in", self.folder / "shards")
        self.assertEqual([case["id"] for case in index_of(self.folder / "shards")["cases"]], ["case1", "case2"])

    def test_msd_task01(self):
        volumes.msd_task01(self.folder / "in")
        text = convert(self.folder / "in", self.folder / "shards", layout="msd", ranks=2)
        self.assertIn("label scheme msd_brats", text)
        index = index_of(self.folder / "shards")
        self.assertEqual(index["channels"], ["FLAIR", "T1w", "t1gd", "T2w"])
        self.assertEqual(index["label_scheme"]["regions"][0], {"name": "TC", "values": [2, 3]})
        for case, datasets in stored_cases(self.folder / "shards").items():
            expected = nibabel.as_closest_canonical(nibabel.load(self.folder / "in" / "imagesTr" / f"{case}.nii.gz"))
            numpy.testing.assert_array_equal(datasets["image"], numpy.asarray(expected.dataobj).transpose(3, 2, 1, 0))

    def test_msd_with_a_channel_too_many(self):
        volumes.msd_task01(self.folder / "in")
        volumes.save(self.folder / "in" / "imagesTr" / "BRATS_002.nii.gz",
                     numpy.stack([volumes.image_voxels(c) for c in range(5)], axis=-1))
        text = convert(self.folder / "in", self.folder / "shards", layout="msd", expect=65)
        self.assertIn("BRATS_002", text)
        self.assertIn("holds 5 channels where 4 are expected", text)

    def test_nnunet(self):
        volumes.nnunet(self.folder / "in")
        convert(self.folder / "in", self.folder / "shards", layout="nnunet")
        index = index_of(self.folder / "shards")
        self.assertEqual((index["channels"], index["label_scheme"]["name"]), (["T1", "T2"], "generic"))
        self.assertEqual([region["name"] for region in index["label_scheme"]["regions"]], ["label_1", "label_2"])
        for case, datasets in stored_cases(self.folder / "shards").items():
            for channel in range(2):
                numpy.testing.assert_array_equal(datasets["image"][channel],
                                                 ras(self.folder / "in" / "imagesTr" / f"{case}_{channel:04d}.nii.gz"))

    def test_generic(self):
        for number in range(2):
            volumes.generic_case(self.folder / "in", f"p{number}", number)
        convert(self.folder / "in", self.folder / "shards", layout="generic")
        index = index_of(self.folder / "shards")
        self.assertEqual(index["channels"], ["adc", "t2"])
        self.assertEqual(index["label_scheme"]["values"], [1, 7])
        convert(self.folder / "in", self.folder / "one", "--channels", "t2", layout="generic")
        self.assertEqual(index_of(self.folder / "one")["channels"], ["t2"])
        self.assertEqual(stored_cases(self.folder / "one")["p0"]["image"].dtype, numpy.int32)


class Refusals(support.Case):
    def bad_folder(self):
        source = self.folder / "in"
        for number, case in enumerate(("good1", "good2", "gap", "grid", "moved", "cut", "nan", "odd", "half")):
            volumes.brats_case(source, case, number)
        (source / "gap" / "gap_t2.nii.gz").unlink()
        volumes.save(source / "grid" / "grid_t2.nii.gz", volumes.image_voxels(1, (24, 20, 19)))
        volumes.save(source / "moved" / "moved_flair.nii.gz", volumes.image_voxels(1), volumes.affine(origin=(3, -4, 7)))
        cut = source / "cut" / "cut_flair.nii.gz"
        os.truncate(cut, cut.stat().st_size // 2)
        broken = volumes.image_voxels(1, dtype=numpy.float32)
        broken[5, 6, 7] = numpy.nan
        volumes.save(source / "nan" / "nan_t1.nii.gz", broken)
        volumes.save(source / "odd" / "odd_seg.nii.gz", volumes.label_voxels((1, 2, 4, 9)[3:]))
        volumes.save(source / "half" / "half_seg.nii.gz", volumes.label_voxels((1,)).astype(numpy.float32) * 0.5)
        return source

    def check_reasons(self, text):
        for case, words in {"gap": "missing modality t2", "grid": "24x20x18 voxels, t2 24x20x19", "moved": "2 mm apart",
                            "cut": "cut_flair.nii.gz: the gzip stream is truncated", "nan": "nan_t1.nii.gz: voxel (5, 6, 7) is NaN",
                            "odd": "label value 9 is not in the scheme 'brats2020'", "half": "label value 0.5"}.items():
            self.assertRegex(text, f"case {case}: .*" + re.escape(words))

    def test_bad_cases_are_named_with_their_reason(self):
        source, output = self.bad_folder(), self.folder / "shards"
        for ranks in (1, 2):
            text = convert(source, output, "--label-scheme", "brats2020", ranks=ranks, expect=65)
            self.check_reasons(text)
            self.assertIn("7 of 9 cases were refused", text)
            self.assertIn("--skip-bad", text)
            self.assertFalse((output / "dataset.json").exists())

    def test_skip_bad_converts_the_rest_and_lists_them(self):
        source, output = self.bad_folder(), self.folder / "shards"
        self.check_reasons(convert(source, output, "--label-scheme", "brats2020", "--skip-bad", ranks=2))
        index = index_of(output)
        self.assertEqual([case["id"] for case in index["cases"]], ["good1", "good2"])
        self.check_reasons(index["provenance"]["refused"])
        support.run("inspect_shards", output, "--verify")

    def test_dry_run_writes_nothing(self):
        source, output = self.bad_folder(), self.folder / "shards"
        self.check_reasons(convert(source, output, "--label-scheme", "brats2020", "--dry-run", expect=65))
        text = convert(source, output, "--label-scheme", "brats2020", "--dry-run", "--skip-bad", ranks=2)
        self.assertIn("2 cases would be converted", text)
        self.assertIn("7 are refused", text)
        self.assertFalse(output.exists())

    def test_nothing_left(self):
        volumes.brats_case(self.folder / "in", "gap", 1)
        (self.folder / "in" / "gap" / "gap_t1.nii.gz").unlink()
        self.assertIn("nothing is left", convert(self.folder / "in", self.folder / "shards", "--skip-bad", "--label-scheme",
                                                 "brats2020", expect=65))

    def test_places(self):
        volumes.brats_case(self.folder / "in", "case1", 1)
        (self.folder / "taken").write_text("mine")
        self.assertIn(str(self.folder / "taken"), convert(self.folder / "in", self.folder / "taken", expect=73, ranks=2))
        self.assertEqual((self.folder / "taken").read_text(), "mine")
        self.assertIn("nowhere", convert(self.folder / "nowhere", self.folder / "shards", expect=65))
        (self.folder / "empty").mkdir()
        self.assertIn("holds no BraTS case", convert(self.folder / "empty", self.folder / "shards", expect=65))
        self.assertFalse((self.folder / "shards").exists())

    def test_read_only_mount(self):
        volumes.brats_case(self.folder / "in", "case1", 1)
        with support.read_only_mount(self) as mount:
            for output in (mount, mount / "shards"):
                self.assertIn(str(output), convert(self.folder / "in", output, expect=73))

    def test_usage(self):
        for arguments, words in ((("--split", "0.5,0.5,0.5"), "sum to 1"), (("--codec", "rar"), "rar"),
                                 (("--label-scheme", "brats2077"), "brats2020"), (("--channels", "a,b"), "--layout generic"),
                                 (("--split",), "--help")):
            self.assertIn(words, convert(self.folder, self.folder / "shards", *arguments, expect=64))
        self.assertIn("nnunet", convert(self.folder, self.folder / "shards", layout="dicom", expect=64))


class Lossless(support.Case):
    def export(self, shards, *arguments):
        support.run("inspect_shards", shards, "--export", self.folder / "back", *arguments)
        return self.folder / "back"

    def test_types_orders_and_scalings(self):
        source = self.folder / "in"
        kinds = [numpy.int16, numpy.uint16, numpy.int32, numpy.float32, numpy.float64, numpy.uint8]
        for number, (dtype, orientation) in enumerate(zip(kinds, ("LPS", "RAS", "PIR", "ASL", "LAS", "SRA"))):
            where = volumes.affine(orientation, (0.5, 0.75, 3.0))
            volumes.save(source / f"p{number}" / "image.nii.gz", volumes.image_voxels(number, dtype=dtype), where,
                         nibabel.Nifti2Image if number % 2 else nibabel.Nifti1Image)
            volumes.save(source / f"p{number}" / "label.nii.gz", volumes.label_voxels((1, 3)).astype(dtype), where)
        big_endian = nibabel.Nifti1Image(volumes.image_voxels(50), volumes.affine("RAS")).header.as_byteswapped(">")
        scaled = nibabel.Nifti1Image(volumes.image_voxels(51).astype(">i2"), volumes.affine("RAS"), big_endian)
        scaled.header.set_slope_inter(0.25, -1024)
        (source / "p6").mkdir()
        nibabel.save(scaled, source / "p6" / "image.nii.gz")
        # 0.99999997: what a slope leaves of a label.
        label = volumes.label_voxels((1, 3)).astype(numpy.float32) * numpy.float32(0.99999997)
        volumes.save(source / "p6" / "label.nii.gz", label, volumes.affine("RAS"))
        convert(source, self.folder / "shards", layout="generic", ranks=2)
        back = self.export(self.folder / "shards")
        for number in range(7):
            for name, made in (("image", "image"), ("label", "seg")):
                volumes.assert_same_file(self, back / f"p{number}_{made}.nii.gz", source / f"p{number}" / f"{name}.nii.gz")
        stored = stored_cases(self.folder / "shards")
        self.assertEqual(sorted(numpy.unique(stored["p6"]["label"])), [0, 1, 3])
        numpy.testing.assert_array_equal(stored["p6"]["image"][0], volumes.image_voxels(51).transpose(2, 1, 0))

    def test_one_case(self):
        for number in range(2):
            volumes.brats_case(self.folder / "in", f"case{number}", number)
        convert(self.folder / "in", self.folder / "shards")
        back = self.export(self.folder / "shards", "--case", "case1")
        self.assertEqual(sorted(file.name for file in back.iterdir()),
                         sorted(f"case1{name}.nii.gz" for name in volumes.NAMES_2020))
        for name in volumes.NAMES_2020:
            volumes.assert_same_file(self, back / f"case1{name}.nii.gz", self.folder / "in" / "case1" / f"case1{name}.nii.gz")
        text = support.run("inspect_shards", self.folder / "shards", "--case", "case7", expect=64)
        self.assertIn("Did you mean 'case", text)

    def test_a_flipped_byte_in_any_chunk_is_named(self):
        source, shards = self.folder / "in", self.folder / "shards"
        volumes.brats_case(source, "case0", 0, size=(40, 36, 34))
        convert(source, shards, "--codec", "lz4")
        shard = next(shards.glob("*.h5"))
        original, places = shard.read_bytes(), []
        with h5py.File(shard) as file:
            group = file["cases/case0"]
            for name in ("image", "label"):
                for number, (offset, size, _) in enumerate(group[f"{name}_chunk_table"][()]):
                    if size:
                        places.append((name, number, int(offset), int(size)))
        self.assertGreater(len(places), 20)
        chance = numpy.random.default_rng(0)
        damaged = bytearray(original)
        for _, _, offset, size in places:  # all at once: each has to be named
            damaged[offset + chance.integers(size)] ^= 1 << chance.integers(8)
        shard.write_bytes(damaged)
        text = support.run("inspect_shards", shards, "--verify", expect=65)
        for name, number, _, _ in places:
            self.assertRegex(text, self.named(shard, name, number))
        name, number, offset, size = places[int(chance.integers(len(places)))]
        damaged = bytearray(original)
        damaged[offset + size - 1] ^= 1
        shard.write_bytes(damaged)
        text = support.run("inspect_shards", shards, "--verify", expect=65)
        self.assertRegex(text, self.named(shard, name, number))
        self.assertEqual(set(re.findall(r"chunk \d+ \(", text)), {f"chunk {number} ("}, "no other chunk is damaged")

    def named(self, shard, name, number):
        return rf"{re.escape(shard.name)}: case case0: {name}: chunk {number} \(channel \d, voxels \[.*checksum"


@unittest.skipUnless(support.REAL_DATA.is_dir(), "the real volumes are not here")
class RealVolumes(support.Case):
    def test_every_file_comes_back(self):
        files = sorted(support.REAL_DATA.rglob("*.nii.gz"))
        self.assertGreater(len(files), 20)
        source = self.folder / "in"
        for number, file in enumerate(files):
            (source / f"v{number}").mkdir(parents=True)
            (source / f"v{number}" / "image.nii.gz").symlink_to(file)
            if nibabel.load(file).get_data_dtype() == numpy.uint8:
                (source / f"v{number}" / "label.nii.gz").symlink_to(file)
        convert(source, self.folder / "shards", "--codec", "lz4", layout="generic", ranks=2)
        support.run("inspect_shards", self.folder / "shards", "--verify")
        support.run("inspect_shards", self.folder / "shards", "--export", self.folder / "back")
        compared = 0
        for number, file in enumerate(files):
            volumes.assert_same_file(self, self.folder / "back" / f"v{number}_image.nii.gz", file)
            if (source / f"v{number}" / "label.nii.gz").exists():
                volumes.assert_same_file(self, self.folder / "back" / f"v{number}_seg.nii.gz", file)
            compared += 1
        print(f"{compared} real volumes came back as they were")


if __name__ == "__main__":
    support.main()
