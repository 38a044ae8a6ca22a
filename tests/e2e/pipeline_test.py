"""NIfTI to segmented NIfTI with the shipped smoke configuration, and everything that a run leaves."""
import json

import nibabel
import numpy
import support
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


class Pipeline(support.Case):
    def test_phantoms_to_label_maps(self):
        source = support.phantom_cases(6, 48)
        run, predictions = self.folder / "run", self.folder / "predictions"
        shards = support.phantom_shards(6, 48)
        text = support.run("train_brats", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", shards, "--run", run,
                           *support.settings({"train.steps": 12, "train.validate_every_steps": 6, "train.log_every": 2,
                                              "checkpoint.every_steps": 5}), ranks=2)
        self.assertIn("effective batch 2", text)
        self.check_run_folder(run)
        support.run("infer", "--run", run, "--input", source, "--output", predictions, ranks=2)
        self.check_grids(source, predictions)
        table = support.run("evaluate", "--predictions", predictions, "--references", source, "--label-scheme", "brats2020")
        self.check_evaluation(source, predictions, table)
        table = support.run("evaluate", "--run", run, "--data", shards, "--split", "val", ranks=2)
        figures = json.loads((run / "evaluation" / "metrics.json").read_text())
        last = support.metrics(run, "validation")[12]
        self.assertAlmostEqual(figures["mean"]["TC"], last["dice/TC"], places=12)

    def check_run_folder(self, run):
        steps, validations = support.metrics(run), support.metrics(run, "validation")
        self.assertEqual(sorted(validations), [6, 12])
        self.assertEqual(sorted(steps), [1, 2, 4, 6, 8, 10, 12])
        line = steps[2]
        for name in ("loss", "loss/dice_TC", "loss/dice_WT", "loss/dice_ET", "lr", "grad_norm", "step_seconds"):
            self.assertGreater(line[name], 0, name)
        for name in ("samples_per_second", "data_wait_share", "memory_bytes"):
            self.assertEqual(len(line[name]), 2, name)
        self.assertAlmostEqual(line["loss"], (line["loss/dice_TC"] + line["loss/dice_WT"] + line["loss/dice_ET"]) / 3, places=9)
        for name in ("config.yaml", "log.txt", "report.html"):
            self.assertGreater((run / name).stat().st_size, 100, name)
        self.assertTrue(list((run / "previews").glob("*.png")))
        events = EventAccumulator(str(run / "tensorboard"))
        events.Reload()
        self.assertEqual([event.step for event in events.Scalars("train/loss")], sorted(steps))
        self.assertAlmostEqual(events.Scalars("train/loss")[0].value, steps[1]["loss"], places=5)
        self.assertEqual(support.newest_checkpoint(run).name, f"step_00000012_dice={validations[12]['dice']:.4f}")

    def check_grids(self, source, predictions):
        for case in sorted(source.iterdir()):
            given = nibabel.load(case / f"{case.name}_flair.nii.gz")
            made = nibabel.load(predictions / f"{case.name}.nii.gz")
            self.assertEqual(made.shape, given.shape)
            numpy.testing.assert_array_equal(made.affine, given.affine)
            self.assertEqual(made.get_data_dtype(), numpy.uint8)
            self.assertLessEqual(set(numpy.unique(made.dataobj)), {0, 1, 2, 4})

    def check_evaluation(self, source, predictions, table):
        """Against counting voxels with numpy."""
        figures = json.loads((predictions / "metrics.json").read_text())
        regions = {"TC": [1, 4], "WT": [1, 2, 4], "ET": [4]}
        for case in sorted(source.iterdir()):
            made = numpy.asarray(nibabel.load(predictions / f"{case.name}.nii.gz").dataobj)
            true = numpy.asarray(nibabel.load(case / f"{case.name}_seg.nii.gz").dataobj)
            for region, values in regions.items():
                a, b = numpy.isin(made, values), numpy.isin(true, values)
                expected = 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() or b.any() else 1.0
                self.assertAlmostEqual(figures["cases"][case.name][region], expected, places=12)
            self.assertIn(case.name, table)
        self.assertEqual(len((predictions / "cases.csv").read_text().splitlines()), 1 + len(figures["cases"]))


class NoArguments(support.Case):
    def test_help_and_version_of_every_program(self):
        for program in sorted(path.name for path in support.BIN.iterdir()):
            self.assertIn(program, support.run(program, "--help"))
            version = support.run(program, "--version")
            for library in ("LibTorch", "CUDA", "NCCL", "MPI", "HDF5"):
                self.assertIn(library, version)


if __name__ == "__main__":
    support.main()
