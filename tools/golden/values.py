"""Numbers that the C++ tests make by the same formula, and the files that golden values go to.

`uniform(count, layer)` equals ops::random_uniform_tensor with seed 0, epoch 0, position 0, draw 0, purpose test_values
(lib/ops/random_key.hpp): Philox 4x32-10, four numbers a block, the upper 24 bits of each word.
"""

import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
TEST_VALUES = 10  # ops::Purpose::test_values


def philox(counter, key0, key1):
    c0, c1, c2, c3 = (np.asarray(c, np.uint64) for c in counter)
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    for _ in range(10):
        product0 = np.uint64(0xD2511F53) * c0
        product1 = np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (
            (product1 >> shift) ^ c1 ^ np.uint64(key0),
            product1 & low,
            (product0 >> shift) ^ c3 ^ np.uint64(key1),
            product0 & low,
        )
        key0 = (key0 + 0x9E3779B9) & 0xFFFFFFFF
        key1 = (key1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def uniform(shape, layer):
    """float64 in [0, 1), element e = number e of the stream `layer`."""
    count = int(np.prod(shape))
    index = np.arange((count + 3) // 4, dtype=np.uint64)
    zero = np.zeros_like(index)
    words = philox((index, zero + np.uint64((TEST_VALUES << 24) ^ layer), zero, zero), 0, 0)
    bits = np.stack(words, axis=1).reshape(-1)[:count]
    return ((bits >> np.uint64(8)).astype(np.float64) / 16777216.0).reshape(shape)


def write_json(name, content):
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def write_f32(name, arrays):
    """The arrays one after the other, row-major, little-endian float32, nothing between them."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    flat = np.concatenate([np.asarray(a, np.float64).reshape(-1) for a in arrays])
    flat.astype("<f4").tofile(GOLDEN / f"{name}.f32")
