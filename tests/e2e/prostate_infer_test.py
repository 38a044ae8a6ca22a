"""A network trained on resampled prostates: its label maps lie on T2's own grid, from shards and from NIfTI alike."""
import nibabel
import numpy
import support

RUN = {
    **support.TINY,
    "data.crop_size": "[32,32,32]",
    "data.foreground_ratio": 0.5,
    "infer.window": "[32,32,32]",
    "train.epochs": 0,
    "train.steps": 4,
    "train.validate_every_epochs": 0,
    "checkpoint.every_steps": 0,
}


class ProstateInfer(support.Case):
    def test_from_shards_and_from_files(self):
        source, shards, run = self.folder / "nifti", self.folder / "shards", self.folder / "run"
        support.run("make_phantoms", "--layout", "prostate158", "--cases", 6, "--size", 64, "--output", source)
        support.run("convert_dataset", "--layout", "prostate158", "--input", source, "--output", shards, "--task", "tumor",
                    "--spacing", "1.5,1,1", ranks=2)
        support.run("train", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", shards, "--run", run,
                    *support.settings(RUN), ranks=2)
        support.run("infer", "--run", run, "--input", shards, "--output", self.folder / "from_shards", ranks=2)
        made = sorted((self.folder / "from_shards").iterdir())
        self.assertEqual(len(made), 6)
        painted = 0
        for file in made:
            case = file.name.removesuffix(".nii.gz")
            given, labels = nibabel.load(next(source.rglob(f"{case}/t2.nii.gz"))), nibabel.load(file)
            self.assertEqual(labels.shape, given.shape)
            numpy.testing.assert_allclose(labels.affine, given.affine, atol=1e-5)
            self.assertLessEqual(set(numpy.unique(labels.dataobj)), {0, 1})
            painted += int(numpy.count_nonzero(labels.dataobj))
        self.assertGreater(painted, 0, "an empty label map would agree with anything")
        for case in made[:2]:
            name = case.name.removesuffix(".nii.gz")
            study = next(source.rglob(f"{name}/t2.nii.gz")).parent
            (self.folder / "in" / name).mkdir(parents=True)
            for channel in ("t2", "adc", "dwi"):
                (self.folder / "in" / name / f"{channel}.nii.gz").symlink_to(study / f"{channel}.nii.gz")
        support.run("infer", "--run", run, "--input", self.folder / "in", "--output", self.folder / "from_files")
        for case in made[:2]:
            again = nibabel.load(self.folder / "from_files" / case.name)
            numpy.testing.assert_array_equal(numpy.asarray(again.dataobj), numpy.asarray(nibabel.load(case).dataobj))
            numpy.testing.assert_array_equal(again.affine, nibabel.load(case).affine)

    def test_a_channel_that_stays_where_it_is_keeps_its_slope_and_its_type(self):
        """At T2's own spacing only ADC and DWI move: T2 is stored as its file has it, scaled or in float64."""
        source, shards, run = self.folder / "nifti", self.folder / "shards", self.folder / "run"
        support.run("make_phantoms", "--layout", "prostate158", "--cases", 6, "--size", 64, "--output", source)
        scaled, wide = "001", "002"
        given = nibabel.load(source / scaled / "t2.nii.gz")
        image = nibabel.Nifti1Image(numpy.asarray(given.dataobj), given.affine)
        image.header.set_slope_inter(0.25, -100)
        nibabel.save(image, source / scaled / "t2.nii.gz")
        given = nibabel.load(source / wide / "t2.nii.gz")
        nibabel.save(nibabel.Nifti1Image(given.get_fdata() + 1 / 3, given.affine), source / wide / "t2.nii.gz")
        support.run("convert_dataset", "--layout", "prostate158", "--input", source, "--output", shards, "--task", "tumor")
        support.run("train", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", shards, "--run", run,
                    *support.settings(RUN))
        support.run("infer", "--run", run, "--input", shards, "--output", self.folder / "from_shards")
        for name in (scaled, wide):
            (self.folder / "in" / name).mkdir(parents=True)
            for channel in ("t2", "adc", "dwi"):
                (self.folder / "in" / name / f"{channel}.nii.gz").symlink_to(source / name / f"{channel}.nii.gz")
        support.run("infer", "--run", run, "--input", self.folder / "in", "--output", self.folder / "from_files")
        for name in (scaled, wide):
            made, again = (nibabel.load(self.folder / folder / f"{name}.nii.gz") for folder in ("from_shards", "from_files"))
            self.assertEqual(set(numpy.unique(made.dataobj)), {0, 1}, "a map of one value would agree with much")
            numpy.testing.assert_array_equal(numpy.asarray(again.dataobj), numpy.asarray(made.dataobj), name)


if __name__ == "__main__":
    support.main()
