"""Prostates: the shipped configurations train, held-out zones are found, and neither ranks nor a kill change a number."""
import json
import os
import random

import nibabel
import numpy
import support

CONFIGS = support.SOURCE / "configs/prostate158"

# A network that takes seconds, with everything in it that draws random numbers or joins ranks.
NARROW = {
    "data.crop_size": "[32,32,32]",
    "data.threads": 1,
    "data.cache_mb": 64,
    "model.channels": "[4,8,8]",
    "model.strides": "[2,2]",
    "model.num_res_units": 2,
    "model.dropout_prob": 0.15,
    "infer.window": "[32,32,32]",
    "train.threads_per_rank": 1,
    "train.epochs": 0,
    "train.validate_every_epochs": 0,
    "train.validate_every_steps": 0,
    "train.log_every": 1,
    "checkpoint.every_minutes": 0,
    "checkpoint.every_steps": 0,
}
# Every augmentation there is, more often than anybody would want it.
AUGMENTED = {
    "data.flip_probability": 0.5,
    "data.intensity_scale": 0.1,
    "data.intensity_shift": 0.2,
    **{f"data.intensity.{name}_probability": 0.4 for name in (
        "bias_field", "gaussian_smooth", "gibbs_noise", "gaussian_noise", "sharpen", "contrast")},
    **{f"data.spatial.{name}_probability": 0.4 for name in ("affine", "rotate", "zoom", "elastic", "rotate90")},
    "data.spatial.margin": "[4,4,4]",
}


def train(config, shards, run, values, ranks, **options):
    return support.run("train", "--config", CONFIGS / f"{config}.yaml", "--data", shards, "--run", run, *support.settings(values),
                       ranks=ranks, **options)


class ShippedConfigurations(support.Case):
    def test_tumours_on_two_ranks(self):
        shards, run, predictions = support.prostate_shards(8, 64, "tumor", "1.5,1,1"), self.folder / "run", self.folder / "predictions"
        text = train("tumor", shards, run, {**NARROW, "train.steps": 6, "data.batch_size": 1, "train.validate_every_steps": 3}, ranks=2)
        self.assertIn("effective batch 2 = 2 items a micro-batch over 2 ranks", text)
        steps = support.metrics(run)
        for step in range(1, 7):
            self.assertAlmostEqual(steps[step]["loss"], steps[step]["loss/dice"] + steps[step]["loss/focal"], places=9)
        self.assertIn("dice/tumor", support.metrics(run, "validation")[3])
        # One cycle: the rate rises and falls.
        rates = [steps[step]["lr"] for step in range(1, 7)]
        self.assertLess(rates[0], max(rates))
        self.assertLess(rates[-1], rates[0])
        support.run("infer", "--run", run, "--input", shards, "--output", predictions, ranks=2)
        self.assertEqual(len(list(predictions.iterdir())), 8)
        for file in predictions.iterdir():
            self.assertLessEqual(set(numpy.unique(nibabel.load(file).dataobj)), {0, 1})

    def test_zones_of_held_out_phantoms(self):
        """smoke.yaml as it is: what the README promises of it."""
        shards, run = support.prostate_shards(24, 96, "anatomy", "1.5,1,1"), self.folder / "run"
        train("smoke", shards, run, {"train.threads_per_rank": 1}, ranks=2, timeout=900)
        support.run("evaluate", "--run", run, "--data", shards, "--split", "test", ranks=2)
        figures = json.loads((run / "evaluation" / "metrics.json").read_text())["mean"]
        alone = support.run("voxelwise_baseline", "--train", shards, "--test", shards).splitlines()[-1]
        print(f"Dice of held-out phantoms: {figures}; best voxelwise classifier: {alone}")
        self.assertGreaterEqual((figures["TZ"] + figures["PZ"]) / 2, 0.75)
        self.assertLessEqual(float(alone.split()[-1]), 0.55)


class SameNumbers(support.Case):
    def test_losses_on_any_number_of_ranks(self):
        """4 training cases, 2 crops each: global micro-batches of 3, 3 and 2, so that ranks have unequal or no items."""
        shards = support.prostate_shards(8, 64, "tumor", "1.5,1,1")
        values = {**NARROW, **AUGMENTED, "data.batch_size": 0, "data.global_batch_size": 3, "data.samples_per_case": 2,
                  "train.precision": "fp64", "train.steps": 20}
        losses = {}
        for ranks in (1, 2, 3, 4):
            run = self.folder / f"np{ranks}"
            train("tumor", shards, run, values, ranks=ranks)
            steps = support.metrics(run)
            losses[ranks] = numpy.array([steps[step]["loss"] for step in range(1, 21)])
        self.assertGreater(abs(losses[1][0] - losses[1][-1]), 1e-3, "the run must learn something for this to mean anything")
        for ranks in (2, 3, 4):
            worst = numpy.abs(losses[ranks] / losses[1] - 1).max()
            print(f"np {ranks}: worst relative difference {worst:.2e}")
            self.assertLessEqual(worst, 1e-10)

    def test_a_killed_run_ends_with_the_same_bits(self):
        shards = support.prostate_shards(8, 64, "tumor", "1.5,1,1")
        values = {**NARROW, **AUGMENTED, "data.batch_size": 1, "train.steps": 12, "checkpoint.every_steps": 2}
        train("tumor", shards, self.folder / "undisturbed", values, ranks=2)
        run = self.folder / "killed"
        job = self.start_job("train", "--config", CONFIGS / "tumor.yaml", "--data", shards, "--run", run, *support.settings(values), ranks=2)
        chance = random.Random(int(os.environ.get("E2E_SEED", "0")))
        self.wait_for_step(job, run, chance.randrange(3, 8))
        support.kill_rank("train", run, chance.randrange(2))
        self.assertNotEqual(job.wait(timeout=60), 0)
        train("tumor", shards, run, values, ranks=2)
        for name in ("model.safetensors", "optimizer.safetensors"):
            ends = [(support.newest_checkpoint(self.folder / which) / name).read_bytes() for which in ("undisturbed", "killed")]
            self.assertEqual(ends[0], ends[1], name)


if __name__ == "__main__":
    support.main()
