"""What volumes from X-rays reach when training may take minutes: two real CTs by heart, and phantoms that it has never seen."""
import json

import nibabel
import numpy
import support
import xray_cases


class Overfit(xray_cases.Overfit):
    def test_direct(self):
        each, moved = self.learnt({"xray_to_ct.objective": "direct", "train.steps": 300}, 1800)
        self.assertGreaterEqual(min(each), 24)
        self.assertLessEqual(moved, 15)

    def test_diffusion(self):
        each, moved = self.learnt({"xray_to_ct.objective": "diffusion", "train.steps": 1500}, 3600)
        self.assertGreaterEqual(min(each), 20)
        self.assertLessEqual(moved, 15)


class Generalisation(support.Case):
    """Bodies never trained on: a network that had looked at no X-ray could say no more than the mean volume."""

    CASES = 64

    def setUp(self):
        super().setUp()
        self.source = self.folder / "bodies"
        support.run("make_phantoms", "--layout", "xray_ct", "--cases", self.CASES, "--size", 32, "--output", self.source)
        for number in range(1, self.CASES + 1):
            name = f"body_{number:03d}"
            views = xray_cases.radiographs(nibabel.load(self.source / name / f"{name}.nii.gz"))
            for view, suffix in zip(views, ("pa_drr", "lat_drr")):
                numpy.save(self.source / name / f"{name}_{suffix}.npy", view)
        self.shards = self.convert(self.source, "shards", "0.875,0,0.125")
        splits = json.loads((self.shards / "dataset.json").read_text())["splits"]
        self.training, self.held_out = splits["train"], splits["test"]
        # The held-out bodies, each with the X-rays of the next one.
        exchanged = self.folder / "exchanged"
        for name, other in zip(self.held_out, self.held_out[1:] + self.held_out[:1]):
            views = [numpy.load(self.source / other / f"{other}_{suffix}.npy") for suffix in ("pa_drr", "lat_drr")]
            xray_cases.write_case(exchanged, name, nibabel.load(self.source / name / f"{name}.nii.gz"), views)
        self.exchanged = self.convert(exchanged, "exchanged_shards", "0,0,1")

    def convert(self, source, name, split):
        support.run("convert_dataset", "--layout", "xray_ct", "--input", source, "--output", self.folder / name, "--view-size", xray_cases.VIEW,
                    "--split", split)
        return self.folder / name

    def figures(self, shards, name):
        support.run("evaluate", "--run", self.folder / "run", "--data", shards, "--split", "test", "--output", self.folder / name, ranks=2,
                    timeout=1800)
        return json.loads((self.folder / name / "metrics.json").read_text())["mean"]

    def compare(self, values):
        nothing = self.folder / "nothing.yaml"
        nothing.write_text("{}")
        support.run("train", "--config", nothing, "--data", self.shards, "--run", self.folder / "run", *support.settings(
            {**xray_cases.RECIPE, "data.batch_size": 4, "train.threads_per_rank": 1, "train.ema.decay": 0.995, **values}), ranks=2, timeout=3600)
        kept, moved = self.figures(self.shards, "kept"), self.figures(self.exchanged, "moved")
        volumes = {name: xray_cases.small_volume(nibabel.load(self.source / name / f"{name}.nii.gz")) for name in self.training + self.held_out}
        mean = numpy.mean([volumes[name] for name in self.training], axis=0)
        of_mean = numpy.mean([xray_cases.psnr(mean, volumes[name]) for name in self.held_out])
        one = f", one sample {kept['psnr_one']:.2f} dB" if "psnr_one" in kept else ""
        print(f"{values['xray_to_ct.objective']}, {len(self.held_out)} bodies never trained on, window {xray_cases.WINDOW} HU: {kept['psnr']:.2f} dB"
              f"{one}; with the X-rays of another {moved['psnr']:.2f} dB; mean training volume {of_mean:.2f} dB")
        self.assertGreaterEqual(kept["psnr"] - of_mean, 3)
        self.assertLess(moved["psnr"] - of_mean, 3)

    def test_direct(self):
        self.compare({"xray_to_ct.objective": "direct", "train.steps": 600})

    def test_mean_of_eight_samples(self):
        # With a linear schedule four times as many timesteps have so much noise that the X-rays are needed as with a cosine.
        self.compare({"xray_to_ct.objective": "diffusion", "xray_to_ct.samples": 8, "diffusion.schedule": "linear", "train.steps": 1000})


if __name__ == "__main__":
    support.main()
