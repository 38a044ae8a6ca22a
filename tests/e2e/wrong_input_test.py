"""What a user does wrong has an exit code and a message that says what, where, and what to do."""
import os
import shutil

import support


def set_to(*assignments):
    return [word for assignment in assignments for word in ("--set", assignment)]


# Words of the command line, exit code, what the message says: the key's path, and what to do or the nearest that there is.
WRONG = (
    # Names and types.
    (*set_to("train.stepz=3"), 78, ("unknown key 'train.stepz'", "did you mean 'train.steps'?")),
    (*set_to("chekpoint.keep_last=3"), 78, ("unknown key 'chekpoint", "did you mean 'checkpoint'?")),
    (*set_to("train.steps=few"), 78, ("'train.steps' must be a whole number",)),
    (*set_to("train.steps=1.5"), 78, ("'train.steps' must be a whole number",)),
    (*set_to("train.optimizer.lr=.nan"), 78, ("'train.optimizer.lr' must be a number",)),
    (*set_to("train.clip_norm=1e999"), 78, ("'train.clip_norm' must be a number",)),
    (*set_to("data.crop_size=16"), 78, ("'data.crop_size' must be a list of whole numbers",)),
    (*set_to("train.ema.enabled=1"), 78, ("'train.ema.enabled' must be true or false",)),
    (*set_to("train.optimizer.name=adam-w"), 78, ("train.optimizer.name", "did you mean 'adamw'?")),
    (*set_to("task=segmentaton"), 78, ("did you mean 'segmentation'?",)),
    (*set_to("data.resize=[16, 16, 16]"), 78, ("resize: [16, 16, 16] (whole cases) and crop_size: [16, 16, 16] contradict",)),
    (*set_to("data.resize=[16, 16, 16]"), *set_to("data.crop_size=[]"), 78, ("data.resize: segmentation learns",)),
    # Numbers out of their range.
    (*set_to("seed=-1"), 78, ("seed must not be negative",)),
    (*set_to("data.foreground_ratio=1.5"), 78, ("data: foreground_ratio: 1.5 is not within 0 .. 1",)),
    (*set_to("data.spatial.zoom_probability=-0.1"), 78, ("data.spatial: zoom_probability: -0.1 is not within 0 .. 1",)),
    (*set_to("data.max_cases=-1"), 78, ("max_cases must not be negative",)),
    (*set_to("data.cache_mb=9000000000000000000"), 78, ("data: cache_mb: 9000000000000000000 is not within",)),
    (*set_to("data.prefetch_mb=0"), 78, ("data: prefetch_mb: 0 is not within",)),
    (*set_to("train.bucket_mb=9000000000000000000"), 78, ("train: bucket_mb: 9000000000000000000 is not within",)),
    (*set_to("infer.window=[0,32,32]"), 78, ("infer: window must be three sizes of at least 1",)),
    (*set_to("infer.overlap=1"), 78, ("infer: overlap must be at least 0 and below 1",)),
    (*set_to("checkpoint.keep_last=0"), 78, ("checkpoint: keep_last must be 1 or more",)),
    (*set_to("model.dropout_prob=1"), 78, ("dropout_prob is 1, it must be at least 0 and below 1",)),
    # What excludes each other.
    (*set_to("train.epochs=3"), 78, ("train: give either steps or epochs",)),
    (*set_to("data.batch_size=2", "data.global_batch_size=4"), 78, ("data: batch_size: 2", "global_batch_size: 4")),
    (*set_to("data.batch_size=0", "data.global_batch_size=5", "train.accumulation=2"), 78,
     ("data.global_batch_size: 5", "train.accumulation", "choose a multiple of 2")),
    (*set_to("data.crop_size=[16,18,16]"), 78, ("data.crop_size: [16, 18, 16]", "multiples of 4", "model.blocks_down")),
    (*set_to("infer.window=[32,32,30]"), 78, ("infer.window: [32, 32, 30]", "multiples of 4", "model.blocks_down")),
    (*set_to("data.spatial.margin=[2,2,2]"), 78, ("data.spatial: margin: [2, 2, 2] is read for nothing",)),
    (*set_to("data.flip_axes=[]"), 78, ("with no flip_axes contradicts itself",)),
    (*set_to("model.norm=batch"), 78, ("model.norm", "use 'sync_batch' on more than one rank")),
    (*set_to("model.strides=[2,2]"), 78, ("strides is of unet",)),
    (*set_to("loss.name=dice_ce", "loss.lambda_dice=0", "loss.lambda_ce=0"), 78, ("loss: lambda_dice and lambda_ce are both 0",)),
    (*set_to("train.schedule.name=plateau", "train.validate_every_epochs=0"), 78,
     ("train: schedule.name: plateau follows validations", "validate_every_epochs")),
    (*set_to("train.schedule.min_lr=1", "train.optimizer.lr=0.1"), 78, ("train: schedule.min_lr: 1 is above optimizer.lr: 0.1",)),
    (*set_to("train.early_stopping.patience=3", "train.validate_every_epochs=0"), 78, ("early_stopping.patience counts validations",)),
    # The command line itself.
    ("--frobnicate", 64, ("--frobnicate", "--help lists the options")),
    ("--set", 64, ("--set", "--help lists the options")),
    ("--resume", "none", "--resume_from", "auto", 64, ("--resume_from is another name of --resume",)),
    ("--checkpoint_dir", "elsewhere", 64, ("--checkpoint_dir is another name of --run",)),
)


class Configuration(support.Case):
    def train(self, *arguments, expect, **values):
        shards = support.phantom_shards(6, 32, split="0.84,0.16,0")
        return support.run("train_brats", "--data", shards, "--run", self.folder / "run",
                           *support.settings({**support.TINY, "train.epochs": 0, "train.steps": 2, **values}), *arguments, expect=expect)

    def test_22_what_is_wrong_with_a_configuration_is_said_once_before_anything_is_opened(self):
        """There is no data set in the folder that is named: whoever got as far as opening it would end with 65."""
        for rows in WRONG:
            words, code, parts = rows[:-2], rows[-2], rows[-1]
            with self.subTest(words=words):
                text = support.run("train_brats", "--data", self.folder / "nowhere", "--run", self.folder / "run",
                                   *support.settings({**support.TINY, "train.epochs": 0, "train.steps": 2}), *words,
                                   ranks=2, expect=code)
                for part in parts:
                    self.assertIn(part, text)
                errors = [line for line in text.splitlines() if " error: " in line]
                self.assertEqual(len(errors), 1, text)

    def test_nothing_is_written_before_the_configuration_is_right(self):
        self.train("--set", "train.stepz=3", expect=78)
        self.assertFalse((self.folder / "run").exists())

    def test_unknown_option_and_missing_file(self):
        self.assertIn("--help", self.train("--frobnicate", expect=64))
        text = support.run("train", "--config", "/nowhere.yaml", "--data", "x", "--run", "y", expect=65)
        self.assertIn("/nowhere.yaml", text)


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
