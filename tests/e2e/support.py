"""What end-to-end tests share: the programs under mpirun, phantoms and shards made once, and reading what a run left."""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ["VOX_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["VOX_BUILD_DIR"])
BIN = BUILD / "bin"
WITH_FAULTS = BUILD / "tests" / "train_brats_with_faults"  # train_brats, but that VOX_FAULT says what goes wrong
REAL_DATA = SOURCE.parent / "shared" / "data"

# A narrow network and small crops: seconds a run.
TINY = {
    "data.crop_size": "[16,16,16]",
    "data.threads": 1,
    "model.init_filters": 8,
    "model.blocks_down": "[1,1,1]",
    "model.blocks_up": "[1,1]",
    "infer.window": "[32,32,32]",
    "train.threads_per_rank": 1,
    "train.log_every": 1,
    "checkpoint.every_minutes": 0,
}


def command(program, *arguments, ranks=None):
    launcher = []
    if ranks is not None:
        launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--mca", "btl_vader_single_copy_mechanism", "none",
                    "-np", str(ranks)]
    return launcher + [str(BIN / program)] + [str(argument) for argument in arguments]


def clean_environment():
    """Without what the test runner sets for C++ tests: VOX_* names are configuration keys to the programs."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("VOX_")}
    kept.update(OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return kept


def run(program, *arguments, ranks=None, expect=0, timeout=280, environment=None):
    """Runs to the end and checks the exit code; returns standard output and standard error as one text."""
    done = subprocess.run(command(program, *arguments, ranks=ranks), env={**clean_environment(), **(environment or {})},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"{program} ended with {done.returncode}, expected {expect}:\n{done.stdout[-6000:]}")
    return done.stdout


def settings(values):
    """{"train.steps": 5} as --set arguments."""
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def made_once(name, make):
    """A folder below the build folder that `make(path)` fills the first time any test asks for it."""
    folder = BUILD / "e2e" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / ".made").touch()
    return folder


def phantom_cases(cases, size, seed=0):
    return made_once(f"phantoms_{cases}_{size}_{seed}", lambda folder: run(
        "make_phantoms", "--layout", "brats", "--cases", cases, "--size", size, "--seed", seed, "--output", folder / "nifti"
    )) / "nifti"


def phantom_shards(cases, size, seed=0, split="0.8,0.2,0"):
    source = phantom_cases(cases, size, seed)
    name = f"shards_{cases}_{size}_{seed}_{split}".replace(",", "_")
    return made_once(name, lambda folder: run(
        "convert_dataset", "--layout", "brats", "--input", source, "--output", folder / "shards", "--split", split,
        "--label-scheme", "brats2020")) / "shards"


def prostate_shards(cases, size, task, spacing):
    """Phantom prostates on one grid of `spacing` mm (D,H,W); the last 15 % are the test cases, as many before them validation."""
    source = made_once(f"prostates_{cases}_{size}", lambda folder: run(
        "make_phantoms", "--layout", "prostate158", "--cases", cases, "--size", size, "--output", folder / "nifti")) / "nifti"
    name = f"prostate_shards_{cases}_{size}_{task}_{spacing}".replace(",", "_")
    return made_once(name, lambda folder: run(
        "convert_dataset", "--layout", "prostate158", "--task", task, "--spacing", spacing, "--input", source,
        "--output", folder / "shards")) / "shards"


def metrics(run_folder, kind="step"):
    """The lines of metrics.jsonl of one kind, by step."""
    lines = [json.loads(line) for line in (pathlib.Path(run_folder) / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line for line in lines if line["kind"] == kind}


def process_of_rank(program, run_folder, rank):
    """The process id of one rank of this very run."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if arguments[0].endswith(program.encode()) and str(run_folder).encode() in arguments and \
                f"OMPI_COMM_WORLD_RANK={rank}".encode() in environment:
            return int(entry.name)
    return None


def kill_rank(program, run_folder, rank):
    os.kill(process_of_rank(program, run_folder, rank), signal.SIGKILL)


@contextlib.contextmanager
def read_only_mount(test):
    """A folder on a file system that refuses writing, to root as well; skips where mounting is not allowed."""
    mount = test.folder / "mount"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", mount], capture_output=True).returncode:
        test.skipTest("mounting is not allowed here")
    try:
        yield mount
    finally:
        subprocess.run(["umount", mount], check=True)


def newest_checkpoint(run_folder):
    return max((pathlib.Path(run_folder) / "checkpoints").glob("step_*"))


def step_of(checkpoint):
    """400 of ".../step_00000400_dice=0.8312"."""
    return int(checkpoint.name.split("_")[1])


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vox_e2e_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start_job(self, program, *arguments, ranks=None, environment=None):
        """Starts a program and does not wait; what it prints goes into `job.log`.  It is gone when the test is over."""
        log = tempfile.NamedTemporaryFile("w", dir=self.folder, suffix=".log", delete=False)
        self.addCleanup(log.close)
        job = subprocess.Popen(command(program, *arguments, ranks=ranks), env={**clean_environment(), **(environment or {})},
                               stdout=log, stderr=subprocess.STDOUT)
        job.log = pathlib.Path(log.name)
        self.addCleanup(lambda: job.poll() is None and (job.kill(), job.wait()))
        return job

    def wait_for_step(self, job, run_folder, step):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            file = pathlib.Path(run_folder) / "metrics.jsonl"
            if file.exists() and file.read_text().count('"kind":"step"') >= step:
                return
            self.assertIsNone(job.poll(), f"the run ended before step {step}:\n{job.log.read_text()[-3000:]}")
            time.sleep(0.01)
        self.fail(f"step {step} was not reached")


def main():
    """Ends with 77, which CTest counts as skipped, where every test was skipped."""
    result = unittest.main(exit=False, verbosity=2).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun and len(result.skipped) == result.testsRun else 0)
