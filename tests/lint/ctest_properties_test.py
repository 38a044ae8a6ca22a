"""Every test has a time limit, a label for its kind, and a label for its module or program."""

import json
import os
import subprocess
import unittest

KINDS = {"unit", "mpi", "e2e", "gpu", "slurm", "lint", "golden", "program"}


def faults(listing):
    for test in listing["tests"]:
        properties = {entry["name"]: entry["value"] for entry in test.get("properties", [])}
        if float(properties.get("TIMEOUT", 0)) <= 0:
            yield f"{test['name']}: no TIMEOUT"
        if not KINDS & set(properties.get("LABELS", [])):
            yield f"{test['name']}: none of the labels {', '.join(sorted(KINDS))}"


class Tests(unittest.TestCase):
    def test_have_a_time_limit_and_a_kind(self):
        command = ["ctest", "--test-dir", os.environ["VOX_BUILD_DIR"], "--show-only=json-v1"]
        listing = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        self.assertGreater(len(listing["tests"]), 5)
        self.assertEqual(list(faults(listing)), [])

    def test_that_lack_them_are_noticed(self):
        bare = {"tests": [{"name": "a", "properties": [{"name": "LABELS", "value": ["core"]}]}]}
        self.assertEqual(len(list(faults(bare))), 2)


if __name__ == "__main__":
    unittest.main()
