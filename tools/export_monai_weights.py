#!/usr/bin/env python3
"""Writes the state dict of a network of MONAI or MedicalNet as .safetensors under plain names, which is what weights are read from here.

    tools/export_monai_weights.py resnet_50_23dataset.pth resnet50.safetensors

Needs torch and safetensors: the Python that tools/setup.sh installs has both.  No code of the file is run (torch.load with weights_only).
A dict around the state dict ("state_dict", "model_state_dict", "model", "network") and leading "module." of names go; values, shapes and
dtypes stay.  Counters of batches that files of old versions lack become 0.  Of a ResNet it prints the options that the weights are of.

Kernels keep their axes.  A network that saw [C,D,H,W] from the patient's feet to the head, from back to front and from left to right, as
volumes lie here, fits as it is; one that saw [C,R,A,S], as MONAI's LoadImage and Orientation("RAS") give them, fits with --reverse-axes.
"""

import argparse
import json
import pathlib
import pickle
import re
import sys

import torch
from safetensors.torch import save_file

WRAPPERS = ("state_dict", "model_state_dict", "model", "network")
ARCHITECTURES = {  # (bottleneck, blocks of each stage)
    (False, (1, 1, 1, 1)): "resnet10", (False, (2, 2, 2, 2)): "resnet18", (False, (3, 4, 6, 3)): "resnet34", (True, (3, 4, 6, 3)): "resnet50",
    (True, (3, 4, 23, 3)): "resnet101", (True, (3, 8, 36, 3)): "resnet152", (True, (3, 24, 36, 3)): "resnet200",
}


class Refusal(Exception):
    pass


def read_state(file):
    """name: tensor, as the file has them."""
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise Refusal(f"{file} cannot be read as weights: {str(error).splitlines()[0]}") from error
    for key in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not content:
        raise Refusal(f"{file} holds no state dict")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise Refusal(f"{file}: '{name}' is no tensor; a state dict, or one below any of {', '.join(WRAPPERS)}, is wanted")
    return content


def with_plain_names(state, prefix, left_out):
    plain = {}
    for name, value in state.items():
        name = re.sub(r"^(module\.)+", "", name)
        if not name.startswith(prefix):
            continue
        name = name[len(prefix) :]
        if any(name.startswith(one) for one in left_out):
            continue
        if name in plain:
            raise Refusal(f"two tensors would be called '{name}'")
        plain[name] = value
    if not plain:
        raise Refusal(f"no tensor is left; names begin with {', '.join(sorted({name.split('.')[0] for name in state}))}")
    return plain


def with_counters(state):
    """Batch normalisation counts its batches since PyTorch 0.4.1."""
    counted = dict(state)
    for name in state:
        if name.endswith("running_mean"):
            counted.setdefault(name.removesuffix("running_mean") + "num_batches_tracked", torch.zeros((), dtype=torch.int64))
    return counted


def with_reversed_axes(state):
    return {name: value.permute(0, 1, 4, 3, 2) if value.dim() == 5 else value for name, value in state.items()}


def resnet_options(state):
    """Of a 3-D ResNet: what its weights tell of its options; strides and pooling leave no trace."""
    stages = [{int(m[1]) for m in (re.match(rf"layer{i}\.(\d+)\.", name) for name in state) if m} for i in range(1, 5)]
    if not all(stages) or "conv1.weight" not in state:
        return {}
    architecture = ARCHITECTURES.get(("layer1.0.conv3.weight" in state, tuple(len(stage) for stage in stages)))
    if architecture is None:
        return {}
    has_convolution = "layer4.0.downsample.0.weight" in state
    options = {"architecture": architecture, "block_inplanes": [state[f"layer{i}.0.conv1.weight"].shape[0] for i in range(1, 5)],
               "conv1_t_size": state["conv1.weight"].shape[-1], "shortcut_type": "B" if has_convolution else "A"}
    if has_convolution:
        options["bias_downsample"] = "layer4.0.downsample.0.bias" in state
    return options


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path, help="what torch.save wrote: .pt, .pth")
    parser.add_argument("output", type=pathlib.Path, help=".safetensors file to write; an older one is replaced")
    parser.add_argument("--prefix", default="", help="take only tensors whose name begins with this, without it: 'image_encoder.'")
    parser.add_argument("--leave-out", action="append", default=[], metavar="BEGINNING",
                        help="leave out tensors whose name begins with this, 'fc.' for the last layer; may be repeated")
    parser.add_argument("--reverse-axes", action="store_true", help="reverse the spatial axes of 3-D kernels: see above")
    arguments = parser.parse_args()
    try:
        state = with_counters(with_plain_names(read_state(arguments.file), arguments.prefix, arguments.leave_out))
        if arguments.reverse_axes:
            state = with_reversed_axes(state)
        # Copies: tensors of one file must not share memory.
        save_file({name: value.contiguous().clone() for name, value in state.items()}, arguments.output)
    except (Refusal, OSError) as error:
        sys.exit(f"export_monai_weights: {error}")
    print(f"{len(state)} tensors, {sum(value.numel() for value in state.values())} values in {arguments.output}")
    if options := resnet_options(state):
        print("of a network with " + ", ".join(f"{key}: {json.dumps(value)}" for key, value in options.items()))


if __name__ == "__main__":
    main()
