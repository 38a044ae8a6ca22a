"""Writes what the test of tools/export_monai_weights.py begins with: a narrow MONAI ResNet's weights, an input and what MONAI makes of it.

    make_monai_resnet.py FOLDER ARCHITECTURE SHORTCUT_TYPE BIAS_DOWNSAMPLE(0|1) HEAD(0|1)

FOLDER/weights.pt: {"state_dict": {"module.NAME": ...}}, after a step in training so that running statistics are of something.
FOLDER/expected.safetensors: input [2,1,14,12,10], features and, with a head, output in evaluation; float64 all.
"""

import sys

import torch
from monai.networks.nets.resnet import ResNet
from safetensors.torch import save_file

folder, architecture, shortcut_type, bias, head = sys.argv[1:]
block, layers = {"resnet18": ("basic", [2, 2, 2, 2]), "resnet50": ("bottleneck", [3, 4, 6, 3])}[architecture]
torch.manual_seed(1)
net = ResNet(block=block, layers=layers, block_inplanes=[4, 4, 6, 8], n_input_channels=1, num_classes=2, shortcut_type=shortcut_type,
             bias_downsample=bias == "1", feed_forward=head == "1").double()
net.train()(torch.rand(3, 1, 20, 18, 16, dtype=torch.float64))
seen = {}
net.avgpool.register_forward_hook(lambda _, __, out: seen.update(features=out.flatten(1).contiguous()))
volume = torch.rand(2, 1, 14, 12, 10, dtype=torch.float64)
with torch.no_grad():
    output = net.eval()(volume)
torch.save({"epoch": 3, "state_dict": {"module." + name: value for name, value in net.state_dict().items()}}, f"{folder}/weights.pt")
kept = {"input": volume, "features": seen["features"]} | ({"output": output} if head == "1" else {})
save_file(kept, f"{folder}/expected.safetensors")
