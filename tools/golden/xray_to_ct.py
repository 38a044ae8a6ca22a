"""Golden values of the parts of the X-ray to CT network, from layers of torch and MONAI 1.6.1, computed in float64.
Writes tests/golden/xray_to_ct.{json,f32}.  Beside the reference programs it needs einops, which SABlock takes its axes by.

Inputs are 2u - 1 of the streams 1100 to 1109 (tools/golden/values.py).  The parameters of a part, sorted by name, are streams
from a base on: of more than one axis (2u - 1) sqrt(3 / fan_in), else 0.5 + u where the name ends in weight, and u - 0.5.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from monai.networks.blocks import MLPBlock, SABlock
from monai.networks.nets.diffusion_model_unet import get_timestep_embedding

from values import uniform, write_f32, write_json

torch.set_default_dtype(torch.float64)
kept = {}


def signed(shape, layer):
    return torch.from_numpy(2 * uniform(shape, layer) - 1)


def parameters(sizes, base):
    """{name: tensor} of {name: shape}."""
    result = {}
    for i, name in enumerate(sorted(sizes)):
        shape = sizes[name]
        u = torch.from_numpy(uniform(shape, base + i))
        if len(shape) > 1:
            result[name] = (2 * u - 1) * math.sqrt(3 / np.prod(shape[1:]))
        else:
            result[name] = 0.5 + u if name.endswith("weight") else u - 0.5
    return result


def keep(name, tensor):
    kept[name] = tensor.detach().numpy()


def linear(name, out, inside):
    return {f"{name}.weight": [out, inside], f"{name}.bias": [out]}


def attention_sizes(prefix, channels, context):
    return (linear(f"{prefix}q", channels, channels) | linear(f"{prefix}k", channels, context)
            | linear(f"{prefix}v", channels, context) | linear(f"{prefix}out", channels, channels))


def attention(p, prefix, channels, context_channels, heads, x, context):
    """torch.nn.MultiheadAttention with these weights."""
    layer = torch.nn.MultiheadAttention(channels, heads, batch_first=True, kdim=context_channels, vdim=context_channels)
    state = layer.state_dict()
    q, k, v = (p[f"{prefix}{n}.weight"] for n in "qkv")
    if "in_proj_weight" in state:
        state["in_proj_weight"] = torch.cat([q, k, v])
    else:
        state |= {"q_proj_weight": q, "k_proj_weight": k, "v_proj_weight": v}
    state["in_proj_bias"] = torch.cat([p[f"{prefix}{n}.bias"] for n in "qkv"])
    state["out_proj.weight"], state["out_proj.bias"] = p[f"{prefix}out.weight"], p[f"{prefix}out.bias"]
    layer.load_state_dict(state)
    return layer(x, context, context, need_weights=False)[0]


def mlp(p, prefix, channels, hidden, x):
    layer = MLPBlock(channels, hidden, 0.0)
    layer.load_state_dict({n: p[f"{prefix}{n}"] for n in layer.state_dict()})
    return layer(x)


def golden_attention():
    x, context = signed([2, 5, 32], 1100), signed([2, 7, 24], 1101)
    p = parameters(attention_sizes("", 32, 32), 1110)
    keep("self", attention(p, "", 32, 32, 4, x, x))
    block = SABlock(32, 4, qkv_bias=True, use_combined_linear=False)
    names = {"to_q": "q", "to_k": "k", "to_v": "v", "out_proj": "out"}
    block.load_state_dict({f"{theirs}.{kind}": p[f"{ours}.{kind}"] for theirs, ours in names.items()
                           for kind in ("weight", "bias")})
    keep("monai_self", block(x))
    keep("cross", attention(parameters(attention_sizes("", 32, 24), 1110), "", 32, 24, 4, x, context))
    keep("mlp", mlp(parameters(linear("linear1", 128, 32) | linear("linear2", 32, 128), 1110), "", 32, 128, x))


def golden_levels():
    levels = torch.tensor([0, 1, 17, 500, 999])
    keep("features_6", get_timestep_embedding(levels, 6).double())
    keep("features_256", get_timestep_embedding(levels, 256).double())
    p = parameters(linear("first", 512, 256) | linear("second", 8, 512), 1110)
    x = F.linear(get_timestep_embedding(levels, 256).double(), p["first.weight"], p["first.bias"])
    keep("level_embedding", F.linear(F.silu(x), p["second.weight"], p["second.bias"]))


def golden_vit_block():
    x, context, condition = signed([2, 5, 32], 1100).requires_grad_(), signed([2, 7, 24], 1101), signed([2, 16], 1102)
    sizes = attention_sizes("self.", 32, 32) | attention_sizes("cross.", 32, 24) | linear("modulation", 192, 16)
    sizes |= linear("mlp.linear1", 128, 32) | linear("mlp.linear2", 32, 128)
    p = parameters(sizes | {"cross_norm.weight": [32], "cross_norm.bias": [32]}, 1110)
    scale1, shift1, gate1, scale2, shift2, gate2 = (
        F.linear(F.silu(condition), p["modulation.weight"], p["modulation.bias"])[:, None].chunk(6, -1))
    plain = torch.nn.LayerNorm(32, elementwise_affine=False)
    asked = plain(x) * (1 + scale1) + shift1
    y = x + gate1 * attention(p, "self.", 32, 32, 4, asked, asked)
    normed = F.layer_norm(y, [32], p["cross_norm.weight"], p["cross_norm.bias"])
    y = y + attention(p, "cross.", 32, 24, 4, normed, context)
    y = y + gate2 * mlp(p, "mlp.", 32, 128, plain(y) * (1 + scale2) + shift2)
    (y * signed(list(y.shape), 1103)).sum().backward()
    keep("vit_block", y)
    keep("vit_block_gradient", x.grad)


def golden_fusion_block():
    x, skip, condition = signed([2, 12, 2, 3, 2], 1100), signed([2, 8, 4, 6, 4], 1101), signed([2, 16], 1102)
    x.requires_grad_()
    sizes = {"reduce.weight": [8, 12, 1, 1, 1], "reduce.bias": [8], "conv1.weight": [8, 16, 3, 3, 3],
             "norm.weight": [8], "norm.bias": [8], "conv2.weight": [8, 8, 3, 3, 3], "conv2.bias": [8],
             "shortcut.weight": [8, 16, 1, 1, 1]}
    p = parameters(sizes | linear("modulation", 16, 16), 1110)
    up = F.interpolate(F.conv3d(x, p["reduce.weight"], p["reduce.bias"]), scale_factor=2, mode="trilinear")
    y = torch.cat([up, skip], 1)
    z = F.group_norm(F.conv3d(y, p["conv1.weight"], padding=1), 8, p["norm.weight"], p["norm.bias"])
    scale, shift = F.linear(F.silu(condition), p["modulation.weight"], p["modulation.bias"])[:, :, None, None, None].chunk(2, 1)
    z = F.conv3d(F.silu(z * (1 + scale) + shift), p["conv2.weight"], p["conv2.bias"], padding=1)
    result = z + F.conv3d(y, p["shortcut.weight"])
    (result * signed(list(result.shape), 1103)).sum().backward()
    keep("fusion_block", result)
    keep("fusion_block_gradient", x.grad)


def golden_encoder():
    xrays = signed([2, 2, 64, 64], 1100)
    sizes = {"conv1.weight": [64, 1, 7, 7], "conv2.weight": [128, 64, 3, 3], "conv3.weight": [512, 128, 3, 3],
             "view_embedding": [2, 512], "place_embedding": [4, 512]} | linear("condition", 1024, 512)
    for i, channels in (1, 64), (2, 128), (3, 512):
        sizes |= {f"norm{i}.weight": [channels], f"norm{i}.bias": [channels]}
    p = parameters(sizes, 1110)
    views = []
    for v in range(2):
        x = xrays[:, v : v + 1]
        for i, stride, padding in (1, 2, 3), (2, 1, 1), (3, 1, 1):
            x = F.conv2d(x, p[f"conv{i}.weight"], stride=stride, padding=padding)
            x = F.relu(F.group_norm(x, 8, p[f"norm{i}.weight"], p[f"norm{i}.bias"]))
            x = F.max_pool2d(x, 2) if i < 3 else x
        views.append(x)
    maps = torch.stack([x + p["view_embedding"][v][:, None, None] for v, x in enumerate(views)], 1)
    pooled = F.avg_pool2d(maps.flatten(0, 1), 4).flatten(2).mT + p["place_embedding"]
    keep("encoder_maps", maps[:, :, ::64])
    keep("encoder_tokens", pooled.reshape(2, 8, 512))
    means = torch.stack(views, 1).mean((1, 3, 4))
    keep("encoder_condition", F.linear(means, p["condition.weight"], p["condition.bias"]))


def golden_lifting():
    maps = signed([2, 2, 16, 5, 7], 1100).requires_grad_()
    sizes = {"conv1.weight": [256, 16, 3, 3], "norm1.weight": [256], "norm1.bias": [256], "conv2.weight": [128, 256, 3, 3],
             "norm2.weight": [128], "norm2.bias": [128], "values.weight": [3, 16, 1, 1]}
    depth, height, width = 8, 6, 4
    for name, depths in ("ap", height), ("lateral", width):
        sizes |= {f"{name}.gains": [3], f"{name}.head.weight": [depths, 128, 1, 1], f"{name}.head.bias": [depths]}
    p = parameters(sizes, 1110)
    total = 0
    for v, (name, depths, columns) in enumerate((("ap", height, width), ("lateral", width, height))):
        x = F.silu(F.group_norm(F.conv2d(maps[:, v], p["conv1.weight"], padding=1), 8, p["norm1.weight"], p["norm1.bias"]))
        x = F.silu(F.group_norm(F.conv2d(x, p["conv2.weight"], padding=1), 8, p["norm2.weight"], p["norm2.bias"]))
        share = F.conv2d(x, p[f"{name}.head.weight"], p[f"{name}.head.bias"]).softmax(1)
        place = (torch.arange(depths) + 0.5) / depths
        a, b = torch.sigmoid((place - 0.25) / 0.05), torch.sigmoid((place - 0.75) / 0.05)
        g = torch.sigmoid(p[f"{name}.gains"])
        share = share * (g[0] * (1 - a) + g[1] * (a - b) + g[2] * b)[:, None, None]
        share = F.interpolate(share / share.sum(1, keepdim=True), [depth, columns], mode="bilinear")
        planes = F.interpolate(maps[:, v], [depth, columns], mode="bilinear")
        # Lifted first, and the convolution after it in three dimensions.
        lifted = depths * torch.einsum("bcrk,bdrk->bcdrk", planes, share)
        order = (0, 1, 3, 2, 4) if name == "ap" else (0, 1, 3, 4, 2)
        total = total + F.conv3d(lifted.flip(2, 3, 4).permute(order), p["values.weight"][..., None])
    (total * signed(list(total.shape), 1103)).sum().backward()
    keep("lifting", total)
    keep("lifting_gradient", maps.grad)


for part in golden_attention, golden_levels, golden_vit_block, golden_fusion_block, golden_encoder, golden_lifting:
    part()
names = sorted(kept)  # the order in which the test reads them
shapes = {name: list(kept[name].shape) for name in names}
write_json("xray_to_ct", {"monai": __import__("monai").__version__, "torch": torch.__version__, "shapes": shapes})
write_f32("xray_to_ct", [kept[name] for name in names])
