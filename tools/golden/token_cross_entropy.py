"""Cross-entropy of tokens by torch.nn.functional.cross_entropy, in float64.  Writes tests/golden/token_cross_entropy.{json,f32}.

Logits are 8u - 4 of stream 1880, labels 6u of stream 1881 rounded down, as tools/golden/values.py has them."""

import numpy as np
import torch

from values import uniform, write_f32, write_json

SHAPE = [3, 5, 6]
values, gradients = {}, []
for name, ignored in ("padding", 0), ("minus_one", -1):
    logits = torch.from_numpy(8 * uniform(SHAPE, 1880) - 4).requires_grad_()
    labels = torch.from_numpy(np.floor(6 * uniform(SHAPE[:2], 1881)).astype(np.int64))
    labels[2] = ignored  # an item of which nothing counts
    labels[1, 3:] = ignored
    sums = [torch.nn.functional.cross_entropy(logits[b], labels[b], ignore_index=ignored, reduction="sum") for b in range(3)]
    sum(sums).backward()
    values[name] = {"ignored": ignored, "sum": [s.item() for s in sums], "count": (labels != ignored).sum(1).tolist()}
    gradients.append(logits.grad)
write_json("token_cross_entropy", values)
write_f32("token_cross_entropy", gradients)
