"""How ranks share training items and validation cases: each once, none twice, with the figures of one process."""
import json
import re
import shutil

import h5py
import support

# Five cases to train on: the last micro-batch of an epoch has an item for one of two ranks only.
TRAIN_SPLIT = "0.84,0.16,0"
# Three to validate with, all of one size: the first and the third go to rank 0, the second to rank 1.
VALIDATION_SPLIT = "0.5,0.5,0"


def cases_of(shards, split):
    return json.loads((shards / "dataset.json").read_text())["splits"][split]


def damage(shards, case):
    """Changes a byte of the case's first chunk, which only its checksum can notice."""
    dataset = json.loads((shards / "dataset.json").read_text())
    file = shards / next(entry["shard"] for entry in dataset["cases"] if entry["id"] == case)
    with h5py.File(file) as shard:
        chunk = shard[f"cases/{case}/image"].id.get_chunk_info(0)
    with open(file, "r+b") as shard:
        shard.seek(chunk.byte_offset + chunk.size // 2)
        byte = shard.read(1)[0]
        shard.seek(-1, 1)
        shard.write(bytes([byte ^ 1]))


class DistributedData(support.Case):
    def train(self, shards, ranks, run="run", expect=0, **values):
        return support.run("train_brats", "--data", shards, "--run", self.folder / run,
                           *support.settings({**support.TINY, "train.epochs": 0, **values}), ranks=ranks, expect=expect, timeout=120)

    def damaged(self, split, case):
        shards = self.folder / "damaged"
        shutil.rmtree(shards, ignore_errors=True)
        shutil.copytree(support.phantom_shards(6, 32, split=split), shards)
        damage(shards, case)
        return shards

    def items(self, ranks):
        """The cases of each step after the first, in the order of ranks.  A rate that no network bears makes every further
        loss infinite; such steps are skipped, and the log names their cases."""
        text = self.train(support.phantom_shards(6, 32, split=TRAIN_SPLIT), ranks, run=f"items{ranks}", **{
            "train.epochs": 3, "train.optimizer.name": "sgd", "train.optimizer.lr": 1e37, "train.max_bad_steps": 1000,
            "train.validate_every_epochs": 0, "data.batch_size": 2 // ranks})
        lines = re.findall(r"step (\d+) was skipped: .*finite: (.*)", text)
        self.assertEqual([int(step) for step, _ in lines], list(range(2, 10)), text)
        return [cases.split(", ") for _, cases in lines]

    def test_items_of_ranks_are_disjoint_and_none_is_missing(self):
        # Every case once an epoch, nothing repeated to fill the last micro-batch: also
        # EpochSampler.EveryCaseComesSamplesPerCaseTimesAnEpochAtAnyWorldSize in tests/data/epoch_sampler_test.cpp.
        train = sorted(cases_of(support.phantom_shards(6, 32, split=TRAIN_SPLIT), "train"))
        self.assertEqual(len(train), 5)
        two = self.items(2)
        for epoch in (two[2:5], two[5:8]):
            self.assertEqual([len(step) for step in epoch], [2, 2, 1])
            self.assertEqual(sorted(case for step in epoch for case in step), train)
        self.assertNotEqual(two[2:5], two[5:8], "each epoch has an order of its own")
        self.assertEqual(two, self.items(1), "the order is that of one process")

    def test_two_ranks_train_as_one_process_with_their_joined_batch(self):
        shards = support.phantom_shards(6, 32, split=TRAIN_SPLIT)
        losses = {}
        for ranks in (1, 2):
            self.train(shards, ranks, run=f"np{ranks}", **{
                "train.steps": 6, "train.precision": "fp64", "data.batch_size": 2 // ranks, "train.replica_check_every": 1,
                "train.validate_every_epochs": 0, "train.optimizer.name": "sgd", "train.optimizer.lr": 0.1})
            losses[ranks] = [line["loss"] for line in support.metrics(self.folder / f"np{ranks}").values()]
        self.assertEqual(len(losses[2]), 6)
        self.assertNotEqual(losses[2][0], losses[2][3], "the run must learn something for this to mean anything")
        for one, two in zip(losses[1], losses[2]):
            self.assertAlmostEqual(two / one, 1, delta=1e-10)

    def test_a_case_that_one_rank_cannot_read_ends_all_with_one_message(self):
        case = cases_of(support.phantom_shards(6, 32, split=TRAIN_SPLIT), "train")[2]
        text = self.train(self.damaged(TRAIN_SPLIT, case), 2, expect=65, **{"train.steps": 30})
        errors = [line for line in text.splitlines() if " error: " in line]
        self.assertEqual(len(errors), 1, text)
        self.assertRegex(errors[0], rf"rank [01] on \S+: .*{case}")

    def test_validation_is_sharded(self):
        cases = cases_of(support.phantom_shards(6, 32, split=VALIDATION_SPLIT), "val")
        self.assertEqual(len(cases), 3)
        for number, rank in ((0, 0), (1, 1), (2, 0)):
            text = self.train(self.damaged(VALIDATION_SPLIT, cases[number]), 2, run=f"run{number}", expect=65, **{"train.steps": 1})
            errors = [line for line in text.splitlines() if " error: " in line]
            self.assertEqual(len(errors), 1, text)
            self.assertRegex(errors[0], rf"rank {rank} on \S+: .*{cases[number]}")

    def test_validation_is_exact(self):
        shards = support.phantom_shards(6, 32, split=VALIDATION_SPLIT)
        cases = cases_of(shards, "val")
        self.train(shards, 2, **{"train.steps": 4, "train.optimizer.lr": 1e-2})
        run = self.folder / "run"
        logged = support.metrics(run, "validation")[4]
        self.assertEqual(logged["cases"], 3)
        tables = []
        for ranks in (1, 2, 3):
            support.run("evaluate", "--run", run, "--data", shards, "--split", "val", ranks=ranks)
            tables.append(json.loads((run / "evaluation" / "metrics.json").read_text()))
            listed = [line.split(",")[0] for line in (run / "evaluation" / "cases.csv").read_text().splitlines()[1:]]
            self.assertEqual([line for line in listed if line in cases], cases, "each case once")
        self.assertEqual(tables[0], tables[1])
        self.assertEqual(tables[0], tables[2])
        for region in ("TC", "WT", "ET"):
            self.assertAlmostEqual(tables[0]["mean"][region], logged[f"dice/{region}"], delta=1e-12)


if __name__ == "__main__":
    support.main()
