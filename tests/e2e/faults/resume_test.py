"""A run goes on where a time limit stopped it, and on another number of ranks.  After a kill or a signal: faults/killed_test.py,
faults/stop_test.py."""
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
