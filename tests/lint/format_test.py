"""tools/format.sh --check finds nothing in the tree, and finds what is there to be found."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["VOX_SOURCE_DIR"])


def run(root, *arguments):
    return subprocess.run([root / "tools/format.sh", *arguments], capture_output=True, text=True)


class Format(unittest.TestCase):
    def test_the_tree_is_formatted(self):
        result = run(SOURCE, "--check")
        self.assertEqual(result.returncode, 0, "run tools/format.sh\n" + result.stderr)

    def test_a_file_that_is_not_is_named_and_mended(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "tools").mkdir()
            shutil.copy(SOURCE / "tools/format.sh", root / "tools")
            shutil.copy(SOURCE / ".clang-format", root)
            subprocess.run(["git", "init", "--quiet", root], check=True)
            bad = root / "bad.cpp"
            bad.write_text("int  main( ){return 0;}\n")
            result = run(root, "--check")
            self.assertEqual(result.returncode, 1)
            self.assertIn("bad.cpp", result.stderr)
            self.assertEqual(run(root).returncode, 0)
            self.assertEqual(bad.read_text(), "int main() { return 0; }\n")
            self.assertEqual(run(root, "--check").returncode, 0)
            self.assertEqual(run(root, "--wrong").returncode, 64)


if __name__ == "__main__":
    if not shutil.which("clang-format-19"):
        sys.exit(77)  # CTest counts it as skipped
    unittest.main()
