"""Surroundings that a run must not care about, and memory that ends (rows 20, 21 and 24 of the fault table)."""
import json
import os
import pathlib
import re
import signal
import subprocess

import common
import support

STEPS = 6
VALUES = {"train.steps": STEPS}


class Uneven(common.FaultCase):
    """Row 20: seven cases on three ranks, so that the last micro-batch of an epoch has an item for one of them only."""

    def train(self, run, ranks, **values):
        values = {**common.RUN, "data.samples_per_case": 1, "data.batch_size": 3 // ranks, "train.steps": 9, **values}
        return support.run("train_brats", "--data", support.phantom_shards(8, 32, split="0.875,0.125,0"), "--run", self.folder / run,
                           *support.settings(values), ranks=ranks)

    def test_20_seven_cases_on_three_ranks_train_as_on_one(self):
        for run, ranks in (("three", 3), ("one", 1)):
            self.assertIn("9 steps, 3 an epoch", self.train(run, ranks, **{"train.precision": "fp64"}))
        one, three = (support.metrics(self.folder / run) for run in ("one", "three"))
        self.assertEqual(sorted(three), list(range(1, 10)))
        for step, line in one.items():
            self.assertAlmostEqual(three[step]["loss"] / line["loss"], 1, delta=1e-10)

    def test_20_each_of_seven_cases_comes_once_an_epoch(self):
        # A rate that no network bears makes every loss after the first infinite; such steps are skipped, and the log names their cases.
        text = self.train("run", 3, **{"train.optimizer.name": "sgd", "train.optimizer.lr": 1e37, "train.max_bad_steps": 1000})
        steps = [cases.split(", ") for cases in re.findall(r"step \d+ was skipped: .*finite: (.*)", text)]
        dataset = json.loads((support.phantom_shards(8, 32, split="0.875,0.125,0") / "dataset.json").read_text())
        self.assertEqual([len(step) for step in steps], [3, 1, 3, 3, 1, 3, 3, 1])
        for epoch in (steps[2:5], steps[5:8]):
            self.assertEqual(sorted(case for step in epoch for case in step), sorted(dataset["splits"]["train"]))


class Memory(common.FaultCase):
    def test_21_memory_that_ends_on_one_rank_ends_all_and_says_what_to_do(self):
        """Rank 1 may take no more address space than it needed for small crops, and 100 MiB."""
        small = self.start_job("train_brats", *self.arguments("small", **{"train.steps": 5000}), ranks=2)
        self.wait_for_step(small, self.folder / "small", 3)
        status = pathlib.Path(f"/proc/{support.process_of_rank('train_brats', self.folder / 'small', 1)}/status").read_text()
        small.kill()
        limit_kb = int(re.search(r"VmPeak:\s+(\d+) kB", status)[1]) + (100 << 10)
        program = support.BIN / "train_brats"
        text = support.run("/bin/sh", "-c", f'test "$OMPI_COMM_WORLD_RANK" != 1 || ulimit -v {limit_kb}; exec "$0" "$@"', program,
                           *self.arguments("run", **{"data.crop_size": "[96,96,96]", "data.batch_size": 2}), ranks=2, expect=70, timeout=120)
        errors = [line for line in text.splitlines() if " error: " in line]
        self.assertEqual(len(errors), 1, text)
        self.assertRegex(errors[0], r"rank 1 on \S+: out of memory.*smaller crops")


class Surroundings(common.FaultCase):
    """Row 24: the same bits whatever is around a run."""

    def expect_same(self, run, expected):
        self.assertTrue(self.weights(run, STEPS) == expected, "other weights")  # a diff of them takes minutes
        self.assertEqual(sorted(support.metrics(self.folder / run)), list(range(1, STEPS + 1)))  # every line is whole

    def locale(self, name):
        """Variables that make it the locale, which this machine need not have."""
        made = subprocess.run(["localedef", "-i", name, "-f", "UTF-8", self.folder / f"{name}.UTF-8"], capture_output=True)
        if not (self.folder / f"{name}.UTF-8").exists():
            self.skipTest(f"no definition of the locale {name} here: {made.stderr.decode()}")
        return [f"LOCPATH={self.folder}", f"LC_ALL={name}.UTF-8", f"LANG={name}.UTF-8"]

    def test_24_environment(self):
        expected = self.undisturbed(2, **VALUES)
        for what, change in {"decimal commas": lambda: self.locale("de_DE"), "a dotless i": lambda: self.locale("tr_TR"),
                             "time zone": lambda: ["TZ=Asia/Kathmandu"], "terminal": lambda: ["TERM=dumb"],
                             "no home": lambda: ["-u", "HOME"]}.items():
            with self.subTest(what):
                run = what.replace(" ", "_")
                support.run("/usr/bin/env", *change(), support.BIN / "train_brats", *self.arguments(run, **VALUES), ranks=2)
                self.expect_same(run, expected)

    def test_24_working_folder_that_nobody_may_write_into(self):
        expected = self.undisturbed(2, **VALUES)
        with support.read_only_mount(self) as mount:
            support.run("/bin/sh", "-c", f'cd {mount} && exec "$0" "$@"', support.BIN / "train_brats", *self.arguments("run", **VALUES),
                        ranks=2)
        self.expect_same("run", expected)

    def test_24_clock_that_jumps_by_years(self):
        expected = self.undisturbed(2, **VALUES)
        library = support.BUILD / "tests" / "libclock_jump.so"
        support.run("/usr/bin/env", f"LD_PRELOAD={library}", support.BIN / "train_brats", *self.arguments("run", **VALUES), ranks=2)
        self.expect_same("run", expected)
        log = (self.folder / "run" / "report.html").read_text()
        self.assertRegex(log, r"20(36|16)-", "the clock did not jump")

    def unread(self, ranks, codes):
        """As after `train ... | head`: the reader of the pipe is gone after a line."""
        expected = self.undisturbed(ranks, **VALUES)
        reader, writer = os.pipe()
        job = subprocess.Popen(support.command("train_brats", *self.arguments("run", **VALUES), ranks=ranks),
                               env=support.clean_environment(), stdout=writer, stderr=writer)
        self.addCleanup(lambda: job.poll() is None and (job.kill(), job.wait()))
        os.close(writer)
        os.read(reader, 10)
        os.close(reader)
        self.assertIn(job.wait(timeout=120), codes)
        self.expect_same("run", expected)
        self.assertIn("peak memory", (self.folder / "run" / "log.txt").read_text())

    def test_24_nobody_reads_what_one_process_prints(self):
        self.unread(None, (0,))

    def test_24_nobody_reads_what_the_launcher_prints(self):
        # mpirun bears the signal until it takes its handlers down, after its ranks have ended: what it prints then may end it.
        self.unread(2, (0, -signal.SIGPIPE))

    def test_24_standard_streams_that_are_closed(self):
        expected = self.undisturbed(None, **VALUES)
        job = subprocess.Popen(["/bin/sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-',
                                *support.command("train_brats", *self.arguments("run", **VALUES))], env=support.clean_environment())
        job.log = self.folder / "nothing.log"
        job.log.touch()
        self.addCleanup(lambda: job.poll() is None and (job.kill(), job.wait()))
        self.wait_for_step(job, self.folder / "run", 1)
        self.assertEqual([os.readlink(f"/proc/{job.pid}/fd/{stream}") for stream in (0, 1, 2)], ["/dev/null"] * 3)
        self.assertEqual(job.wait(timeout=120), 0)
        self.expect_same("run", expected)


if __name__ == "__main__":
    support.main()
