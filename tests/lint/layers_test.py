"""Every #include of the tree obeys lib/LAYERS, and the check notices what does not."""

import os
import tempfile
import unittest
from pathlib import Path

import layers


class Tree(unittest.TestCase):
    def test_obeys_the_rules(self):
        self.assertEqual(layers.check(os.environ["VOX_SOURCE_DIR"]), [])

    def test_was_looked_at(self):
        root = Path(os.environ["VOX_SOURCE_DIR"])
        known = layers.read_layers(root)
        self.assertGreaterEqual(len(known), 10)
        self.assertGreater(len([file for module in known for file in (root / "lib" / module).rglob("*.hpp")]), 20)


class MadeUpViolations(unittest.TestCase):
    """Each is a file that breaks one rule, in a tree that is fine without it."""

    def messages(self, path, text):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            files = {
                "lib/LAYERS": "core\nops\ndata nn\ntrain\n",
                "lib/core/error.hpp": "#pragma once\nnamespace vox::core {\n}\n",
                "lib/data/loader.hpp": '#pragma once\n#include <vector>\n#include "core/error.hpp"\nnamespace vox::data {\n}\n',
                "lib/train/trainer.hpp": '#pragma once\n#include "data/loader.hpp"\n',
                "lib/data/CMakeLists.txt": "vox_module(data DEPENDS core ops EXTERNAL hdf5)\n",
                path: text,
            }
            for name, content in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(content)
            return layers.check(root)

    def expect(self, path, text, part):
        messages = self.messages(path, text)
        self.assertEqual(len(messages), 1, messages)
        self.assertTrue(messages[0].startswith(f"{path}:"), messages[0])
        self.assertIn(part, messages[0])

    def test_a_tree_without_one_is_fine(self):
        self.assertEqual(self.messages("lib/nn/unet.cpp", '#include "core/error.hpp"\n#include "nn/unet.hpp"\n')[1:], [])
        self.assertEqual(self.messages("apps/train.cpp", '#include "train/trainer.hpp"\n'), [])

    def test_a_later_line(self):
        self.expect("lib/core/log.cpp", '#include "data/loader.hpp"\n', "core may not know data")

    def test_a_neighbour(self):
        self.expect("lib/nn/unet.cpp", '  #  include "data/loader.hpp"\n', "nn may not know data")

    def test_an_unknown_module(self):
        self.expect("lib/extra/a.cpp", "\n", "not in lib/LAYERS")
        self.expect("lib/data/a.cpp", '#include "boost/format.hpp"\n', "no module")

    def test_a_header_that_is_not_there(self):
        self.expect("lib/data/a.cpp", '#include "core/gone.hpp"\n', "no file")

    def test_foreign_headers_out_of_place(self):
        self.expect("lib/train/a.cpp", "#include <mpi.h>\n", "lib/comm")
        self.expect("lib/train/a.cpp", "#include <nccl.h>\n", "lib/comm")
        self.expect("lib/data/a.hpp", "#pragma once\n#include <hdf5.h>\n", ".cpp files only")
        self.expect("lib/train/a.cpp", "#include <cuda_runtime.h>\n", "lib/ops")
        self.expect("apps/a.cpp", "#include <c10/cuda/CUDAStream.h>\n", "lib/train")
        self.expect("lib/core/a.cpp", "#include <ATen/core/Tensor.h>\n", "free of LibTorch")

    def test_foreign_headers_in_place(self):
        self.assertEqual(self.messages("lib/data/a.cpp", "#include <hdf5.h>\n#include <cuda_runtime.h>\n"), [])

    def test_a_wrong_namespace(self):
        self.expect("lib/data/a.cpp", "namespace vox::core {\n}\n", "vox::data")

    def test_forward_declarations(self):
        known = "#pragma once\nnamespace vox::{} {{\nclass Thing;\n}}  // namespace\n"
        self.assertEqual(self.messages("lib/train/a.hpp", known.format("data")), [])
        self.expect("lib/nn/a.hpp", known.format("data"), "nn may not know data")

    def test_a_header_without_pragma_once(self):
        self.expect("lib/data/a.hpp", "// a comment first\n", "#pragma once")

    def test_a_link_against_a_later_module(self):
        self.expect("lib/core/CMakeLists.txt", "vox_module(core DEPENDS data)\n", "core may not link data")


if __name__ == "__main__":
    unittest.main()
