"""Golden values of the residual U-Net from MONAI 1.6.1, computed in float64.  Writes tests/golden/res_unet_*.{json,f32}.

Weights: parameter i of named_parameters() is stream i: convolution weights (2u - 1) sqrt(3 / fan_in) with fan_in the product of
all sizes but the first, slopes of PReLU u / 2, normalisation weights 0.5 + u, biases u - 0.5.  Input: stream 900, 2u - 1.
Loss: sum(output * (2u - 1)), stream 901.  First forward and backward in training mode with dropout 0, then in evaluation with
the running statistics that training left.  Of every gradient there are its norm and its dot products with P vectors (2u - 1),
streams 1000 + P i + j, P = "projections" of the case: three times their mean square difference estimates the squared norm of
a difference.  The narrow nets keep output, input gradient and every gradient whole too; for the published one output and input
gradient have a norm and eight dot products, streams 902 + j and 910 + j, in place of the .f32 file.
"""

import math

import monai
import numpy as np
import torch
from monai.networks.nets import UNet

from values import uniform, write_f32, write_json

PUBLISHED = dict(channels=[16, 32, 64, 128, 256, 512], strides=[2, 2, 2, 2, 2], num_res_units=4, norm="batch", projections=2)
CASES = {
    "narrow": dict(channels=[4, 8, 16], strides=[2, 2], num_res_units=2, norm="batch", projections=8, in_channels=3,
                   out_channels=2, shape=[2, 3, 8, 12, 16]),
    "stride1": dict(channels=[4, 4, 6, 8], strides=[2, 1, 3], num_res_units=1, norm="instance", projections=8, in_channels=1,
                    out_channels=3, shape=[2, 1, 12, 6, 12]),
    "tumour": dict(PUBLISHED, in_channels=3, out_channels=2, shape=[2, 3, 64, 64, 64]),
}
ANATOMY = dict(PUBLISHED, in_channels=1, out_channels=3)
NORMS = {"batch": "BATCH", "instance": ("INSTANCE", {"affine": True})}


def make(case):
    return UNet(spatial_dims=3, in_channels=case["in_channels"], out_channels=case["out_channels"], channels=case["channels"],
                strides=case["strides"], num_res_units=case["num_res_units"], norm=NORMS[case["norm"]], dropout=0.0)


def parameter_values(i, name, shape):
    u = uniform(shape, i)
    if len(shape) == 5:
        return (2 * u - 1) * math.sqrt(3 / np.prod(shape[1:]))
    if name.endswith(".A.weight"):
        return u / 2
    return u - 0.5 if name.endswith("bias") else 0.5 + u


def build(case, dtype):
    net = make(case).to(dtype)
    with torch.no_grad():
        for i, (name, p) in enumerate(net.named_parameters()):
            p.copy_(torch.from_numpy(parameter_values(i, name, list(p.shape))))
    return net


def run(net, case, dtype, training):
    net.train(training)
    net.zero_grad()
    x = torch.from_numpy(2 * uniform(case["shape"], 900) - 1).to(dtype).requires_grad_()
    y = net(x)
    (y * torch.from_numpy(2 * uniform(list(y.shape), 901) - 1).to(dtype)).sum().backward()
    return y.detach(), x.grad, [p.grad.clone() for p in net.parameters()]


def difference(a, b):
    a, b = ([t.double().reshape(-1) for t in ts] for ts in (a, b))
    return (torch.cat(a) - torch.cat(b)).norm().item() / torch.cat(b).norm().item()


def summary(tensor, first_stream, projections):
    g = tensor.numpy().reshape(-1)
    dots = [float((2 * uniform(g.shape, first_stream + j) - 1) @ g) for j in range(projections)]
    return {"norm": float(np.linalg.norm(g)), "projections": dots}


def state_of(net):
    return [{"name": k, "shape": list(v.shape)} for k, v in net.state_dict().items()]


def golden_of_mode(case, net, net32, training):
    y, dx, gradients = run(net, case, torch.float64, training)
    y32, dx32, gradients32 = run(net32, case, torch.float32, training)
    p = case["projections"]
    content = {
        "float32_error_of_the_reference": {"forward": difference([y32], [y]), "gradient": difference(gradients32, gradients)},
        "output": summary(y, 902, 8),
        "input_gradient": summary(dx, 910, 8),
        "gradients": [summary(g, 1000 + p * i, p) for i, g in enumerate(gradients)],
    }
    return content, [t.numpy() for t in [y, dx, *gradients]]


torch.set_num_threads(1)
for name, case in CASES.items():
    net, net32 = build(case, torch.float64), build(case, torch.float32)
    content = {
        "case": case,
        "monai": monai.__version__,
        "state_dict": state_of(net),
        "parameters": [n for n, _ in net.named_parameters()],
        "parameter_count": sum(p.numel() for p in net.parameters()),
    }
    arrays = []
    for mode, training in (("training", True), ("evaluation", False)):
        content[mode], of_mode = golden_of_mode(case, net, net32, training)
        arrays += of_mode
        print(name, mode, content[mode]["float32_error_of_the_reference"])
    if name == "tumour":  # its buffers show in its output in evaluation
        anatomy = make(ANATOMY)
        content["anatomy"] = {"state_dict": state_of(anatomy), "parameter_count": sum(p.numel() for p in anatomy.parameters())}
    else:
        content["buffers"] = {k: v.tolist() for k, v in net.named_buffers()}
        write_f32(f"res_unet_{name}", arrays)
    write_json(f"res_unet_{name}", content)
    print(name, content["parameter_count"])
