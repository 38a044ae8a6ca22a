"""A type's name is defined once a module: two of one namespace break the one-definition rule, and the linker keeps one of them silently."""

import collections
import os
import re
import unittest
from pathlib import Path

DEFINITION = re.compile(r"^(?:class|struct|enum class) (\w+)(?: final)?\s*(?::[^:;]*)?\{", re.MULTILINE)


def twice(folder):
    """Names that several headers of a folder define outside of any other type, with these headers."""
    places = collections.defaultdict(set)
    for header in sorted(Path(folder).glob("*.hpp")):
        for name in DEFINITION.findall(header.read_text()):
            places[name].add(header.name)
    return {name: sorted(headers) for name, headers in places.items() if len(headers) > 1}


class TypeNames(unittest.TestCase):
    def test_are_defined_once_a_module(self):
        modules = [folder for folder in (Path(os.environ["VOX_SOURCE_DIR"]) / "lib").iterdir() if folder.is_dir()]
        self.assertGreaterEqual(len(modules), 10)
        self.assertGreater(sum(len(DEFINITION.findall(header.read_text())) for folder in modules for header in folder.glob("*.hpp")), 200)
        self.assertEqual({folder.name: found for folder in modules if (found := twice(folder))}, {})

    def test_forward_declarations_and_members_do_not_count(self):
        self.assertEqual(DEFINITION.findall("class A;\nstruct B {\n    struct C {\n    };\n};\nclass D final : public B {\nenum class E : int {\n"),
                         ["B", "D", "E"])


if __name__ == "__main__":
    unittest.main()
