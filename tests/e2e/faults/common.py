"""What tests of faults share: the folder above, and a short run of train_brats whose faults VOX_FAULT names."""
import hashlib
import pathlib
import sys
import time

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
DISK_FAULTS = support.BUILD / "tests" / "libdisk_faults.so"  # what DISK_FAULT means: tests/support/disk_faults.cpp


def disk(fault):
    """The environment in which the disk misbehaves, in the words of DISK_FAULT."""
    return {"LD_PRELOAD": str(DISK_FAULTS), "DISK_FAULT": fault}


def digests(checkpoint):
    """One a file: where bytes differ, unittest would take minutes to show how."""
    return [hashlib.sha256((checkpoint / name).read_bytes()).hexdigest() for name in FILES if (checkpoint / name).exists()]


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

    def run_on_disk(self, fault, run="run", expect=0, program="train_brats", environment=None, **values):
        """To the end, on a disk with this fault, which must have happened."""
        text = support.run(program, *self.arguments(run, **values), ranks=2, expect=expect,
                           environment={**disk(fault), **(environment or {})})
        self.assertIn("disk fault: ", text)
        return text

    def final(self, run="run", step=STEPS):
        return support.metrics(self.folder / run, "final")[step]

    def weights(self, run, step=STEPS):
        newest = support.newest_checkpoint(self.folder / run)
        self.assertEqual(support.step_of(newest), step)
        return digests(newest)

    known_weights = {}

    def undisturbed(self, ranks=2, **values):
        """The weights of a run that nothing disturbed, which a test file makes once."""
        key = (ranks, *sorted(values.items()))
        if key not in self.known_weights:
            run = f"undisturbed_{len(self.known_weights)}"
            support.run("train_brats", *self.arguments(run, **values), ranks=ranks)
            self.known_weights[key] = self.weights(run, values.get("train.steps", STEPS))
        return self.known_weights[key]

    def wait_for_text(self, job, text):
        """Until the job has said it; it may be over then."""
        deadline = time.monotonic() + 120
        while text not in job.log.read_text():
            self.assertLess(time.monotonic(), deadline, f"'{text}' was not said:\n{job.log.read_text()[-3000:]}")
            if job.poll() is not None and text not in job.log.read_text():
                self.fail(f"the run ended before it said '{text}':\n{job.log.read_text()[-3000:]}")
            time.sleep(0.01)

    def end_after(self, job, text, expect):
        """Waits until the job said `text` and then for its end; prints and returns the seconds between.  Only a hang takes 30."""
        self.wait_for_text(job, text)
        begin = time.monotonic()
        code = job.wait(timeout=120)
        seconds = time.monotonic() - begin
        self.assertEqual(code, expect, job.log.read_text()[-3000:])
        self.assertLess(seconds, 30, "the other ranks stayed behind")
        print(f"{self.id()}: code {code}, {seconds:.1f} s after '{text}'", file=sys.stderr)
        return seconds
