"""What tools/export_wandb.py writes of a real run, read back by wandb's own reader: steps, values, configuration."""
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["VOX_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "tests" / "e2e"))
import support  # noqa: E402

# wandb has an environment of its own (tools/setup.sh): it wants an older protobuf than TensorBoard has.
WANDB_PYTHON = pathlib.Path(os.environ["VOX_PYTHON"]).parents[2] / "venv-wandb0.21.4" / "bin" / "python"


def python(script, *arguments, expect=0):
    environment = {**os.environ, "WANDB_MODE": "offline", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([WANDB_PYTHON, "-W", "ignore", SOURCE / script, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def expected_history(lines):
    """Written from the meaning of metrics.jsonl, not from the exporter."""
    expected = {}
    for line in lines:
        into = expected.setdefault(line["step"], {})
        kind = "train" if line["kind"] == "step" else line["kind"]
        for name, value in line.items():
            if name in ("kind", "step") or name.endswith(".text"):
                continue
            if isinstance(value, list):
                for rank, one in enumerate(value):
                    into[f"{kind}/{name}/{rank}"] = one
            elif value is None:
                into[f"{kind}/{name}"] = float(line[f"{name}.text"])
            else:
                into[f"{kind}/{name}"] = value
    return expected


@unittest.skipUnless(WANDB_PYTHON.exists(), "no environment with wandb: tools/setup.sh")
class ExportWandb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="vox_wandb_")
        cls.addClassCleanup(folder.cleanup)
        cls.work = pathlib.Path(folder.name)
        cls.run_folder = cls.work / "first"
        cls.log = support.run(
            "train", "--config", SOURCE / "configs/brats/smoke.yaml", "--data", support.phantom_shards(6, 32, split="0.67,0.33,0"),
            "--run", cls.run_folder, "--use_wandb", "--wandb_project", "my brats",
            *support.settings({**support.TINY, "train.epochs": 0, "train.steps": 4, "train.validate_every_epochs": 0,
                               "train.validate_every_steps": 2}), ranks=2)
        # A figure that was not finite, and a line that is still being written.
        with open(cls.run_folder / "metrics.jsonl", "a") as file:
            file.write('{"kind":"validation","step":4,"worst":null,"worst.text":"inf"}\n{"kind":"step","st')

    def exported(self, *options):
        output = self.work / self.id()
        text = python("tools/export_wandb.py", "--run", self.run_folder, "--output", output, *options)
        (folder,) = (output / "wandb").glob("offline-run-*")
        self.assertIn(f"wandb sync {folder}", text)
        (file,) = folder.glob("*.wandb")
        return json.loads(python("tests/tools/read_wandb.py", file))

    def test_steps_values_and_configuration_are_the_runs(self):
        content = self.exported("--project", "my brats")
        self.assertEqual((content["project"], content["name"]), ("my brats", "first"))
        lines = (self.run_folder / "metrics.jsonl").read_text().splitlines()[:-1]
        expected = expected_history([json.loads(line) for line in lines])
        history = {int(step): figures for step, figures in content["history"].items()}
        self.assertEqual(list(history), sorted(expected))
        self.assertGreaterEqual(len(history), 4)
        self.assertEqual(history, expected)
        self.assertTrue(math.isinf(history[4]["validation/worst"]))
        self.assertIn("train/loss", history[1])
        self.assertIn("train/samples_per_second/1", history[1])
        self.assertEqual(content["config"]["train"]["steps"], 4)
        self.assertEqual(content["config"]["model"]["blocks_down"], [1, 1, 1])
        self.assertEqual(content["config"]["train"]["optimizer"]["eps"], 1e-8)

    def test_the_run_said_at_start_how_to_export(self):
        self.assertIn(f"tools/export_wandb.py --run {self.run_folder} --output DIR --project 'my brats'", self.log)

    def test_a_folder_that_is_no_run_is_refused(self):
        text = python("tools/export_wandb.py", "--run", self.work / "nothing", "--output", self.work / "x", expect=1)
        self.assertIn("has no metrics.jsonl", text)
        self.assertFalse((self.work / "x").exists())


if __name__ == "__main__":
    unittest.main()
