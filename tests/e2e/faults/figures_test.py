"""Figures that go wrong on one rank are noticed by all (rows 13, 14 and 19 of the fault table)."""
import common
import support


class Figures(common.FaultCase):
    def test_13_nan_on_one_rank_skips_the_step_on_all(self):
        text = self.run_with("step:batch@4 rank=1 nan")
        self.assertIn("step 4 was skipped: loss or gradients are not finite", text)
        self.assertEqual(support.metrics(self.folder / "run", "final")[common.STEPS]["skipped_steps"], 1)

    def test_13_nan_in_every_step_ends_the_run_and_names_the_cases(self):
        # Statistics that ranks share would carry it to the other ranks' losses.
        text = self.run_with("step:batch rank=1 nan", expect=65, **{"train.max_bad_steps": 3, "model.norm": "group"})
        self.assertIn("3 steps in a row had a loss or gradients that are not finite", text)
        self.assertRegex(text, r"cases whose loss is not finite: BraTS20_Training_\d+\.")

    def test_14_a_flipped_bit_of_the_weights_ends_the_run_and_names_the_rank(self):
        text = self.run_with("step:weights@5 rank=2 flip", ranks=3, expect=70, **{"train.replica_check_every": 2})
        self.assertIn("replicas differ at step 6: the model of rank 2 is not the one of the other ranks", text)

    def test_19_an_error_in_a_reading_thread_ends_all_ranks(self):
        text = self.run_with("loader:item@7 rank=1 throw", ranks=3, expect=65)
        self.assertIn("a fault that was asked for", text)
        self.assertIn("rank 1 on ", text)


if __name__ == "__main__":
    support.main()
