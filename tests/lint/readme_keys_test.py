"""README.md's table of configuration keys is what `train --list-keys` prints.

readme_keys_test.py --write    puts the program's table into README.md instead
"""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

README = Path(os.environ["VOX_SOURCE_DIR"]) / "README.md"
TABLE = re.compile(r"(?<=<!-- keys -->\n).*?(?=<!-- /keys -->)", re.DOTALL)


def printed_table():
    # VOX_* names are configuration keys to the program.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOX_")}
    program = Path(os.environ["VOX_BUILD_DIR"]) / "bin" / "train"
    return subprocess.run([program, "--list-keys"], env=environment, check=True, capture_output=True, text=True).stdout


def differences(readme, printed):
    """One line for each key that only one of them has, or that they describe differently."""
    found = TABLE.search(readme)
    if not found:
        return ["README.md has no <!-- keys --> ... <!-- /keys -->"]
    ours, theirs = found.group().splitlines(), printed.splitlines()
    return [f"README.md only: {line}" for line in ours if line not in theirs] + [
        f"program only: {line}" for line in theirs if line not in ours] or (
        [] if ours == theirs else ["the order of lines differs"])


class ReadmeKeys(unittest.TestCase):
    maxDiff = None

    def test_table_is_what_the_program_prints(self):
        printed = printed_table()
        self.assertIn("| `train.steps` |", printed)
        self.assertEqual(differences(README.read_text(), printed), [], "run readme_keys_test.py --write")

    def test_what_differs_is_noticed(self):
        readme = "a\n<!-- keys -->\n| a |\n| b |\n<!-- /keys -->\n"
        self.assertEqual(differences(readme, "| a |\n| b |\n"), [])
        self.assertEqual(differences(readme, "| a |\n| c |\n"), ["README.md only: | b |", "program only: | c |"])
        self.assertEqual(len(differences(readme, "| b |\n| a |\n")), 1)
        self.assertEqual(len(differences("nothing", "| a |\n")), 1)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        README.write_text(TABLE.sub(lambda _: printed_table(), README.read_text()))
        sys.exit(0)
    unittest.main()
