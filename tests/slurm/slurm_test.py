"""The job scripts of slurm/ on a private cluster of two nodes: training, stopping before the time limit, requeue, scancel, arrays."""
import pathlib
import shutil
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import cluster  # noqa: E402
import support  # noqa: E402

STEPS = 40
RUN = {
    **support.TINY,
    "data.batch_size": 1,
    "data.samples_per_case": 4,
    "model.dropout_prob": 0.2,
    "train.epochs": 0,
    "train.steps": STEPS,
    "train.validate_every_epochs": 0,
    "checkpoint.every_steps": 5,
}


@unittest.skipIf(cluster.missing(), cluster.missing())
class Slurm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shards = support.phantom_shards(6, 32, split="0.84,0.16,0")
        cls.cluster = cluster.Cluster()
        # The two nodes are one host: ranks of both would meet in one segment of shared memory.
        cls.cluster.environment.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_btl="tcp,self",
                                       VOXRANK_BIN=str(support.BIN))
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.stop)
        cls.folder = cls.cluster.root / "work"
        cls.folder.mkdir()
        # What never stops: 4 ranks over two nodes, started by srun.
        job = cls.submit(cls.folder / "undisturbed")
        assert cls.cluster.wait_for(job, ("COMPLETED", "FAILED"), 120) == "COMPLETED", cls.log(job)
        cls.undisturbed_log = cls.log(job)

    @classmethod
    def submit(cls, run, *options, launcher="srun", values=()):
        settings = support.settings({**RUN, **dict(values)})
        return cls.cluster.submit(
            "--nodes=2", "--ntasks-per-node=2", "--cpus-per-task=1", "--gpus-per-node=0", "--mem=1000", "--output", cls.folder / "%x-%j.log",
            f"--export=ALL,VOXRANK_LAUNCHER={launcher}", *options, support.SOURCE / "slurm/train_4gpu.sh",
            support.SOURCE / "configs/brats/smoke.yaml", cls.shards, run, *settings, folder=support.SOURCE)

    @classmethod
    def log(cls, job):
        return "".join(file.read_text() for file in cls.folder.glob(f"*-{job}.log"))

    def weights(self, run):
        newest = support.newest_checkpoint(run)
        self.assertTrue(newest.name.startswith(f"step_{STEPS:08d}"), newest.name)
        return [(newest / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors")]

    def assert_as_undisturbed(self, run, job):
        self.assertEqual(self.weights(run), self.weights(self.folder / "undisturbed"), self.log(job))
        self.assertEqual(sorted(support.metrics(run)), list(range(1, STEPS + 1)))

    def wait_for_step(self, job, run, step):
        def reached():
            file = run / "metrics.jsonl"
            self.assertNotIn(self.cluster.field(job, "JobState"), ("FAILED", "COMPLETED"), self.log(job))
            return file.exists() and file.read_text().count('"kind":"step"') >= step
        self.cluster.wait_until(reached, 120, f"step {step} of job {job} is not reached")

    def finish(self, job):
        """A requeued job waits two minutes, unless it is told not to."""
        def requeued():
            state = self.cluster.field(job, "JobState")
            self.assertNotIn(state, ("FAILED", "COMPLETED"), self.log(job))
            return state == "PENDING" and self.cluster.field(job, "Restarts") == "1"
        self.cluster.wait_until(requeued, 60, f"job {job} does not go back into the queue")
        time.sleep(2)  # slurmd takes a credential of the same second for the one that was revoked
        self.cluster.command("scontrol", "update", f"JobId={job}", "StartTime=now")
        self.assertEqual(self.cluster.wait_for(job, ("COMPLETED", "FAILED"), 120), "COMPLETED", self.log(job))
        self.assertIn("restart 1", self.log(job))

    def test_srun_places_ranks_on_both_nodes(self):
        self.assertIn("voxrank: job ", self.undisturbed_log)
        self.assertIn("on n[1-2], 4 ranks by srun, restart 0", self.undisturbed_log)
        self.assertIn("over 4 ranks", self.undisturbed_log)

    def test_mpirun_trains_the_same(self):
        run = self.folder / "mpirun"
        job = self.submit(run, launcher="mpirun")
        self.assertEqual(self.cluster.wait_for(job, ("COMPLETED", "FAILED"), 120), "COMPLETED", self.log(job))
        self.assert_as_undisturbed(run, job)

    def test_a_signal_requeues_and_the_same_job_goes_on(self):
        for launcher in ("srun", "mpirun"):
            with self.subTest(launcher=launcher):
                run = self.folder / f"requeued_{launcher}"
                job = self.submit(run, launcher=launcher)
                self.wait_for_step(job, run, 7)
                self.cluster.command("scancel", "--batch", "--signal=USR1", job)  # as --signal=B:USR1@300 does
                self.finish(job)
                self.assertIn("stopped and saved", self.log(job))
                self.assert_as_undisturbed(run, job)

    def test_the_time_limit_is_seen_in_time(self):
        """A limit of one minute; a margin of 48 s leaves the first part some seconds."""
        run = self.folder / "limited"
        job = self.submit(run, "--time=1", "--signal=B:USR1@0", values={
            "train.steps": 100000, "train.stop_margin_s": 48, "train.schedule.name": "constant"}.items())
        self.cluster.wait_until(lambda: self.cluster.field(job, "JobState") == "PENDING" and self.cluster.field(job, "Restarts") == "1",
                                50, f"job {job} does not go back into the queue")
        self.assertIn("the job's time limit is less than 48 s away", self.log(job))
        self.cluster.command("scancel", job)
        self.assertEqual(support.step_of(support.newest_checkpoint(run)), max(support.metrics(run)))

    def test_scancel_loses_at_most_what_came_after_the_last_checkpoint(self):
        run = self.folder / "cancelled"
        job = self.submit(run)
        self.wait_for_step(job, run, 12)
        self.cluster.command("scancel", job)
        self.cluster.wait_for(job, ("CANCELLED",), 60)
        self.assertGreaterEqual(support.step_of(support.newest_checkpoint(run)), 10)
        again = self.submit(run)
        self.assertEqual(self.cluster.wait_for(again, ("COMPLETED", "FAILED"), 120), "COMPLETED", self.log(again))
        self.assertIn("going on from", self.log(again))
        self.assert_as_undisturbed(run, again)

    def test_tasks_of_an_array_have_runs_and_requeues_of_their_own(self):
        home = self.folder / "home"
        (home / "slurm").mkdir(parents=True)
        for script in (support.SOURCE / "slurm").iterdir():
            shutil.copy(script, home / "slurm")
        job = self.cluster.submit(
            "--array=1-2", "--nodes=1", "--ntasks-per-node=2", "--cpus-per-task=1", "--gpus-per-node=0", "--mem=1000", "--output",
            self.folder / "%x-%A_%a.log", "--job-name=sweep", "slurm/train_4gpu.sh", support.SOURCE / "configs/brats/smoke.yaml", self.shards,
            "", *support.settings({**RUN, "train.steps": 20}), folder=home)
        runs = {task: home / "runs" / f"sweep-{task}" for task in (1, 2)}
        self.wait_for_step(f"{job}_1", runs[1], 4)
        self.cluster.command("scancel", "--signal=USR1", f"{job}_1")  # to srun's ranks themselves
        self.finish(f"{job}_1")
        self.assertEqual(self.cluster.wait_for(f"{job}_2", ("COMPLETED", "FAILED"), 120), "COMPLETED")
        self.assertEqual(self.cluster.field(f"{job}_2", "Restarts"), "0")
        for task, run in runs.items():
            self.assertEqual(sorted(support.metrics(run)), list(range(1, 21)), task)


if __name__ == "__main__":
    support.main()
