"""What synthesis reaches when it may take minutes: two real crops by heart, and phantoms that it has never seen."""
import json

import numpy
import support
import synthesis_cases


class Overfit(synthesis_cases.Overfit):
    def test_v(self):
        kept, moved = self.learnt("v", 2500, 1800)
        self.assertGreaterEqual(kept["psnr"], 25)
        self.assertGreaterEqual(kept["psnr"] - moved["psnr"], 6)

    def test_epsilon(self):
        # At high noise an error of what is said counts many times in what is foreseen: rates that end near 0, and longer averages.
        kept, moved = self.learnt("epsilon", 4000, 3600, **{"diffusion.list": "non_uniform", "train.schedule.min_lr": 1e-6, "train.ema.decay": 0.995})
        self.assertGreaterEqual(kept["psnr"], 18)
        self.assertGreaterEqual(kept["psnr"] - moved["psnr"], 6)


class Generalisation(support.Case):
    def test_mean_of_eight_samples_beats_linear_regression(self):
        source, shards, run = self.folder / "nifti", self.folder / "shards", self.folder / "run"
        support.run("make_phantoms", "--contrast", "synthesis", "--cases", 24, "--size", 48, "--output", source)
        support.run("convert_dataset", "--layout", "brats", "--input", source, "--output", shards, "--split", "0.75,0.125,0.125",
                    "--label-scheme", "brats2020")
        support.run("train", "--config", support.SOURCE / "configs/brats/synthesis_smoke.yaml", "--data", shards, "--run", run, *support.settings({
            "synthesis.target": "flair", "synthesis.samples": 8, "data.crop_size": "[24,24,24]", "data.batch_size": 2,
            "model.base_channels": 24, "train.steps": 3000, "train.validate_every_steps": 0, "train.threads_per_rank": 1,
            "train.ema.decay": 0.995, "infer.window": "[48,48,48]", "checkpoint.every_steps": 0}), ranks=2, timeout=3000)
        support.run("evaluate", "--run", run, "--data", shards, "--split", "test", "--output", self.folder / "figures", ranks=2, timeout=1200)
        figures = json.loads((self.folder / "figures" / "metrics.json").read_text())["mean"]
        splits = json.loads((shards / "dataset.json").read_text())["splits"]
        training, held_out = (synthesis_cases.load_cases(source, splits[split]) for split in ("train", "test"))
        linear = numpy.mean(synthesis_cases.linear_regression(training, held_out))
        print(f"flair of {len(held_out)} phantoms never trained on, in the brain: mean of 8 samples {figures['psnr_brain']:.2f} dB, one sample "
              f"{figures['psnr_brain_one']:.2f} dB, linear regression {linear:.2f} dB")
        self.assertGreater(figures["psnr_brain"], linear)


if __name__ == "__main__":
    support.main()
