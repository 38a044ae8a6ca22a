"""Golden values of the 3-D ResNet from MONAI 1.6.1, computed in float64.  Writes tests/golden/resnet_3d.json and
tests/golden/resnet_3d_*.f32.

Networks: parameters and names of MONAI's full-size networks; names are kept as FNV-1a of the sorted lines "NAME SIZES\n".
Cases: narrow networks.  All parameters, in the order of the state_dict, take their numbers u from one stream, 1500: weights of
convolutions and linear layers (2u - 1) sqrt(3 / fan_in), of normalisations 0.5 + u, biases u - 0.5.  Input: stream 1501, 2u - 1.
Table: stream 1502, 2u - 1.  Loss: sum(output * (2u - 1)), stream 1503.  Kept, one after the other: output, features, gradient of the
input, of the table where there is one, of all parameters, running means and variances after this one step, and then the output in
evaluation.

MONAI gives `norm` to the first normalisation only, and cuts the gradient of shortcut A; the cases here have both whole.
"""

import math

import numpy as np
import torch
from monai.networks import nets
from monai.networks.nets.resnet import ResNet
from torch import nn

from values import uniform, write_f32, write_json

BASIC, BOTTLENECK = "basic", "bottleneck"
DEPTHS = {
    "resnet10": (BASIC, [1, 1, 1, 1]), "resnet18": (BASIC, [2, 2, 2, 2]), "resnet34": (BASIC, [3, 4, 6, 3]),
    "resnet50": (BOTTLENECK, [3, 4, 6, 3]), "resnet101": (BOTTLENECK, [3, 4, 23, 3]), "resnet152": (BOTTLENECK, [3, 8, 36, 3]),
    "resnet200": (BOTTLENECK, [3, 24, 36, 3]),
}
NETWORKS = [(name, "B", True) for name in DEPTHS] + [
    ("resnet50", "B", False), ("resnet18", "A", True), ("resnet34", "A", True)]
NORMS = {"batch": "batch", "group": ("group", {"num_groups": 2}), "instance": ("instance", {"affine": True})}
DEFAULTS = dict(architecture="resnet18", block_inplanes=[4, 6, 8, 10], conv1_t_size=7, conv1_t_stride=1, no_max_pool=False,
                shortcut_type="B", bias_downsample=True, norm="batch", fusion="none", columns=0, num_classes=1,
                shape=[3, 1, 20, 18, 16])
CASES = {
    "basic": dict(),
    "bottleneck": dict(architecture="resnet50", block_inplanes=[4, 4, 6, 6], num_classes=2, shape=[3, 1, 24, 18, 20]),
    "shortcut_a": dict(shortcut_type="A"),
    "shortcut_a_bottleneck": dict(architecture="resnet50", block_inplanes=[2, 2, 4, 4], shortcut_type="A", shape=[2, 1, 20, 18, 16]),
    "options": dict(architecture="resnet50", block_inplanes=[4, 4, 4, 6], conv1_t_size=3, conv1_t_stride=2, no_max_pool=True,
                    bias_downsample=False, num_classes=3, shape=[3, 2, 20, 18, 16]),
    "group": dict(architecture="resnet10", norm="group", shape=[2, 1, 20, 18, 16]),
    "instance": dict(architecture="resnet10", norm="instance", shape=[2, 1, 20, 18, 16]),
    "concatenation": dict(architecture="resnet10", fusion="concatenation", columns=5),
    "film": dict(architecture="resnet10", fusion="film", columns=5),
}
HIDDEN = 7


class WholeResNet(ResNet):
    """MONAI's network with its norm in every block, and a shortcut A that is part of the graph."""

    def __init__(self, chosen_norm, **arguments):
        self.chosen_norm = chosen_norm
        super().__init__(norm=chosen_norm, **arguments)

    def _make_layer(self, *arguments, **named):
        return super()._make_layer(*arguments, **named, norm=self.chosen_norm)

    def _downsample_basic_block(self, x, planes, stride, spatial_dims=3):
        kept = nn.AvgPool3d(kernel_size=1, stride=stride)(x)
        return nn.functional.pad(kept, (0, 0, 0, 0, 0, 0, 0, planes - kept.size(1)))


class Table(nn.Module):
    def __init__(self, fusion, columns, features):
        super().__init__()
        self.linear1 = nn.Linear(columns, HIDDEN)
        self.linear2 = nn.Linear(HIDDEN, HIDDEN)
        if fusion == "film":
            self.film = nn.Linear(HIDDEN, 2 * features)
        self.fusion = fusion

    def forward(self, features, row):
        z = self.linear2(self.linear1(row).relu()).relu()
        if self.fusion == "concatenation":
            return torch.cat([features, z], 1)
        scale, shift = self.film(z).chunk(2, 1)
        return torch.addcmul(shift, features, 1 + scale)


