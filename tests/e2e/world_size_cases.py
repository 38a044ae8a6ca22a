"""What runs on 1, 2, 3 and 4 ranks have in common: a data set whose epochs end unevenly, a configuration a task, and the comparison."""
import prompted_cases
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
    "train.validate_every_epochs": 0,  # at the end alone, which takes as long as the steps
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

# And of the one that compares people over ranks, with what a table says of them: 36 in batches of 8, the last one of 4.
SURVIVAL = {
    **{key: value for key, value in RUN.items() if not key.startswith(("model.", "data.crop", "data.samples", "infer."))},
    "task": "survival",
    "data.global_batch_size": 8,
    "data.resize": "[12,12,12]",
    "data.window": "[-200,400]",
    "model.norm": "sync_batch",
    "resnet_3d.architecture": "resnet10",
    "resnet_3d.block_inplanes": "[4,4,8,8]",
    "resnet_3d.conv1_t_size": 3,
    "resnet_3d.tabular.fusion": "concatenation",
    "resnet_3d.tabular.dropout_prob": 0.2,
    "survival.events_per_batch": 1,
}
# And of the one that is asked: words, points and boxes of flipped volumes, with positions and answers.
PROMPTED = {
    **prompted_cases.TINY,
    "train.steps": 20,
    "train.replica_check_every": 5,
    "model.norm": "sync_batch",
    "model.dropout_prob": 0.2,
}
ADAMW = {"train.precision": "fp64", "train.optimizer.name": "adamw", "train.optimizer.lr": 1e-3}
SGD = {"train.precision": "fp32", "train.optimizer.name": "sgd", "train.optimizer.lr": 1e-3, "train.optimizer.momentum": 0.9}


def bodies():
    def make(folder):
        support.run("make_phantoms", "--layout", "xray_ct", "--cases", CASES, "--size", 32, "--output", folder / "nifti")
        support.run("convert_dataset", "--layout", "xray_ct", "--input", folder / "nifti", "--output", folder / "shards", "--make-drrs",
                    "--view-size", 64, "--split", "0.84,0.16,0")
    return support.made_once(f"bodies_{CASES}", make) / "shards"


def people():
    def make(folder):
        support.run("make_phantoms", "--layout", "survival", "--cases", 48, "--size", 24, "--output", folder / "people")
        support.run("convert_dataset", "--layout", "survival", "--input", folder / "people" / "table.csv", "--output", folder / "shards",
                    "--split", "0.75,0.25,0")
    return support.made_once("world_size_people", make) / "shards"


class Case(support.Case):
    def losses(self, ranks, values, figure):
        makers = {"xray_to_ct": bodies, "survival": people, "prompted_segmentation": lambda: prompted_cases.shards(8, "0.75,0.25,0")}
        shards = makers.get(values.get("task"), lambda: support.phantom_shards(CASES, 32, split="0.84,0.16,0"))()
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
