"""Golden values of SegResNet from MONAI 1.6.1, computed in float64.  Writes tests/golden/segresnet_*.{json,f32}.

Weights: parameter i of the state_dict (buffers not counted) is stream i: convolution weights (2u - 1) sqrt(3 / fan_in),
normalisation weights 0.5 + u, biases u - 0.5.  Input: stream 900, 2u - 1.  Loss: sum(output * (2u - 1)), stream 901.
Gradients are kept whole for the narrow net.  For the others every tensor has its norm and dot products with eight vectors
(2u - 1), streams 1000 + 8 i + j: three times their mean square difference estimates the squared norm of a difference.
"""

import math

import numpy as np
import torch
from monai.networks.nets import SegResNet

from values import uniform, write_f32, write_json

PROJECTIONS = 8
CASES = {
    "narrow": dict(init_filters=8, blocks_down=[1, 1, 1], blocks_up=[1, 1], norm="group", shape=[2, 4, 8, 12, 16]),
    "brats": dict(init_filters=16, blocks_down=[1, 2, 2, 4], blocks_up=[1, 1, 1], norm="group", shape=[1, 4, 16, 24, 16]),
    "batch": dict(init_filters=8, blocks_down=[1, 1], blocks_up=[1], norm="batch", shape=[2, 4, 4, 6, 8]),
    "instance": dict(init_filters=8, blocks_down=[1, 1], blocks_up=[1], norm="instance", shape=[2, 4, 4, 6, 8]),
}
NORMS = {
    "group": ("GROUP", {"num_groups": 8}),
    "batch": "BATCH",
    "instance": ("INSTANCE", {"affine": True}),
}


def parameter_values(i, shape, is_bias):
    u = uniform(shape, i)
    if len(shape) == 5:
        return (2 * u - 1) * math.sqrt(3 / np.prod(shape[1:]))
    return u - 0.5 if is_bias else 0.5 + u


def build(case, dtype):
    net = SegResNet(spatial_dims=3, in_channels=case["shape"][1], out_channels=3, init_filters=case["init_filters"],
                    blocks_down=case["blocks_down"], blocks_up=case["blocks_up"], norm=NORMS[case["norm"]]).to(dtype)
    with torch.no_grad():
        for i, (name, p) in enumerate(net.named_parameters()):
            p.copy_(torch.from_numpy(parameter_values(i, list(p.shape), name.endswith("bias"))))
    return net.train()


def run(case, dtype):
    net = build(case, dtype)
    x = torch.from_numpy(2 * uniform(case["shape"], 900) - 1).to(dtype).requires_grad_()
    y = net(x)
    (y * torch.from_numpy(2 * uniform(list(y.shape), 901) - 1).to(dtype)).sum().backward()
    return net, x, y


def difference(a, b):
    a, b = ([t.detach().double().reshape(-1) for t in ts] for ts in (a, b))
    return (torch.cat(a) - torch.cat(b)).norm().item() / torch.cat(b).norm().item()


def summary(i, name, p):
    g = p.grad.numpy().reshape(-1)
    vectors = [2 * uniform(g.shape, 1000 + PROJECTIONS * i + j) - 1 for j in range(PROJECTIONS)]
    return {"name": name, "norm": float(np.linalg.norm(g)), "projections": [float(v @ g) for v in vectors]}


for name, case in CASES.items():
    torch.set_num_threads(2)
    net, x, y = run(case, torch.float64)
    net32, x32, y32 = run(case, torch.float32)
    state = [{"name": k, "shape": list(v.shape)} for k, v in net.state_dict().items()]
    parameters = list(net.named_parameters())
    content = {
        "case": case,
        "monai": __import__("monai").__version__,
        "state_dict": state,
        "parameter_count": sum(p.numel() for p in net.parameters()),
        "float32_error_of_the_reference": {
            "forward": difference([y32], [y]),
            "gradient": difference([p.grad for p in net32.parameters()], [p.grad for p in net.parameters()]),
        },
        "gradients": [summary(i, n, p) for i, (n, p) in enumerate(parameters)],
        "buffers": {k: v.tolist() for k, v in net.named_buffers()},
    }
    arrays = [y.detach().numpy(), x.grad.numpy()]
    if name == "narrow":
        arrays += [p.grad.numpy() for _, p in parameters]
    write_json(f"segresnet_{name}", content)
    write_f32(f"segresnet_{name}", arrays)
    print(name, content["parameter_count"], content["float32_error_of_the_reference"])
