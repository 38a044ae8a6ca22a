"""What tests of faults share: the folder above, and a short run of train_brats whose faults VOX_FAULT names."""
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import support  # noqa: E402

STEPS = 12
RUN = {
    **support.TINY,
    "data.batch_size": 1,
    "data.samples_per_case": 3,
    "model.norm": "sync_batch",
    "model.dropout_prob": 0.2,
    "train.epochs": 0,
    "train.steps": STEPS,
    "train.validate_every_epochs": 0,
    "checkpoint.every_steps": 3,
}
FILES = ("model.safetensors", "ema.safetensors", "optimizer.safetensors")


class FaultCase(support.Case):
    def arguments(self, run, **values):
        return ("--data", support.phantom_shards(6, 32, split="0.84,0.16,0"), "--run", self.folder / run,
                *support.settings({**RUN, **values}))

    def run_with(self, fault, run="run", ranks=2, expect=0, environment=None, **values):
        """To the end.  `fault` in the words of VOX_FAULT; it must have happened."""
        text = support.run(support.WITH_FAULTS, *self.arguments(run, **values), ranks=ranks, expect=expect,
                           environment={"VOX_FAULT": fault, **(environment or {})})
        for part in fault.split(";"):
            self.assertIn("fault: " + part.split()[-1].split("=")[0], text)
        return text

    def weights(self, run, step=STEPS):
        """A digest a file: where bytes differ, unittest would take minutes to show how."""
        newest = support.newest_checkpoint(self.folder / run)
        self.assertEqual(support.step_of(newest), step)
        return [hashlib.sha256((newest / name).read_bytes()).hexdigest() for name in FILES if (newest / name).exists()]

    def undisturbed(self, ranks=2, **values):
        """The weights of a run that nothing disturbed."""
        support.run("train_brats", *self.arguments("undisturbed", **values), ranks=ranks)
        return self.weights("undisturbed", values.get("train.steps", STEPS))
