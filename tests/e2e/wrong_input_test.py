"""What a user does wrong has an exit code and a message that says what, where, and what to do."""
import os
import shutil

import support


class Configuration(support.Case):
    def train(self, *arguments, expect, **values):
        shards = support.phantom_shards(6, 32, split="0.84,0.16,0")
        return support.run("train_brats", "--data", shards, "--run", self.folder / "run",
                           *support.settings({**support.TINY, "train.epochs": 0, "train.steps": 2, **values}), *arguments, expect=expect)

    def test_misspelt_key(self):
        text = self.train("--set", "train.stepz=3", expect=78)
        self.assertIn("unknown key 'train.stepz'", text)
        self.assertIn("did you mean 'train.steps'?", text)
        self.assertFalse((self.folder / "run").exists(), "nothing may be written before the configuration is right")

    def test_wrong_type_and_choice(self):
        self.assertIn("'train.steps' must be a whole number", self.train("--set", "train.steps=few", expect=78))
        self.assertIn("did you mean 'adamw'?", self.train("--set", "train.optimizer.name=adam-w", expect=78))

    def test_batch_arithmetic_that_cannot_work(self):
        text = self.train("--set", "data.batch_size=0", "--set", "data.global_batch_size=5", "--set", "train.accumulation=2", expect=78)
        self.assertIn("5", text)
        self.assertIn("accumulation", text)
        self.assertIn("batch_size", self.train("--set", "data.batch_size=2", "--set", "data.global_batch_size=4", expect=78))

    def test_unknown_option_and_missing_file(self):
        self.assertIn("--help", self.train("--frobnicate", expect=64))
        text = support.run("train", "--config", "/nowhere.yaml", "--data", "x", "--run", "y", expect=65)
        self.assertIn("/nowhere.yaml", text)

    def test_plain_batch_norm_on_two_ranks(self):
        shards = support.phantom_shards(6, 32, split="0.84,0.16,0")
        text = support.run("train_brats", "--data", shards, "--run", self.folder / "run",
                           *support.settings({**support.TINY, "train.epochs": 0, "train.steps": 2, "model.norm": "batch"}), ranks=2, expect=78)
        self.assertIn("sync_batch", text)


class Places(support.Case):
    def train(self, run, expect, shards=None, **values):
        shards = shards or support.phantom_shards(6, 32, split="0.84,0.16,0")
        return support.run("train_brats", "--data", shards, "--run", run,
                           *support.settings({**support.TINY, "train.epochs": 0, "train.steps": 2, **values}), expect=expect)

    def test_file_in_the_run_folders_place(self):
        (self.folder / "taken").write_text("mine")
        self.assertIn("taken", self.train(self.folder / "taken", 73))
        self.assertEqual((self.folder / "taken").read_text(), "mine")

    def test_read_only_mount(self):
        with support.read_only_mount(self) as mount:
            self.assertIn(str(mount), self.train(mount / "run", 73))

    def test_resume_with_another_model(self):
        self.train(self.folder / "run", 0)
        text = self.train(self.folder / "run", 65, **{"model.init_filters": 16})
        self.assertIn("section 'model'", text)
        self.assertIn("convInit.conv.weight", text)

    def test_truncated_shard_and_other_version(self):
        shards = self.folder / "shards"
        shutil.copytree(support.phantom_shards(6, 32, split="0.84,0.16,0"), shards)
        shard = sorted(shards.glob("*.h5"))[0]
        os.truncate(shard, shard.stat().st_size // 2)
        self.assertIn(shard.name, self.train(self.folder / "run", 65, shards=shards))
        shutil.rmtree(shards)
        shutil.copytree(support.phantom_shards(6, 32, split="0.84,0.16,0"), shards)
        index = shards / "dataset.json"
        index.write_text(index.read_text().replace('"version": 1', '"version": 99'))
        text = self.train(self.folder / "run", 65, shards=shards)
        self.assertIn("99", text)


if __name__ == "__main__":
    support.main()
