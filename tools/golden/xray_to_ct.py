"""Golden values of the parts of the X-ray to CT network, from layers of torch and MONAI 1.6.1, computed in float64.
Writes tests/golden/xray_to_ct.{json,f32}.  Beside the reference programs it needs einops, which SABlock takes its axes by.

Inputs are 2u - 1 of the streams 1100 to 1103 (tools/golden/values.py).  The parameters of a part, sorted by name, are streams
from 1104 on: of more than one axis (2u - 1) sqrt(3 / fan_in), else 0.5 + u where the name ends in weight, and u - 0.5.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from monai.networks.blocks import MLPBlock, SABlock
from monai.networks.nets.diffusion_model_unet import get_timestep_embedding

from values import uniform, write_f32, write_json

torch.set_default_dtype(torch.float64)
BASE = 1104
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


def linear_sizes(name, out, inside):
    return {f"{name}.weight": [out, inside], f"{name}.bias": [out]}


def linear(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])


def attention_sizes(prefix, channels, context):
    inputs = {"q": channels, "k": context, "v": context, "out": channels}
    return {k: v for n, inside in inputs.items() for k, v in linear_sizes(f"{prefix}{n}", channels, inside).items()}


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


def levels_sizes(prefix, out):
    return linear_sizes(f"{prefix}first", 512, 256) | linear_sizes(f"{prefix}second", out, 512)


def embed_levels(p, prefix, levels):
    return linear(p, f"{prefix}second", F.silu(linear(p, f"{prefix}first", get_timestep_embedding(levels, 256).double())))


def vit_block_sizes(prefix, channels, context, condition):
    sizes = attention_sizes(f"{prefix}self.", channels, channels) | attention_sizes(f"{prefix}cross.", channels, context)
    sizes |= linear_sizes(f"{prefix}modulation", 6 * channels, condition)
    sizes |= linear_sizes(f"{prefix}mlp.linear1", 4 * channels, channels)
    sizes |= linear_sizes(f"{prefix}mlp.linear2", channels, 4 * channels)
    return sizes | {f"{prefix}cross_norm.weight": [channels], f"{prefix}cross_norm.bias": [channels]}


def vit_block(p, prefix, heads, x, context, condition):
    n, m = x.shape[-1], context.shape[-1]
    six = linear(p, f"{prefix}modulation", F.silu(condition))[:, None].chunk(6, -1)
    plain = torch.nn.LayerNorm(n, elementwise_affine=False)
    asked = plain(x) * (1 + six[0]) + six[1]
    y = x + six[2] * attention(p, f"{prefix}self.", n, n, heads, asked, asked)
    normed = F.layer_norm(y, [n], p[f"{prefix}cross_norm.weight"], p[f"{prefix}cross_norm.bias"])
    y = y + attention(p, f"{prefix}cross.", n, m, heads, normed, context)
    return y + six[5] * mlp(p, f"{prefix}mlp.", n, 4 * n, plain(y) * (1 + six[3]) + six[4])


def fusion_block_sizes(prefix, inside, channels, condition):
    sizes = {"reduce.weight": [channels, inside, 1, 1, 1], "reduce.bias": [channels],
             "conv1.weight": [channels, 2 * channels, 3, 3, 3], "norm.weight": [channels], "norm.bias": [channels],
             "conv2.weight": [channels, channels, 3, 3, 3], "conv2.bias": [channels],
             "shortcut.weight": [channels, 2 * channels, 1, 1, 1]} | linear_sizes("modulation", 2 * channels, condition)
    return {prefix + name: shape for name, shape in sizes.items()}


def fusion_block(p, prefix, x, skip, condition):
    p = {name.removeprefix(prefix): value for name, value in p.items() if name.startswith(prefix)}
    up = F.interpolate(F.conv3d(x, p["reduce.weight"], p["reduce.bias"]), scale_factor=2, mode="trilinear")
    y = torch.cat([up, skip], 1)
    z = F.group_norm(F.conv3d(y, p["conv1.weight"], padding=1), 8, p["norm.weight"], p["norm.bias"])
    scale, shift = linear(p, "modulation", F.silu(condition))[:, :, None, None, None].chunk(2, 1)
    z = F.conv3d(F.silu(z * (1 + scale) + shift), p["conv2.weight"], p["conv2.bias"], padding=1)
    return z + F.conv3d(y, p["shortcut.weight"])


def encoder_sizes(prefix):
    sizes = {"conv1.weight": [64, 1, 7, 7], "conv2.weight": [128, 64, 3, 3], "conv3.weight": [512, 128, 3, 3],
             "view_embedding": [2, 512], "place_embedding": [4, 512]} | linear_sizes("condition", 1024, 512)
    for i, channels in (1, 64), (2, 128), (3, 512):
        sizes |= {f"norm{i}.weight": [channels], f"norm{i}.bias": [channels]}
    return {prefix + name: shape for name, shape in sizes.items()}


def encode(p, prefix, xrays):
    """Maps [B,2,512,8,8], tokens [B,8,512] and condition [B,1024] of [B,2,64,64]."""
    p = {name.removeprefix(prefix): value for name, value in p.items() if name.startswith(prefix)}
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
    return maps, pooled.reshape(-1, 8, 512), linear(p, "condition", torch.stack(views, 1).mean((1, 3, 4)))


def lifting_sizes(prefix, inside, out, height, width):
    sizes = {"conv1.weight": [256, inside, 3, 3], "norm1.weight": [256], "norm1.bias": [256],
             "conv2.weight": [128, 256, 3, 3], "norm2.weight": [128], "norm2.bias": [128],
             "values.weight": [out, inside, 1, 1]}
    for name, depths in ("ap", height), ("lateral", width):
        sizes |= {f"{name}.gains": [3], f"{name}.head.weight": [depths, 128, 1, 1], f"{name}.head.bias": [depths]}
    return {prefix + name: shape for name, shape in sizes.items()}


def lifted(p, prefix, maps, depth, height, width):
    p = {name.removeprefix(prefix): value for name, value in p.items() if name.startswith(prefix)}
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
        volume = depths * torch.einsum("bcrk,bdrk->bcdrk", planes, share)
        order = (0, 1, 3, 2, 4) if name == "ap" else (0, 1, 3, 4, 2)
        total = total + F.conv3d(volume.flip(2, 3, 4).permute(order), p["values.weight"][..., None])
    return total


def golden_attention():
    x, context = signed([2, 5, 32], 1100), signed([2, 7, 24], 1101)
    p = parameters(attention_sizes("", 32, 32), BASE)
    keep("self", attention(p, "", 32, 32, 4, x, x))
    block = SABlock(32, 4, qkv_bias=True, use_combined_linear=False)
    names = {"to_q": "q", "to_k": "k", "to_v": "v", "out_proj": "out"}
    block.load_state_dict({f"{theirs}.{kind}": p[f"{ours}.{kind}"] for theirs, ours in names.items()
                           for kind in ("weight", "bias")})
    keep("monai_self", block(x))
    keep("cross", attention(parameters(attention_sizes("", 32, 24), BASE), "", 32, 24, 4, x, context))
    p = parameters(linear_sizes("linear1", 128, 32) | linear_sizes("linear2", 32, 128), BASE)
    keep("mlp", mlp(p, "", 32, 128, x))


def golden_levels():
    levels = torch.tensor([0, 1, 17, 500, 999])
    keep("features_6", get_timestep_embedding(levels, 6).double())
    keep("features_256", get_timestep_embedding(levels, 256).double())
    keep("level_embedding", embed_levels(parameters(levels_sizes("", 8), BASE), "", levels))


def keep_with_gradient(name, x, y):
    (y * signed(list(y.shape), 1103)).sum().backward()
    keep(name, y)
    keep(f"{name}_gradient", x.grad)


def golden_blocks():
    condition = signed([2, 16], 1102)
    x, context = signed([2, 5, 32], 1100).requires_grad_(), signed([2, 7, 24], 1101)
    p = parameters(vit_block_sizes("", 32, 24, 16), BASE)
    keep_with_gradient("vit_block", x, vit_block(p, "", 4, x, context, condition))
    x, skip = signed([2, 12, 2, 3, 2], 1100).requires_grad_(), signed([2, 8, 4, 6, 4], 1101)
    p = parameters(fusion_block_sizes("", 12, 8, 16), BASE)
    keep_with_gradient("fusion_block", x, fusion_block(p, "", x, skip, condition))


def golden_xrays():
    maps, tokens, condition = encode(parameters(encoder_sizes(""), BASE), "", signed([2, 2, 64, 64], 1100))
    keep("encoder_maps", maps[:, :, ::64])
    keep("encoder_tokens", tokens)
    keep("encoder_condition", condition)
    maps = signed([2, 2, 16, 5, 7], 1100).requires_grad_()
    keep_with_gradient("lifting", maps, lifted(parameters(lifting_sizes("", 16, 3, 6, 4), BASE), "", maps, 8, 6, 4))


def golden_network():
    """A second stage of 8x16x8 voxels, patches of 4, 16 channels, 2 heads and one block."""
    sizes = {"entry.weight": [32, 2, 3, 3, 3], "entry.bias": [32], "last.weight": [1, 32, 3, 3, 3], "last.bias": [1],
             "place_embedding": [1, 16, 16], "token_norm.weight": [16], "token_norm.bias": [16]}
    for i, (above, below) in enumerate(((32, 64), (64, 16))):
        sizes |= {f"down.{i}.conv.weight": [below, above, 3, 3, 3], f"down.{i}.norm.weight": [below],
                  f"down.{i}.norm.bias": [below]} | fusion_block_sizes(f"up.{i}.", below, above, 1024)
    sizes |= encoder_sizes("xray_encoder.") | lifting_sizes("lifting.", 512, 32, 16, 8)
    sizes |= levels_sizes("time.", 1024) | levels_sizes("previous_noise.", 1024)
    p = parameters(sizes | vit_block_sizes("blocks.0.", 16, 512, 1024), BASE)
    noisy, xrays = signed([2, 1, 8, 16, 8], 1100).requires_grad_(), signed([2, 2, 64, 64], 1101).requires_grad_()
    previous = signed([2, 1, 4, 8, 4], 1102).requires_grad_()
    maps, tokens, condition = encode(p, "xray_encoder.", xrays)
    # Small numbers, at which MONAI's float32 angles are exact enough.
    condition = condition + embed_levels(p, "time.", torch.tensor([17, 3]))
    condition = condition + embed_levels(p, "previous_noise.", torch.tensor([5, 0]))
    both = torch.cat([noisy, F.interpolate(previous, [8, 16, 8], mode="trilinear")], 1)
    full = F.conv3d(both, p["entry.weight"], p["entry.bias"], padding=1) + lifted(p, "lifting.", maps, 8, 16, 8)
    sizes = [full]
    for i in range(2):
        x = F.conv3d(sizes[-1], p[f"down.{i}.conv.weight"], stride=2, padding=1)
        sizes.append(F.silu(F.group_norm(x, 8, p[f"down.{i}.norm.weight"], p[f"down.{i}.norm.bias"])))
    x = vit_block(p, "blocks.0.", 2, sizes[2].flatten(2).mT + p["place_embedding"], tokens, condition)
    x = F.layer_norm(x, [16], p["token_norm.weight"], p["token_norm.bias"]).mT.reshape(sizes[2].shape)
    x = fusion_block(p, "up.1.", x, sizes[1], condition)
    x = fusion_block(p, "up.0.", x, sizes[0], condition)
    keep_with_gradient("network", noisy, F.conv3d(x, p["last.weight"], p["last.bias"], padding=1))
    keep("network_gradient_of_previous", previous.grad)
    keep("network_gradient_of_xrays", xrays.grad[:, :, ::8, ::8])


for part in golden_attention, golden_levels, golden_blocks, golden_xrays, golden_network:
    part()
names = sorted(kept)  # the order in which the test reads them
shapes = {name: list(kept[name].shape) for name in names}
write_json("xray_to_ct", {"monai": __import__("monai").__version__, "torch": torch.__version__, "shapes": shapes})
write_f32("xray_to_ct", [kept[name] for name in names])
