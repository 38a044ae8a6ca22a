#!/usr/bin/env python3
"""What ends a run, and how: makes each fault in a short training of train_brats under mpirun and prints a table of what the
programs' own exit code was, what mpirun made of it, and the seconds from the fault to mpirun's end.

    VOX_SOURCE_DIR=. VOX_BUILD_DIR=build python3 tools/bench/faults.py
"""
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(os.environ["VOX_SOURCE_DIR"]) / "tests" / "e2e" / "faults"))
import common  # noqa: E402
import support  # noqa: E402

RANKS = 3
LIMIT_S = 3  # comm.timeout_s
FOR_EVER = "sleep=300000"
OUR_CODES = (0, 64, 65, 70, 73, 75, 76, 78)


def signal_to(launcher, run, who, sign):
    """To a rank's process, or to mpirun."""
    os.kill(launcher.pid if who is None else support.process_of_rank("train_brats_with_faults", run, who), sign)


# name: VOX_FAULT, or the signal that this script sends to a rank (None: to mpirun); further settings.
FAULTS = {
    "kill -9 of rank 1 in a step": ((1, signal.SIGKILL), {}),
    "kill -9 of rank 0 in a step": ((0, signal.SIGKILL), {}),
    "kill -9 of rank 0 while it saves": ("checkpoint:before_rename@2 rank=0 kill", {}),
    "rank 1 hangs in forward": (f"step:forward@8 rank=1 {FOR_EVER}", {}),
    "rank 2 is stopped (SIGSTOP)": ("step:forward@8 rank=2 stop", {}),
    "rank 0 is stopped (SIGSTOP)": ("step:forward@8 rank=0 stop", {}),
    "a loader hangs": (f"loader:item@7 rank=1 {FOR_EVER}", {}),
    "rank 1 hangs in a validation": (f"validation:case rank=0 {FOR_EVER}", {"train.validate_every_steps": 6}),
    "SIGUSR1 to mpirun": ((None, signal.SIGUSR1), {}),
    "SIGTERM to mpirun": ((None, signal.SIGTERM), {}),
    "an error in a reading thread": ("loader:item@7 rank=1 throw", {}),
    "an error in a validation": ("validation:case throw", {"train.validate_every_steps": 6}),
    "out of memory in forward": ("step:forward@8 rank=1 memory", {}),
    "NaN in every step": ("step:batch rank=1 nan", {"train.max_bad_steps": 3}),
    "a flipped bit of the weights": ("step:weights@5 rank=2 flip", {"train.replica_check_every": 2}),
}


def measure(name, cause, values, case):
    run = case.folder / re.sub(r"\W+", "_", name)
    values = {"comm.timeout_s": LIMIT_S, "train.steps": 100000, "train.schedule.name": "constant", **values}
    environment = {**support.clean_environment(), "VOX_FAULT": cause if isinstance(cause, str) else ""}
    launcher = subprocess.Popen(support.command(support.WITH_FAULTS, *case.arguments(run.name, **values), ranks=RANKS),
                                env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines, began = [], []

    def read():
        for line in launcher.stdout:
            if line.startswith("fault: "):
                began.append(time.monotonic())
            lines.append(line)
    reader = threading.Thread(target=read)
    reader.start()
    if not isinstance(cause, str):
        while not ((run / "metrics.jsonl").exists() and len(support.metrics(run)) >= 8):
            time.sleep(0.05)
        began.append(time.monotonic())
        signal_to(launcher, run, *cause)
    launcher.wait(timeout=120)
    end = time.monotonic()
    reader.join()
    launcher.stdout.close()
    text = "".join(lines)
    # What mpirun says of it, as far as it says it; where it hands on a code of ours, that is it.
    told = re.search(r"(?:Exit code:\s+|errorcode )(\d+)", text)
    own = told[1] if told else launcher.returncode if launcher.returncode in OUR_CODES else "none"
    return own, launcher.returncode, end - began[-1]


class Table(common.FaultCase):
    def test_table(self):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        print(f"| fault (comm.timeout_s {LIMIT_S}, {RANKS} ranks) | our exit code | mpirun's | seconds to exit |\n|---|---|---|---|")
        for name, (cause, values) in FAULTS.items():
            own, launcher, seconds = measure(name, cause, values, self)
            print(f"| {name} | {own} | {launcher} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    support.main()
