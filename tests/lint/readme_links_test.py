"""What the READMEs point at is there: every relative link, and every module of lib/LAYERS in both maps."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["VOX_SOURCE_DIR"])
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def pages():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=SOURCE,
                            check=True, capture_output=True, text=True).stdout.split()
    return [SOURCE / name for name in listed]


def broken_links(page):
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    return [f"{page}: {target} is not there" for target in targets if not (page.parent / target).exists()]


def modules():
    return (SOURCE / "lib" / "LAYERS").read_text().split()


class Readmes(unittest.TestCase):
    def test_links_lead_somewhere(self):
        self.assertGreaterEqual(len(pages()), 3)
        self.assertEqual([fault for page in pages() for fault in broken_links(page)], [])

    def test_a_broken_link_is_noticed(self):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "README.md"
            page.write_text("[a](README.md) [b](gone.md#part) [c](https://example.org/x)\n")
            self.assertEqual(len(broken_links(page)), 1)

    def test_maps_name_every_module_lowest_first(self):
        for name, pattern in (("README.md", r"^\| `lib/(\w+)` \|"), ("lib/README.md", r"^\| `(\w+)` \|")):
            with self.subTest(name):
                self.assertEqual(re.findall(pattern, (SOURCE / name).read_text(), re.MULTILINE), modules())


if __name__ == "__main__":
    unittest.main()
