"""A run goes on where a time limit stopped it, and on another number of ranks (rows 5 and 12 of the fault table)."""
import time

import common
import support

STEPS = 16
VALUES = {
    "train.steps": STEPS,
    "train.accumulation": 2,
    "train.ema.enabled": "true",
    "train.validate_every_epochs": 1,
}


class Resume(common.FaultCase):
    def run_to(self, run, ranks, expect=0, environment=None, **values):
        return support.run("train_brats", *self.arguments(run, **{**VALUES, **values}), ranks=ranks, expect=expect, environment=environment)

    def test_the_end_of_the_job_is_a_stop(self):
        """As under Slurm, whose script says when the job ends."""
        folder = self.folder / "limited"
        constant = {"train.schedule.name": "constant"}
        begin = time.time()
        text = self.run_to("limited", 2, expect=75, environment={"SLURM_JOB_END_TIME": str(int(begin) + 58)},
                           **{**constant, "train.steps": 100000, "train.stop_margin_s": 50})
        self.assertIn("the job's time limit is less than 50 s away", text)
        self.assertGreater(time.time() - begin, 7, "it stopped before it had to")
        last = support.step_of(support.newest_checkpoint(folder))
        self.assertEqual(last, max(support.metrics(folder)))
        # Without a margin the limit is nobody's business.
        self.run_to("limited", 2, environment={"SLURM_JOB_END_TIME": str(int(begin))},
                    **{**constant, "train.steps": last + 3, "train.stop_margin_s": 0})
        self.assertEqual(support.step_of(support.newest_checkpoint(folder)), last + 3)

    def test_other_world_size_goes_on_with_the_same_samples(self):
        # np 2, batch 1: a global micro-batch of 2, which the checkpoint keeps when one rank goes on alone.  A constant rate,
        # because the shorter first half would end a schedule earlier.
        values = {"train.precision": "fp64", "train.schedule.name": "constant"}
        self.run_to("undisturbed", 2, **values)
        self.run_to("moved", 2, **{**values, "train.steps": STEPS // 2})
        text = self.run_to("moved", 1, **values)
        self.assertIn("world size 1, was 2", text)
        expected, actual = support.metrics(self.folder / "undisturbed"), support.metrics(self.folder / "moved")
        for step in range(1, STEPS + 1):
            self.assertEqual(actual[step]["epoch"], expected[step]["epoch"])
            self.assertAlmostEqual(actual[step]["loss"] / expected[step]["loss"], 1, delta=1e-10)


if __name__ == "__main__":
    support.main()
