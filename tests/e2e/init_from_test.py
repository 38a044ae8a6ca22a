"""A new run that starts from weights of another: what fits is loaded on every rank, and the log says what does not."""
import numpy
import support
from safetensors.numpy import load_file, save_file
from synthesis_test import SMOKE, TINY as NARROW, shards as synthesis_shards, trained

STILL = {"train.steps": 1, "train.validate_every_epochs": 0, "train.optimizer.lr": 1e-14, "train.schedule.min_lr": 0, "train.optimizer.weight_decay": 0,
         "train.ema.enabled": "false", "train.clip_norm": 1.0}


def weights(run, name="model"):
    return load_file(support.newest_checkpoint(run) / f"{name}.safetensors")


class Segmentation(support.Case):
    def start(self, name, *arguments, ranks=None, expect=0, **values):
        return support.run("train", "--config", support.SOURCE / "configs/brats/smoke.yaml", "--data", support.phantom_shards(4, 32),
                           "--run", self.folder / name, *arguments, *support.settings({**support.TINY, **STILL, **values}),
                           ranks=ranks, expect=expect)

    def test_a_head_of_another_size_starts_anew_and_the_rest_is_taken(self):
        self.start("fresh")
        fresh = weights(self.folder / "fresh")
        generator = numpy.random.default_rng(0)
        file = self.folder / "other.safetensors"
        other = {name: generator.standard_normal(value.shape).astype(numpy.float16) for name, value in fresh.items()}
        heads = sorted(name for name in fresh if name.startswith("conv_final.2."))
        self.assertTrue(heads)
        for name in heads:
            other[name] = numpy.zeros((7, *fresh[name].shape[1:]), numpy.float16)
        other["classifier.weight"] = numpy.zeros((2, 2), numpy.float32)
        save_file(other, file)
        for ranks in (1, 2):
            text = self.start(f"on_{ranks}", "--init-from", file, ranks=ranks)
            matched = f"{len(fresh) - len(heads)} of {len(fresh)} tensors"
            self.assertEqual(text.count(f"starting from the weights of {file}: {matched}"), 1)
            self.assertIn(f"{len(heads)} of the model keep their initial values; {len(heads)} of another shape or kind: conv_final.2.conv.", text)
            self.assertRegex(text, r"conv_final\.2\.conv\.bias Half\[7\] where Float\[\d\] is needed")
            self.assertIn("1 of the file that nothing here takes: classifier.weight", text)
            found = weights(self.folder / f"on_{ranks}")
            for name, value in found.items():
                expected = fresh[name] if name in heads else other[name].astype(numpy.float32)
                numpy.testing.assert_allclose(value, expected, rtol=0, atol=1e-10, err_msg=name)

    def test_weights_that_fit_nowhere_are_refused_with_both_sides_names(self):
        file = self.folder / "other.safetensors"
        save_file({"features.0.weight": numpy.zeros((2, 2), numpy.float32)}, file)
        text = self.start("run", "--init-from", file, ranks=2, expect=78)
        self.assertIn("has no tensor whose name and shape are one of the model's: it has features.0.weight; the model has convInit.conv.weight, ", text)
        self.assertIn("missing.safetensors", self.start("run", expect=65, **{"train.init_from": self.folder / "missing.safetensors"}))


class Synthesis(support.Case):
    def test_a_trained_run_is_taken_as_a_whole(self):
        text = support.run("train", "--config", SMOKE, "--data", synthesis_shards(), "--run", self.folder / "run", "--init-from", trained(),
                           *support.settings({**NARROW, **STILL, "train.validate_every_steps": 0}), ranks=2)
        found = weights(self.folder / "run")
        self.assertRegex(text, rf"starting from the weights of {trained()}: {len(found)} of {len(found)} tensors \((\d+) of \1 values\) are loaded\n")
        kept = support.newest_checkpoint(trained()) / "ema.safetensors"
        given = load_file(kept) if kept.exists() else weights(trained())
        for name, value in found.items():
            numpy.testing.assert_allclose(value, given[name], rtol=0, atol=1e-10, err_msg=name)


if __name__ == "__main__":
    support.main()
