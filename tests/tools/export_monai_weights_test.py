"""What tools/export_monai_weights.py makes of files of weights, whole, wrapped, old, foreign and forged."""
import contextlib
import io
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import torch
from safetensors.torch import load_file

SOURCE = pathlib.Path(os.environ["VOX_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "tools"))
import export_monai_weights  # noqa: E402


def norm(name):
    return {f"{name}.weight": torch.rand(4), f"{name}.bias": torch.rand(4), f"{name}.running_mean": torch.rand(4),
            f"{name}.running_var": torch.rand(4)}


def basic_resnet(blocks=(2, 2, 2, 2), extra=()):
    """Names of a ResNet; of its tensors those that tell its options."""
    state = {"conv1.weight": torch.rand(4, 1, 7, 7, 7)}
    for stage, count in enumerate(blocks, 1):
        for block in range(count):
            state[f"layer{stage}.{block}.conv1.weight"] = torch.rand(4 * stage, 4, 3, 3, 3)
    return state | {name: torch.rand(4, 4, 1, 1, 1) for name in extra}


class Forged:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder / "FORGED",)


class ExportMonaiWeights(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vox_weights_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.output = self.folder / "out.safetensors"

    def run_tool(self, *arguments, expect=0):
        """In this process, where torch is loaded already; what it prints, or says as it exits."""
        text, end = io.StringIO(), None
        with mock.patch.object(sys, "argv", ["export", *map(str, arguments)]), contextlib.redirect_stdout(text):
            try:
                export_monai_weights.main()
            except SystemExit as exit:
                end = exit.code
        self.assertEqual(end is not None, expect != 0, end)
        return text.getvalue() + (end or "")

    def export(self, content, *options, **how):
        torch.save(content, self.folder / "in.pt", **how)
        self.log = self.run_tool(self.folder / "in.pt", self.output, *options)
        return load_file(self.output)

    def refusal(self, content, *options):
        torch.save(content, self.folder / "in.pt")
        text = self.run_tool(self.folder / "in.pt", self.output, *options, expect=1)
        self.assertFalse(self.output.exists())
        return text

    def assert_same(self, found, expected):
        self.assertEqual(sorted(found), sorted(expected))
        for name, value in expected.items():
            self.assertEqual(found[name].dtype, value.dtype, name)
            self.assertTrue(torch.equal(found[name], value), name)

    def test_names_become_plain_and_values_stay(self):
        state = {"conv.weight": torch.rand(2, 3, 1, 2, 3), "half": torch.rand(3).half(), "double": torch.rand(3).double(),
                 "bn.num_batches_tracked": torch.tensor(7)}
        named = {"module." + name: value for name, value in state.items()}
        twice = {"module." + name: value for name, value in named.items()}
        for content in (state, named, twice, {"state_dict": named, "epoch": 3}, {"model": named}, {"network": state}):
            self.assert_same(self.export(content), state)

    def test_tensors_that_share_memory_or_lie_otherwise_are_written_whole(self):
        whole = torch.rand(4, 6)
        state = {"a": whole[:2], "b": whole[1:], "c": whole.t(), "d": whole}
        self.assert_same(self.export(state), state)

    def test_files_of_old_versions_get_their_counters(self):
        state = {"module." + name: value for name, value in norm("bn1").items()}
        for new in (True, False):
            found = self.export({"state_dict": state}, _use_new_zipfile_serialization=new)
            self.assert_same(found, norm("bn1") | {name.removeprefix("module."): value for name, value in state.items()} |
                             {"bn1.num_batches_tracked": torch.tensor(0)})

    def test_a_part_of_a_larger_network_is_taken(self):
        state = {"module.image.conv.weight": torch.rand(2), "module.image.fc.weight": torch.rand(3), "module.text.fc.weight": torch.rand(4)}
        found = self.export(state, "--prefix", "image.", "--leave-out", "fc.", "--leave-out", "none.")
        self.assert_same(found, {"conv.weight": state["module.image.conv.weight"]})
        self.assertIn("1 tensors, 2 values", self.log)

    def test_axes_of_kernels_are_reversed_and_nothing_else(self):
        state = {"kernel": torch.rand(2, 3, 4, 5, 6), "matrix": torch.rand(2, 3)}
        found = self.export(state, "--reverse-axes")
        self.assertEqual(found["kernel"].shape, (2, 3, 6, 5, 4))
        for at in ((0, 0, 0, 0, 0), (1, 2, 5, 1, 3)):
            self.assertEqual(found["kernel"][at], state["kernel"][at[0], at[1], at[4], at[3], at[2]])
        self.assertTrue(torch.equal(found["matrix"], state["matrix"]))

    def test_what_a_resnet_is_of_is_told(self):
        self.export(basic_resnet())
        self.assertIn('of a network with architecture: "resnet18", block_inplanes: [4, 8, 12, 16], conv1_t_size: 7, shortcut_type: "A"\n',
                      self.log)
        self.export(basic_resnet((1, 1, 1, 1), ["layer4.0.downsample.0.weight", "layer4.0.downsample.0.bias"]))
        self.assertIn('"resnet10"', self.log)
        self.assertIn('shortcut_type: "B", bias_downsample: true\n', self.log)
        self.export(basic_resnet((3, 4, 6, 3), ["layer1.0.conv3.weight", "layer4.0.downsample.0.weight"]))
        self.assertIn('"resnet50"', self.log)
        self.assertIn("bias_downsample: false\n", self.log)
        for other in (basic_resnet((1, 2, 3, 4)), {"weight": torch.rand(2)}):
            self.export(other)
            self.assertNotIn("of a network", self.log)

    def test_what_is_no_state_dict_is_refused_by_name(self):
        self.assertIn("no state dict", self.refusal([torch.rand(2)]))
        self.assertIn("no state dict", self.refusal({}))
        self.assertIn("'epoch' is no tensor", self.refusal({"epoch": 3, "weight": torch.rand(2)}))
        self.assertIn("two tensors would be called 'weight'", self.refusal({"weight": torch.rand(2), "module.weight": torch.rand(2)}))
        self.assertIn("names begin with conv", self.refusal({"conv.weight": torch.rand(2)}, "--prefix", "image."))
        (self.folder / "in.pt").write_text("no weights")
        self.assertIn("in.pt cannot be read as weights", self.run_tool(self.folder / "in.pt", self.output, expect=1))
        self.assertIn("none.pt", self.run_tool(self.folder / "none.pt", self.output, expect=1))

    def test_no_code_of_a_file_is_run(self):
        self.assertIn("cannot be read as weights", self.refusal({"state_dict": Forged(self.folder)}))
        (self.folder / "in.pt").write_bytes(pickle.dumps(Forged(self.folder)))
        self.run_tool(self.folder / "in.pt", self.output, expect=1)
        self.assertFalse((self.folder / "FORGED").exists())

    def test_help_says_what_it_is_for(self):
        command = [sys.executable, "-B", SOURCE / "tools/export_monai_weights.py", "--help"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for word in ("MedicalNet", ".safetensors", "--prefix", "--leave-out", "--reverse-axes"):
            self.assertIn(word, text)


if __name__ == "__main__":
    unittest.main()
