"""Which folder a start writes into, where the one that it was told is there already."""
import os
import signal

import support

RUN = {**support.TINY, "train.epochs": 0, "train.steps": 4, "train.validate_every_epochs": 0, "run.if_exists": "number"}


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class RunFolder(support.Case):
    def arguments(self, **values):
        return ("train_brats", "--data", support.phantom_shards(6, 32, split="0.84,0.16,0"), "--run", self.folder / "runs" / "a",
                *support.settings({**RUN, **values}))

    def runs(self):
        return sorted(path.name for path in (self.folder / "runs").iterdir())

    def test_starts_take_numbered_folders_and_touch_no_other(self):
        jobs = [self.start_job(*self.arguments(), ranks=2) for _ in range(2)]  # both look at the same moment
        for job in jobs:
            self.assertEqual(job.wait(timeout=120), 0, job.log.read_text())
        self.assertEqual(self.runs(), ["a", "a_1"])
        before = {name: content(self.folder / "runs" / name) for name in self.runs()}
        text = support.run(*self.arguments(), ranks=2)
        self.assertEqual(text.count(f"this run's folder is {self.folder / 'runs' / 'a_2'};"), 1, text)
        self.assertEqual(self.runs(), ["a", "a_1", "a_2"])
        for name, files in before.items():
            self.assertEqual(content(self.folder / "runs" / name), files)
        for name in self.runs():
            run = self.folder / "runs" / name
            self.assertEqual(support.step_of(support.newest_checkpoint(run)), 4)
            self.assertEqual(sorted(support.metrics(run)), [1, 2, 3, 4])
            self.assertEqual((run / "log.txt").read_text().count("effective batch"), 1)

    def test_a_requeued_job_goes_on_and_a_new_one_does_not(self):
        long = self.arguments(**{"train.steps": 2000})
        job = self.start_job(*long, ranks=2, environment={"SLURM_JOB_ID": "4711"})
        self.wait_for_step(job, self.folder / "runs" / "a", 3)
        os.kill(job.pid, signal.SIGUSR1)
        self.assertEqual(job.wait(timeout=60), 75)
        stopped = support.step_of(support.newest_checkpoint(self.folder / "runs" / "a"))
        support.run(*self.arguments(), ranks=2, environment={"SLURM_JOB_ID": "4712"})
        requeued = self.arguments(**{"train.steps": stopped + 2})
        text = support.run(*requeued, ranks=2, environment={"SLURM_JOB_ID": "4711", "SLURM_RESTART_COUNT": "1"})
        self.assertIn(f"at step {stopped} of {stopped + 2}", text)
        self.assertEqual(self.runs(), ["a", "a_1"])
        self.assertEqual(support.step_of(support.newest_checkpoint(self.folder / "runs" / "a")), stopped + 2)
        # By hand: the folder by its name.
        arguments = [*self.arguments(**{"train.steps": 6, "run.if_exists": "use"})]
        arguments[arguments.index("--run") + 1] = self.folder / "runs" / "a_1"
        self.assertIn("at step 4 of 6", support.run(*arguments, ranks=2))
        self.assertEqual(self.runs(), ["a", "a_1"])

    def test_fail_says_what_to_do_and_overwrite_false_numbers(self):
        support.run(*self.arguments(**{"run.if_exists": "fail"}))
        before = content(self.folder / "runs" / "a")
        text = support.run(*self.arguments(**{"run.if_exists": "fail"}), ranks=2, expect=73)
        self.assertEqual(text.count("is there already, and run.if_exists is fail"), 1)
        self.assertEqual(content(self.folder / "runs" / "a"), before)
        values = {key: value for key, value in RUN.items() if key != "run.if_exists"}
        start = ("train_brats", "--data", support.phantom_shards(6, 32, split="0.84,0.16,0"), "--run", self.folder / "runs" / "a")
        support.run(*start, *support.settings({**values, "overwrite": "False"}))
        self.assertEqual(self.runs(), ["a", "a_1"])
        text = support.run(*start, *support.settings({**values, "overwrite": "True"}), expect=78)
        self.assertIn("no run is deleted here", text)
        self.assertEqual(content(self.folder / "runs" / "a"), before)


if __name__ == "__main__":
    support.main()
