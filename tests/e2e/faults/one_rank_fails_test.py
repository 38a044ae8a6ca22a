"""What one rank cannot read ends all of them with one message, whoever it is and whenever (rows 16 and 19).

A flipped byte of a chunk (row 15) through training and validation: tests/e2e/distributed_data_test.py.
"""
import json
import re
import shutil
import time

import common
import support

MESSAGE = "a fault that was asked for"


class OneRankFails(common.FaultCase):
    shards = None

    def arguments(self, run, **values):
        shards = self.shards or support.phantom_shards(6, 32, split="0.5,0.5,0")  # three cases to train with, three to validate with
        return ("--data", shards, "--run", self.folder / run, *support.settings({**common.RUN, **values}))

    def assert_all_leave(self, text, rank):
        errors = [line for line in text.splitlines() if " error: " in line]
        self.assertEqual(len(errors), 1, text)
        self.assertRegex(errors[0], rf"rank {rank} on \S+: .*{MESSAGE}")

    def test_19_a_reading_thread_fails_in_the_first_step_on_any_rank(self):
        for rank in (0, 2):
            begin = time.monotonic()
            text = self.run_with(f"loader:item@1 rank={rank} throw", run=f"run{rank}", ranks=3, expect=65)
            print(f"the first item of rank {rank}: 65, start and end {time.monotonic() - begin:.1f} s", flush=True)
            self.assert_all_leave(text, rank)
            self.assertFalse((self.folder / f"run{rank}" / "metrics.jsonl").read_text().count('"kind":"step"'))

    def test_19_a_reading_thread_fails_in_a_later_epoch(self):
        # Nine items an epoch, three a step: the eighth of a rank is read for step 8, in the third epoch.
        text = self.run_with("loader:item@8 rank=2 throw", ranks=3, expect=65)
        self.assert_all_leave(text, 2)
        steps = support.metrics(self.folder / "run")
        self.assertEqual(max(steps), 7)
        self.assertEqual(steps[7]["epoch"], 2)
        self.run_again()

    def test_19_validation_fails_on_one_rank(self):
        for rank in (0, 1, 2):
            text = self.run_with(f"validation:case@1 rank={rank} throw", run=f"run{rank}", ranks=3, expect=65,
                                 **{"train.validate_every_steps": 4})
            self.assert_all_leave(text, rank)
            self.assertEqual(max(support.metrics(self.folder / f"run{rank}")), 4)

    def run_again(self):
        """Without the fault: from the last checkpoint to the same bits."""
        self.assertIn("going on from", support.run("train_brats", *self.arguments("run"), ranks=3))
        self.assertTrue(self.weights("run") == self.undisturbed(3))

    def a_shard_a_case(self):
        shards = self.folder / "shards"
        shutil.rmtree(shards, ignore_errors=True)
        support.run("convert_dataset", "--layout", "brats", "--input", support.phantom_cases(6, 32), "--output", shards,
                    "--split", "0.84,0.16,0", "--label-scheme", "brats2020", "--max-shard-mib", 0)
        files = [entry["file"] for entry in json.loads((shards / "dataset.json").read_text())["shards"]]
        self.assertEqual(len(files), 6)
        return shards, shards / files[3]

    def test_16_a_shard_amid_others_that_is_wrong_is_named_before_training_starts(self):
        def missing(file):
            file.unlink()

        def truncated(file):
            with open(file, "r+b") as shard:
                shard.truncate(file.stat().st_size - 1)

        def replaced(file):
            file.write_bytes((file.parent / "shard_00000.h5").read_bytes())

        def another_kind(file):
            file.write_bytes(b"\0" * file.stat().st_size)

        for spoil in (missing, truncated, replaced, another_kind):
            self.shards, file = self.a_shard_a_case()
            spoil(file)
            text = support.run("train_brats", *self.arguments(spoil.__name__), ranks=2, expect=65)
            errors = [line for line in text.splitlines() if " error: " in line]
            self.assertEqual(len(errors), 1, text)
            self.assertIn(file.name, errors[0])
            self.assertIsNone(re.search(r"step \d+/", text), text)
            print(f"{spoil.__name__}: {errors[0].split(' error: ')[1][:160]}", flush=True)


if __name__ == "__main__":
    support.main()
