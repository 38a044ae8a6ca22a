"""A rank or a disk that stands still (rows 3 and 4 of the fault table): who it is gets named, and nothing that was trained is lost."""
import json
import os
import re
import signal
import time

import common
import support

# No checkpoint but the one that a rescue saves.
HANGS = {"comm.timeout_s": 3, "checkpoint.every_steps": 0, "train.ema.enabled": "true"}
FOR_EVER = "sleep=120000"


class Hang(common.FaultCase):
    def hang(self, fault, ranks=3, run="hung", **values):
        begin = time.monotonic()
        text = self.run_with(fault, run=run, ranks=ranks, expect=76, **{**HANGS, **values})
        self.assertLess(time.monotonic() - begin, 60)
        return text

    def records(self, run="hung"):
        return {int(file.stem.split("_")[1]): [json.loads(line) for line in file.read_text().splitlines()]
                for file in (self.folder / run / "flight").glob("rank_*.jsonl")}

    def assert_goes_on_as_if_nothing_had_been(self, step, ranks=3, run="hung", **values):
        """From the checkpoint of the rescue, and from no other."""
        self.assertEqual([support.step_of(one) for one in (self.folder / run / "checkpoints").glob("step_*")], [step])
        undisturbed = self.undisturbed(ranks, **{**HANGS, **values})
        support.run("train_brats", *self.arguments(run, **{**HANGS, **values}), ranks=ranks)
        self.assertEqual(self.weights(run), undisturbed)

    def test_03_a_rank_that_hangs_in_forward_is_named_and_the_last_step_is_saved(self):
        text = self.hang("step:forward@8 rank=1 " + FOR_EVER)
        self.assertIn("the job ends: nothing goes on, and rank 1 holds the others up", text)
        self.assertRegex(text, r"rank 1 on \S+: after step 7, step > micro-batch, for \d")
        self.assertRegex(text, r"ranks 0, 2: after step 7, step > micro-batch > all_gather #\d+ of .* for \d")
        self.assertIn("the last completed step, 7, is saved", text)
        records = self.records()
        self.assertEqual(sorted(records), [0, 1, 2])
        for events in records.values():
            self.assertEqual(len(events), 64)
            self.assertEqual(events[-1]["step"], 7)
        self.assertEqual(records[1][-1]["what"], "micro-batch")
        self.assertNotIn("seconds", records[1][-1], "it is not over")
        self.assertIn("all_gather #", records[2][-1]["what"])

    def test_03_what_forward_changed_of_the_statistics_is_not_saved(self):
        text = self.hang("step:backward@8 rank=1 " + FOR_EVER, ranks=2)
        self.assertIn("the last completed step, 7, is saved", text)
        self.assert_goes_on_as_if_nothing_had_been(7, ranks=2)

    def test_03_a_stopped_rank_is_named_and_its_last_events_are_there(self):
        text = self.hang("step:forward@8 rank=2 stop")
        self.assertIn("the job ends: rank 2 does not answer", text)
        self.assertEqual(sorted(self.records()), [0, 1, 2])
        self.assertEqual(self.records()[2][-1]["what"], "micro-batch")
        self.assertNotIn("has died", text, "ranks that leave in order are not dead ones")

    def test_03_where_rank_zero_stands_still_the_others_end_the_job(self):
        text = self.hang("step:forward@8 rank=0 stop")
        self.assertRegex(text, r"rank [12] on \S+: the job ends: rank 0 does not answer: stopped, or its host is lost\.  This rank is after "
                               r"step 7, step > micro-batch > all_gather")
        self.assertEqual(self.records()[0][-1]["what"], "micro-batch")

    def test_03_a_loader_that_stands_still_is_named(self):
        text = self.hang("loader:item@7 rank=1 " + FOR_EVER)
        self.assertRegex(text, r"rank 1 on \S+: after step 6, step > reading training data > waiting for crops that are being read; beside it: "
                               r"reading a crop of BraTS20_Training_\d+, for \d")
        self.assertRegex(text, r"ranks 0, 2: after step 6, step > reading training data > World::all_ok")
        self.assertIn("the last completed step, 6, is saved", text)

    def test_03_one_rank_alone_does_not_wait_for_its_disk_for_ever_either(self):
        text = self.hang("loader:item@7 " + FOR_EVER, ranks=1)
        self.assertIn("nothing goes on, and rank 0 holds the run up", text)
        self.assertIn("the last completed step, 6, is saved", text)

    def test_03_in_a_validation_the_weights_are_saved_and_not_their_averages(self):
        values = {"train.validate_every_steps": 6}
        text = self.hang("validation:case@1 rank=0 " + FOR_EVER, ranks=2, **values)
        self.assertRegex(text, r"rank 0 on \S+: after step 5, validation > validation of BraTS20_Training_\d+")
        self.assertIn("the last completed step, 6, is saved", text)
        self.assert_goes_on_as_if_nothing_had_been(6, ranks=2, **values)

    def test_03_the_dead_ranks_last_events_are_there(self):
        text = self.run_with("step:forward@8 rank=1 kill", ranks=3, expect=None)
        self.assertIn("rank 1 has died", text)
        self.assertEqual(self.records("run")[1][-1]["what"], "micro-batch")

    def test_03_a_job_that_is_suspended_as_a_whole_goes_on(self):
        """As by `scontrol suspend`, for longer than any wait may take; the others come back some seconds after rank 0."""
        run = self.folder / "suspended"
        job = self.start_job("train_brats", *self.arguments("suspended", **{**HANGS, "train.steps": 100, "comm.timeout_s": 4}), ranks=3)
        self.wait_for_step(job, run, 5)
        ranks = [support.process_of_rank("train_brats", run, rank) for rank in range(3)]
        for process in ranks:
            os.kill(process, signal.SIGSTOP)
        time.sleep(6)
        os.kill(ranks[0], signal.SIGCONT)
        time.sleep(6.5)
        for process in ranks[1:]:
            os.kill(process, signal.SIGCONT)
        self.assertEqual(job.wait(timeout=120), 0, job.log.read_text())

    def test_04_a_slow_rank_is_named_and_training_goes_on(self):
        text = self.run_with("step:forward rank=2 sleep=100", ranks=3, **{"train.steps": 24})
        slow = re.search(r"step \d+: the other ranks wait for rank 2 on \S+, which takes (\d+) ms a step, they (\d+) ms", text)
        self.assertTrue(slow, text)
        self.assertGreater(int(slow[1]), int(slow[2]))
        last = support.metrics(self.folder / "run")[24]["own_seconds"]
        self.assertEqual(len(last), 3)
        self.assertEqual(max(last), last[2])
        self.assertEqual(support.step_of(support.newest_checkpoint(self.folder / "run")), 24)


if __name__ == "__main__":
    support.main()
