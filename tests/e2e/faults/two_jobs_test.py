"""Two jobs on one run folder: the second one is told whose it is, and the first one notices nothing (row 23)."""
import os
import signal
import time

import common
import support

SLOWLY = {"VOX_FAULT": "step:begin sleep=1000"}  # a step of a second, so that the other job comes in the middle
PROGRAM = "train_brats_with_faults"


class TwoJobs(common.FaultCase):
    def start_first(self, environment=None):
        job = self.start_job(support.WITH_FAULTS, *self.arguments("run"), ranks=2, environment={**SLOWLY, **(environment or {})})
        self.wait_for_step(job, self.folder / "run", 2)
        return job, [support.process_of_rank(PROGRAM, self.folder / "run", rank) for rank in (0, 1)]

    def files(self):
        """What the second job must not have touched; a log or a table that the first one writes only grows."""
        run = self.folder / "run"
        return {name: (run / name).read_bytes() for name in ("config.yaml", ".lock")}

    def test_23_the_second_job_is_refused_and_the_first_is_undisturbed(self):
        job, processes = self.start_first({"SLURM_JOB_ID": "17"})
        before = self.files()
        for ranks in (2, 1, 3):
            begin = time.monotonic()
            text = support.run("train_brats", *self.arguments("run", **{"seed": 5}), ranks=ranks, expect=73)
            print(f"refused on {ranks} ranks after {time.monotonic() - begin:.1f} s", flush=True)
            self.assertEqual(text.count("is in use by another job"), 1, text)
            self.assertRegex(text, rf"process {processes[0]} on \S+, Slurm job 17\)")
        self.assertIsNone(job.poll(), "the first job was over too soon to show anything")
        self.assertEqual(self.files(), before)
        self.assertEqual(job.wait(timeout=120), 0, job.log.read_text()[-3000:])
        self.assertNotIn("in use", (self.folder / "run" / "log.txt").read_text())
        self.assertEqual(sorted(support.metrics(self.folder / "run")), list(range(1, common.STEPS + 1)))
        self.assertTrue(self.weights("run") == self.undisturbed())

    def test_23_the_lock_of_a_killed_job_goes_with_it(self):
        job, processes = self.start_first()
        self.wait_for_step(job, self.folder / "run", 4)  # beyond its first checkpoint
        for process in (job.pid, *processes):
            os.kill(process, signal.SIGKILL)
        job.wait(timeout=30)
        text = support.run("train_brats", *self.arguments("run"), ranks=2)
        self.assertIn("going on from", text)
        self.assertTrue(self.weights("run") == self.undisturbed())


if __name__ == "__main__":
    support.main()
