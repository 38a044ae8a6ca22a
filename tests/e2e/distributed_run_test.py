"""A run of several ranks as one thing: who writes, how it ends where a rank fails, and what it goes on from.

That weights which differ between ranks are found is shown where one can change them: tests/train/replicas_test.cpp, and
TrainerRun.ReplicasThatDriftApartStopTheRun.  That a rank which stands still is noticed: tests/e2e/faults/hang_test.py.
"""
import collections
import json
import os
import pathlib
import re
import signal
import time

import support

STEPS = 10
RUN = {
    **support.TINY,
    "data.batch_size": 1,
    "data.samples_per_case": 2,
    "model.norm": "sync_batch",
    "model.dropout_prob": 0.2,
    "train.epochs": 0,
    "train.steps": STEPS,
    "train.ema.enabled": "true",
    "train.replica_check_every": 1,
    "checkpoint.every_steps": 3,
}
FILES = ("model.safetensors", "ema.safetensors", "optimizer.safetensors")


def open_below(process, folder):
    """Names of what the process holds open in the folder."""
    names = set()
    for entry in pathlib.Path(f"/proc/{process}/fd").iterdir():
        try:
            target = pathlib.Path(os.readlink(entry))
        except OSError:
            continue  # closed since
        if folder in target.parents:
            names.add(str(target.relative_to(folder)))
    return names


def tensor_names(file):
    content = file.read_bytes()
    return sorted(json.loads(content[8:8 + int.from_bytes(content[:8], "little")]))


class DistributedRun(support.Case):
    def arguments(self, run, **values):
        return ("train_brats", "--data", support.phantom_shards(6, 32, split="0.67,0.33,0"), "--run", self.folder / run,
                *support.settings({**RUN, **values}))

    def test_rank_zero_alone_logs_reports_and_saves(self):
        run = self.folder / "run"
        job = self.start_job(*self.arguments("run", **{"train.steps": 5000}), ranks=2)
        self.wait_for_step(job, run, 8)
        zero, one = (open_below(support.process_of_rank("train_brats", run, rank), run) for rank in (0, 1))
        self.assertLessEqual({".lock", "metrics.jsonl"}, zero)
        self.assertEqual(one, set(), "rank 1 holds files of the run")
        os.kill(job.pid, signal.SIGUSR1)
        self.assertEqual(job.wait(timeout=60), 75)
        lines = [line for line in job.log.read_text().splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)]
        self.assertGreater(len(lines), 5)
        self.assertEqual([line for line, count in collections.Counter(lines).items() if count > 1], [])
        self.assertEqual(sum("effective batch" in line for line in lines), 1)
        steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines() if '"kind":"step"' in line]
        self.assertEqual(steps, list(range(1, steps[-1] + 1)))
        self.assertEqual(len(list((run / "tensorboard").iterdir())), 1)
        self.assertTrue((run / "report.html").read_text().rstrip().endswith("</html>"))

    def lose(self, run, rank):
        """Kills one of two ranks of a run, awaits the end of all, and returns the exit code."""
        job = self.start_job(*self.arguments(run, **{"train.steps": 5000}), ranks=2)
        self.wait_for_step(job, self.folder / run, 2)
        processes = [support.process_of_rank("train_brats", self.folder / run, one) for one in (0, 1)]
        os.kill(processes[rank], signal.SIGKILL)
        code = job.wait(timeout=100)
        deadline = time.monotonic() + 60
        while any(pathlib.Path(f"/proc/{process}").exists() for process in processes):
            self.assertLess(time.monotonic(), deadline, "a rank stayed behind")
            time.sleep(0.05)
        return code

    def test_a_killed_rank_ends_all(self):
        for rank in (0, 1):
            self.assertNotEqual(self.lose(f"run{rank}", rank), 0)

    def test_resume_puts_every_rank_on_the_same_weights(self):
        support.run(*self.arguments("undisturbed"), ranks=2)
        expected = support.newest_checkpoint(self.folder / "undisturbed")
        self.assertEqual(support.step_of(expected), STEPS)
        run = self.folder / "killed"
        job = self.start_job(*self.arguments("killed"), ranks=2)
        self.wait_for_step(job, run, 5)
        support.kill_rank("train_brats", run, 1)
        job.wait(timeout=60)
        text = support.run(*self.arguments("killed"), ranks=2)  # compares all ranks' weights at its start and every step
        self.assertRegex(text, rf"going on from \S+/step_0000000[3-9]\S* at step \d of {STEPS}")
        made = support.newest_checkpoint(run)
        self.assertEqual(made.name, expected.name)
        for name in FILES:
            self.assertEqual((made / name).read_bytes(), (expected / name).read_bytes(), name)

    def test_weights_have_the_same_plain_names_on_any_number_of_ranks(self):
        names = []
        for ranks in (1, 2):
            support.run(*self.arguments(f"np{ranks}", **{"train.steps": 1}), ranks=ranks)
            names.append([tensor_names(support.newest_checkpoint(self.folder / f"np{ranks}") / name) for name in FILES])
        self.assertEqual(names[0], names[1])
        self.assertIn("convInit.conv.weight", names[1][0])
        self.assertEqual([name for name in names[1][0] if "module." in name], [])

    def test_validations_without_progress_end_all_ranks_and_the_run_stays_ended(self):
        values = {"train.steps": 50, "train.validate_every_epochs": 0, "train.validate_every_steps": 1,
                  "train.early_stopping.patience": 2, "train.early_stopping.min_delta": 1}
        why = "ended at step 3 of 50: early stopping: dice is no better than"
        for text in (support.run(*self.arguments("run", **values), ranks=2), support.run(*self.arguments("run", **values), ranks=2)):
            self.assertEqual(text.count(why), 1, text)
            self.assertEqual(support.step_of(support.newest_checkpoint(self.folder / "run")), 3)
        final = support.metrics(self.folder / "run", "final")[3]
        self.assertIn("early stopping", final["ended"])
        self.assertIn(final["ended"], (self.folder / "run" / "report.html").read_text())


if __name__ == "__main__":
    support.main()
