"""A rank killed at any step costs nothing: the run goes on from its last checkpoint and ends with the same bits."""
import os
import random
import signal
import time

import support

STEPS = 16
RUN = {
    **support.TINY,
    "data.batch_size": 1,
    "data.samples_per_case": 3,
    "model.norm": "sync_batch",
    "model.dropout_prob": 0.2,
    "train.epochs": 0,
    "train.steps": STEPS,
    "train.accumulation": 2,
    "train.ema.enabled": "true",
    "checkpoint.every_steps": 3,
}


class Resume(support.Case):
    def arguments(self, folder):
        return ["train_brats", "--data", support.phantom_shards(6, 32, split="0.84,0.16,0"), "--run", folder, *support.settings(RUN)]

    def start(self, folder, ranks):
        return self.start_job(*self.arguments(folder), ranks=ranks)

    def weights(self, folder):
        newest = support.newest_checkpoint(folder)
        self.assertEqual(support.step_of(newest), STEPS)
        return {name: (newest / name).read_bytes() for name in ("model.safetensors", "ema.safetensors", "optimizer.safetensors")}

    def test_kill_minus_nine_of_any_rank(self):
        undisturbed = self.folder / "undisturbed"
        support.run(*self.arguments(undisturbed), ranks=2)
        expected = self.weights(undisturbed)
        seed = int(os.environ.get("E2E_SEED", "0"))
        for trial in range(3):
            chance = random.Random(seed * 1000 + trial)
            rank, step = chance.randrange(2), chance.randrange(1, STEPS - 3)
            folder = self.folder / f"killed_{trial}"
            job = self.start(folder, ranks=2)
            self.wait_for_step(job, folder, step)
            support.kill_rank("train_brats", folder, rank)
            killed = time.monotonic()
            self.assertNotEqual(job.wait(timeout=60), 0)
            self.assertLess(time.monotonic() - killed, 10, "the other rank stayed behind")
            support.run(*self.arguments(folder), ranks=2)
            for name, content in expected.items():
                self.assertEqual(self.weights(folder)[name], content, f"{name} after rank {rank} was killed at step {step}")
            steps = sorted(support.metrics(folder))
            self.assertEqual(steps, list(range(1, STEPS + 1)))

    def test_usr1_saves_and_ends_with_75_and_goes_on(self):
        undisturbed = self.folder / "undisturbed"
        support.run(*self.arguments(undisturbed), ranks=2)
        folder = self.folder / "stopped"
        job = self.start(folder, ranks=2)
        self.wait_for_step(job, folder, 4)
        os.kill(job.pid, signal.SIGUSR1)  # mpirun forwards it to all ranks
        self.assertEqual(job.wait(timeout=60), 75)
        self.assertGreaterEqual(support.step_of(support.newest_checkpoint(folder)), 4)
        support.run(*self.arguments(folder), ranks=2)
        self.assertEqual(self.weights(folder), self.weights(undisturbed))

    def test_the_end_of_the_job_is_a_stop(self):
        """As under Slurm, whose script says when the job ends."""
        folder = self.folder / "limited"
        words = [*self.arguments(folder), *support.settings({"train.steps": 100000, "train.stop_margin_s": 50,
                                                             "train.schedule.name": "constant"})]
        begin = time.time()
        text = support.run(*words, ranks=2, expect=75, environment={"SLURM_JOB_END_TIME": str(int(begin) + 58)})
        self.assertIn("the job's time limit is less than 50 s away", text)
        self.assertGreater(time.time() - begin, 7, "it stopped before it had to")
        last = support.step_of(support.newest_checkpoint(folder))
        self.assertEqual(last, max(support.metrics(folder)))
        # Without a margin the limit is nobody's business.
        text = support.run(*self.arguments(folder), *support.settings({"train.steps": last + 3, "train.stop_margin_s": 0,
                                                                       "train.schedule.name": "constant"}),
                           ranks=2, environment={"SLURM_JOB_END_TIME": str(int(begin))})
        self.assertEqual(support.step_of(support.newest_checkpoint(folder)), last + 3)

    def test_other_world_size_goes_on_with_the_same_samples(self):
        # np 2, batch 1: a global micro-batch of 2, which the checkpoint keeps when one rank goes on alone.  A constant rate,
        # because the shorter first half would end a schedule earlier.
        values = {"train.precision": "fp64", "train.schedule.name": "constant"}
        undisturbed, folder = self.folder / "undisturbed", self.folder / "moved"
        support.run(*self.arguments(undisturbed), *support.settings(values), ranks=2)
        support.run(*self.arguments(folder), *support.settings({**values, "train.steps": STEPS // 2}), ranks=2)
        text = support.run(*self.arguments(folder), *support.settings(values), ranks=1)
        self.assertIn("world size 1, was 2", text)
        expected, actual = support.metrics(undisturbed), support.metrics(folder)
        for step in range(1, STEPS + 1):
            self.assertEqual(actual[step]["epoch"], expected[step]["epoch"])
            self.assertAlmostEqual(actual[step]["loss"] / expected[step]["loss"], 1, delta=1e-10)


if __name__ == "__main__":
    support.main()
