"""The benchmarks run, at the smallest settings, and write every figure.  What the figures are is not tested."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["VOX_SOURCE_DIR"])


class Bench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vox_bench_")
        self.addCleanup(folder.cleanup)
        self.work = pathlib.Path(folder.name)

    def measure(self, script, *options):
        done = subprocess.run([sys.executable, "-B", SOURCE / "tools/bench" / script, "--work", self.work, *options],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        result = json.loads((self.work / script).with_suffix(".json").read_text())
        self.assertEqual(f"{result['benchmark']}.py", script)
        for name in ("cpu", "cores", "vector_instructions", "voxrank", "torch", "monai"):
            self.assertTrue(result["machine"][name], name)
        return result

    def test_step_time(self):
        result = self.measure("step_time.py", "--size", "16", "--filters", "8", "--pairs", "1", "--warm-up", "1", "--timed", "2")
        ours, reference = result["ours"], result["reference"]
        self.assertEqual(ours["parameters"], reference["parameters"])
        for side in (ours, reference):
            self.assertEqual(len(side["all_step_seconds"][0]), 2)
            self.assertGreater(min(side["all_step_seconds"][0]), 0)
            self.assertEqual(len(side["peak_host_bytes"]), 2)
            self.assertGreater(min(side["peak_host_bytes"]), 1 << 20)
            self.assertEqual(side["threads_per_rank"], 1)
            # Both optimise the same Dice loss of the same batch from random weights.
            self.assertTrue(0.3 < side["last_loss"] < side["first_loss"] < 1, side)
        self.assertAlmostEqual(ours["first_loss"], reference["first_loss"], delta=0.1)
        self.assertEqual(result["ratio"]["median"], reference["step_seconds"][0] / ours["step_seconds"][0])

    def test_prostate_steps(self):
        """What it compares is exact: the same losses as MONAI's network, loss, optimizer and one cycle, normalised over two ranks."""
        result = self.measure("prostate_steps.py", "--steps", "3", "--size", "64")
        self.assertEqual(result["ours"]["parameters"], 38_166_085)
        self.assertEqual(result["reference"]["parameters"], 38_166_085)
        self.assertEqual(len(result["losses"]["ours"]), 3)
        self.assertLessEqual(result["largest_difference"], 1e-4)
        self.assertGreater(abs(result["losses"]["ours"][0] - result["losses"]["ours"][2]), 1e-4, "the weights must move")

    def test_crops(self):
        result = self.measure("crops.py", "--cases", "2", "--size", "40", "--crop", "24", "--rounds", "1", "--timed", "32",
                              "--workers", "1", "--real", "none")
        phantoms = result["data"]["phantoms"]
        self.assertEqual(phantoms["h5py_chunks"]["h5py_gzip4_64"], [1, 40, 40, 40])
        for name, rates in phantoms["crops_per_second"].items():
            self.assertGreater(rates[0], 0, name)
        # The figures are what their names say: cold decodes for every crop, cached does not.
        self.assertGreater(phantoms["runs"]["shards_zstd_cold"][0]["chunks_decoded"], 32)
        self.assertEqual(phantoms["runs"]["shards_zstd_cold"][0]["cache_hits"], 0)
        self.assertEqual(phantoms["runs"]["shards_zstd_cached"][0]["chunks_decoded"], 0)
        for theirs in ("h5py_gzip4_64", "h5py_gzip4_guess", "monai_nifti"):
            rates = phantoms["crops_per_second"]
            self.assertEqual(phantoms["ratios"][f"shards_zstd_cold/{theirs}"]["median"],
                             rates["shards_zstd_cold"][0] / rates[theirs][0])

    def test_augment(self):
        result = self.measure("augment.py", "--size", "16", "--rounds", "2", "--crops", "2")
        for pair, ours, monai in zip(result["ratio"]["pairs"], result["seconds"]["ours"], result["seconds"]["monai"], strict=True):
            self.assertGreater(ours, 0)
            self.assertEqual(pair, monai / ours)

    @unittest.skipIf(pathlib.Path("/dev/nvidiactl").exists(), "this machine has a GPU")
    def test_without_a_gpu_its_benchmark_says_so(self):
        done = subprocess.run([SOURCE / "tools/bench/gpu.sh"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 77)
        self.assertIn("no GPU", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
