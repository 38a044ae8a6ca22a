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
# The same of the task that draws targets, noise and timesteps.
SYNTHESIS = {
    **{key: value for key, value in RUN.items() if not key.startswith("model.")},
    "task": "synthesis",
    "model.base_channels": 8,
    "model.channel_multipliers": "[1,2]",
    "model.num_res_blocks": 1,
    "model.norm": "sync_batch",
    "model.dropout_prob": 0.2,
    "diffusion.condition_dropout": 0.2,
}

# And of the one that makes volumes of radiographs, with their physics; flips turn both.
XRAYS = {
    **{key: value for key, value in RUN.items() if not key.startswith(("model.", "data.crop", "infer."))},
    "task": "xray_to_ct",
    "xray_to_ct.num_stages": 1,
    "xray_to_ct.img_size": 64,
    "xray_to_ct.stage1.volume_size": "[16,16,16]",
    "xray_to_ct.stage1.voxel_dim": 32,
    "xray_to_ct.stage1.vit_depth": 1,
    "xray_to_ct.physics_weight": 0.1,
    "diffusion.steps": 5,
    "model.norm": "sync_batch",
    "model.dropout_prob": 0.2,
}


def bodies():
    def make(folder):
        support.run("make_phantoms", "--layout", "xray_ct", "--cases", CASES, "--size", 32, "--output", folder / "nifti")
        support.run("convert_dataset", "--layout", "xray_ct", "--input", folder / "nifti", "--output", folder / "shards", "--make-drrs",
                    "--view-size", 64, "--split", "0.84,0.16,0")
    return support.made_once(f"bodies_{CASES}", make) / "shards"


class WorldSize(support.Case):
    def losses(self, ranks, values, figure):
        shards = bodies() if values.get("task") == "xray_to_ct" else support.phantom_shards(CASES, 32, split="0.84,0.16,0")
        folder, nothing = self.folder / f"np{ranks}", self.folder / "nothing.yaml"
        nothing.write_text("{}")
        support.run("train", "--config", nothing, "--data", shards, "--run", folder, *support.settings(values), ranks=ranks)
        steps = support.metrics(folder)
        self.assertEqual(sorted(steps), list(range(1, 21)))
        return [steps[step]["loss"] for step in range(1, 21)], support.metrics(folder, "validation")[20][figure]

    def compare(self, bound, values, run=RUN, figure="dice", delta=0.01):
        values = {**run, **values}
        expected, expected_figure = self.losses(1, values, figure)
        self.assertGreater(abs(expected[0] - expected[-1]), 1e-3, "the run must learn something for this to mean anything")
        for ranks in (2, 3, 4):
            actual, actual_figure = self.losses(ranks, values, figure)
            worst = max(abs(a - b) / abs(b) for a, b in zip(actual, expected))
            print(f"{values.get('task', 'segmentation')} {values['train.precision']} {values['train.optimizer.name']} np {ranks}: "
                  f"worst relative difference {worst:.2e}")
            self.assertLessEqual(worst, bound)
            self.assertAlmostEqual(actual_figure, expected_figure, delta=delta)

    def test_fp64_adamw(self):
        self.compare(1e-10, {"train.precision": "fp64", "train.optimizer.name": "adamw", "train.optimizer.lr": 1e-3})

    def test_fp32_sgd(self):
        self.compare(1e-5, {"train.precision": "fp32", "train.optimizer.name": "sgd", "train.optimizer.lr": 1e-3,
                            "train.optimizer.momentum": 0.9})

    def test_synthesis_fp64_adamw(self):
        self.compare(1e-10, {"train.precision": "fp64", "train.optimizer.name": "adamw", "train.optimizer.lr": 1e-3}, SYNTHESIS,
                     "psnr_brain", 1e-6)

    def test_synthesis_fp32_sgd(self):
        self.compare(1e-5, {"train.precision": "fp32", "train.optimizer.name": "sgd", "train.optimizer.lr": 1e-2,
                            "train.optimizer.momentum": 0.9}, SYNTHESIS, "psnr_brain", 1e-2)

    def test_xrays_fp64_adamw(self):
        self.compare(1e-10, {"train.precision": "fp64", "train.optimizer.name": "adamw", "train.optimizer.lr": 1e-3}, XRAYS, "psnr", 1e-6)

    def test_xrays_fp32_sgd(self):
        self.compare(1e-5, {"train.precision": "fp32", "train.optimizer.name": "sgd", "train.optimizer.lr": 1e-4,
                            "train.optimizer.momentum": 0.9}, XRAYS, "psnr", 1e-2)

    def test_accumulation_makes_the_same_batch(self):
        values = {**RUN, "train.precision": "fp64", "train.optimizer.name": "adamw", "model.norm": "group",
                  "data.global_batch_size": 4, "data.samples_per_case": 4}
        expected, _ = self.losses(1, values, "dice")
        actual, _ = self.losses(2, {**values, "train.accumulation": 2}, "dice")
        self.assertLessEqual(max(abs(a - b) / abs(b) for a, b in zip(actual, expected)), 1e-10)


if __name__ == "__main__":
    support.main()
