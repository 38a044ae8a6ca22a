"""The same run on 1, 2, 3 and 4 ranks has the same losses: augmentation, dropout, SyncBN and an uneven last batch included."""
import support

# 5 training cases, 2 crops each: an epoch is 10 items in global micro-batches of 4, 4 and 2, so that the last one leaves
# ranks without items at 3 and 4 ranks.
CASES, SAMPLES, GLOBAL_MICRO_BATCH = 6, 2, 4
RUN = {
    **support.TINY,
    "data.batch_size": 0,
    "data.global_batch_size": GLOBAL_MICRO_BATCH,
    "data.samples_per_case": SAMPLES,
    "model.norm": "sync_batch",
    "model.dropout_prob": 0.2,
    "train.epochs": 0,
    "train.steps": 20,
    "train.replica_check_every": 5,
    "checkpoint.every_steps": 0,
}


class WorldSize(support.Case):
    def losses(self, ranks, values):
        shards = support.phantom_shards(CASES, 32, split="0.84,0.16,0")
        folder = self.folder / f"np{ranks}"
        support.run("train_brats", "--data", shards, "--run", folder, *support.settings({**RUN, **values}), ranks=ranks)
        steps = support.metrics(folder)
        self.assertEqual(sorted(steps), list(range(1, 21)))
        return [steps[step]["loss"] for step in range(1, 21)], support.metrics(folder, "validation")[20]["dice"]

    def compare(self, bound, values):
        expected, dice = self.losses(1, values)
        self.assertGreater(abs(expected[0] - expected[-1]), 1e-3, "the run must learn something for this to mean anything")
        for ranks in (2, 3, 4):
            actual, other_dice = self.losses(ranks, values)
            worst = max(abs(a - b) / abs(b) for a, b in zip(actual, expected))
            print(f"{values['train.precision']} {values['train.optimizer.name']} np {ranks}: worst relative difference {worst:.2e}")
            self.assertLessEqual(worst, bound)
            self.assertAlmostEqual(other_dice, dice, delta=0.01)

    def test_fp64_adamw(self):
        self.compare(1e-10, {"train.precision": "fp64", "train.optimizer.name": "adamw", "train.optimizer.lr": 1e-3})

    def test_fp32_sgd(self):
        self.compare(1e-5, {"train.precision": "fp32", "train.optimizer.name": "sgd", "train.optimizer.lr": 1e-3,
                            "train.optimizer.momentum": 0.9})

    def test_accumulation_makes_the_same_batch(self):
        values = {"train.precision": "fp64", "train.optimizer.name": "adamw", "model.norm": "group",
                  "data.global_batch_size": 4, "data.samples_per_case": 4}
        expected, _ = self.losses(1, values)
        folder = self.folder / "accumulated"
        shards = support.phantom_shards(CASES, 32, split="0.84,0.16,0")
        support.run("train_brats", "--data", shards, "--run", folder,
                    *support.settings({**RUN, **values, "train.accumulation": 2}), ranks=2)
        steps = support.metrics(folder)
        actual = [steps[step]["loss"] for step in range(1, 21)]
        self.assertLessEqual(max(abs(a - b) / abs(b) for a, b in zip(actual, expected)), 1e-10)


if __name__ == "__main__":
    support.main()