def monai_arguments(case):
    block, layers = DEPTHS[case["architecture"]]
    same = ("block_inplanes", "conv1_t_size", "conv1_t_stride", "no_max_pool", "shortcut_type", "bias_downsample", "num_classes")
    return dict(block=block, layers=layers, n_input_channels=case["shape"][1], **{key: case[key] for key in same})


def set_weights(net):
    total = sum(p.numel() for p in net.parameters())
    u, at = uniform([total], 1500), 0
    with torch.no_grad():
        for name, p in net.named_parameters():
            one = u[at : at + p.numel()].reshape(p.shape)
            at += p.numel()
            if p.dim() > 1:
                one = (2 * one - 1) * math.sqrt(3 / np.prod(p.shape[1:]))
            else:
                one = one - 0.5 if name.endswith("bias") else 0.5 + one
            p.copy_(torch.from_numpy(one))


def build(case, dtype, network):
    chosen = dict(chosen_norm=NORMS[case["norm"]]) if network is WholeResNet else {}
    net = network(**chosen, **monai_arguments(case))
    if case["columns"]:
        features = net.fc.in_features
        net.fc = nn.Linear(features + (HIDDEN if case["fusion"] == "concatenation" else 0), case["num_classes"])
        net.tabular = Table(case["fusion"], case["columns"], features)
        net.fc.register_forward_pre_hook(lambda _, given: (net.tabular(given[0], net.row),))
    net.avgpool.register_forward_hook(lambda _, __, out: setattr(net, "seen", out.flatten(1)))
    net.to(dtype)
    set_weights(net)
    return net.train()


def run(case, dtype, network=WholeResNet):
    """The network, and everything that is kept, in its order."""
    net = build(case, dtype, network)
    x = torch.from_numpy(2 * uniform(case["shape"], 1501) - 1).to(dtype).requires_grad_()
    net.row = torch.from_numpy(2 * uniform([case["shape"][0], max(case["columns"], 1)], 1502) - 1).to(dtype).requires_grad_()
    y = net(x)
    kept = [y, net.seen]
    (y * torch.from_numpy(2 * uniform(list(y.shape), 1503) - 1).to(dtype)).sum().backward()
    kept += [x.grad] + ([net.row.grad] if case["columns"] else []) + [p.grad for p in net.parameters()]
    kept += [b for name, b in net.named_buffers() if not name.endswith("num_batches_tracked")]
    kept.append(net.eval()(x))
    return net, [one.detach().double().numpy() for one in kept]


def lines(net):
    return [f"{name} {','.join(str(n) for n in value.shape)}" for name, value in net.state_dict().items()]


def fnv1a(text):
    digest = 0xCBF29CE484222325
    for byte in text.encode():
        digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"


def distance(a, b):
    a, b = (np.concatenate([one.reshape(-1) for one in ones]) for ones in (a, b))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def describe_network(name, shortcut_type, bias_downsample):
    with torch.device("meta"):
        net = getattr(nets, name)(n_input_channels=1, num_classes=1, shortcut_type=shortcut_type, bias_downsample=bias_downsample)
    names = lines(net)
    return {"architecture": name, "shortcut_type": shortcut_type, "bias_downsample": bias_downsample, "tensors": len(names),
            "parameter_count": sum(p.numel() for p in net.parameters()),
            "names": fnv1a("".join(line + "\n" for line in sorted(names)))}


def describe_case(name, case):
    net, kept = run(case, torch.float64)
    content = {"options": case, "hidden_channels": HIDDEN, "state_dict": lines(net), "float32_error": distance(run(case, torch.float32)[1], kept)}
    if case["norm"] == "batch" and not case["columns"]:  # the network as MONAI ships it
        shipped = run(case, torch.float64, ResNet)[1]
        assert distance(shipped[:2] + shipped[-1:], kept[:2] + kept[-1:]) < 1e-14
        content["gradients_of_the_network_as_shipped_differ_by"] = distance(shipped[2:-1], kept[2:-1])
    write_f32(f"resnet_3d_{name}", kept)
    print(name, content["float32_error"], content.get("gradients_of_the_network_as_shipped_differ_by"), sum(one.size for one in kept))
    return content


torch.set_num_threads(1)
networks = [describe_network(*network) for network in NETWORKS]
for network in networks:
    print(network)
cases = {name: describe_case(name, DEFAULTS | case) for name, case in CASES.items()}
write_json("resnet_3d", {"monai": __import__("monai").__version__, "networks": networks, "cases": cases})
