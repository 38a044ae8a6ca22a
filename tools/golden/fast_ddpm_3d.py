"""Golden values of the network of Fast-DDPM in three dimensions, computed in float64.  Writes tests/golden/fast_ddpm_3d_*.{json,f32}.

The network is put together as Fast-DDPM and DDIM publish it (names of parameters included) out of MONAI 1.6.1's parts: its
residual block with a timestep and its sin/cos embedding, and of torch's attention, convolutions and linear layers.  Where there is
a choice, it is that of the published program: sines first and frequencies 10000^(-i / (half - 1)), which MONAI gives with
another longest period; the strided convolution with padding 1; batch normalisation in place of the groups where the case says so.

Weights: parameter i of the published order is stream i: convolution and linear weights (2u - 1) sqrt(3 / fan_in) with fan_in the
product of all sizes but the first, normalisation weights 0.5 + u, biases u - 0.5.  Input: stream 1000, 2u - 1.  Loss:
sum(output * (2u - 1)), stream 1001; training mode, dropout 0.  Every gradient has its norm and its dot products with four
vectors (2u - 1), streams 10000 + 4 i + j: three times their mean square difference estimates the squared norm of a difference.
"""

import math

import monai
import numpy as np
import torch
from monai.networks.nets.diffusion_model_unet import DiffusionUNetResnetBlock, get_timestep_embedding
from torch import nn

from values import uniform, write_f32, write_json

PROJECTIONS = 4
TIMESTEPS = [17, 999]
CASES = {
    "group": dict(base_channels=32, channel_multipliers=[1, 2], num_res_blocks=1, attention_levels=[], norm="group",
                  norm_groups=32, shape=[2, 4, 4, 6, 8]),
    "attention": dict(base_channels=16, channel_multipliers=[1, 3, 2], num_res_blocks=2, attention_levels=[1, 2],
                      norm="group", norm_groups=8, shape=[2, 4, 4, 8, 4]),
    "batch": dict(base_channels=16, channel_multipliers=[1, 2], num_res_blocks=2, attention_levels=[0], norm="batch",
                  norm_groups=32, shape=[2, 4, 4, 6, 4]),
}
PUBLISHED = dict(base_channels=64, channel_multipliers=[1, 2, 4], num_res_blocks=2, attention_levels=[], norm="group",
                 norm_groups=32, shape=[1, 4, 8, 4, 4])


def normalisation(case, channels):
    if case["norm"] == "batch":
        return nn.BatchNorm3d(channels, eps=1e-6)
    return nn.GroupNorm(case["norm_groups"], channels, eps=1e-6)


class Residual(nn.Module):
    """MONAI's block; in and out channels, and a timestep of four times the base channels."""

    def __init__(self, case, channels, out_channels):
        super().__init__()
        groups = case["norm_groups"] if case["norm"] == "group" else 1
        self.part = DiffusionUNetResnetBlock(3, channels, 4 * case["base_channels"], out_channels, norm_num_groups=groups)
        if case["norm"] == "batch":
            self.part.norm1, self.part.norm2 = normalisation(case, channels), normalisation(case, out_channels)

    def forward(self, x, time):
        return self.part(x, time)

    def named(self, prefix):
        part = self.part
        children = dict(norm1=part.norm1, conv1=part.conv1.conv, temb_proj=part.time_emb_proj, norm2=part.norm2,
                        conv2=part.conv2.conv)
        if not isinstance(part.skip_connection, nn.Identity):
            children["nin_shortcut"] = part.skip_connection.conv
        return [(f"{prefix}.{name}", child) for name, child in children.items()]


class Attention(nn.Module):
    """torch's multi-head attention with one head.  It has linear layers where the published one has convolutions 1x1x1."""

    def __init__(self, case, channels):
        super().__init__()
        self.norm = normalisation(case, channels)
        self.q, self.k, self.v, self.out = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, x):
        tokens = self.norm(x).flatten(2).permute(2, 0, 1)  # [voxels, B, C]
        seen, _ = nn.functional.multi_head_attention_forward(
            tokens, tokens, tokens, x.shape[1], 1, None, torch.cat([self.q.bias, self.k.bias, self.v.bias]), None, None, False,
            0.0, self.out.weight, self.out.bias, need_weights=True, use_separate_proj_weight=True,
            q_proj_weight=self.q.weight, k_proj_weight=self.k.weight, v_proj_weight=self.v.weight)
        return x + seen.permute(1, 2, 0).reshape(x.shape)

    def named(self, prefix):
        children = dict(norm=self.norm, q=self.q, k=self.k, v=self.v, proj_out=self.out)
        return [(f"{prefix}.{name}", child) for name, child in children.items()]


class Network(nn.Module):
    def __init__(self, case, in_channels, out_channels):
        super().__init__()
        base, multipliers, blocks = case["base_channels"], case["channel_multipliers"], case["num_res_blocks"]
        channels = [base * m for m in multipliers]
        entering = [base, *channels]
        self.case = case
        self.leaves = []  # (published name, module with weight and bias)

        def leaf(name, module):
            self.leaves.append((name, module))
            return module

        def part(name, module):
            self.leaves += module.named(name)
            return module

        def stack(prefix, level, inputs):
            attends = level in case["attention_levels"]
            residuals = [part(f"{prefix}.{level}.block.{j}", Residual(case, c, channels[level])) for j, c in enumerate(inputs)]
            attentions = [part(f"{prefix}.{level}.attn.{j}", Attention(case, channels[level])) if attends else nn.Identity()
                          for j in range(len(inputs))]
            return nn.ModuleList(nn.ModuleList(pair) for pair in zip(residuals, attentions))

        self.time = nn.ModuleList([leaf("temb.dense.0", nn.Linear(base, 4 * base)), leaf("temb.dense.1", nn.Linear(4 * base, 4 * base))])
        self.first = leaf("conv_in", nn.Conv3d(in_channels, base, 3, padding=1))
        self.down, self.halve = nn.ModuleList(), nn.ModuleList()
        deepest = len(channels) - 1
        for i, c in enumerate(channels):
            self.down.append(stack("down", i, [entering[i]] + [c] * (blocks - 1)))
            if i < deepest:
                self.halve.append(leaf(f"down.{i}.downsample.conv", nn.Conv3d(c, c, 3, stride=2, padding=1)))
        self.middle1 = part("mid.block_1", Residual(case, channels[-1], channels[-1]))
        self.middle_attention = nn.Identity()
        if deepest in case["attention_levels"]:
            self.middle_attention = part("mid.attn_1", Attention(case, channels[-1]))
        self.middle2 = part("mid.block_2", Residual(case, channels[-1], channels[-1]))
        self.up, self.enlarge = nn.ModuleList(), nn.ModuleList()
        for i, c in enumerate(channels):
            below = channels[min(i + 1, deepest)]
            self.up.append(stack("up", i, [below + c] + [2 * c] * (blocks - 1) + [c + entering[i]]))
            self.enlarge.append(leaf(f"up.{i}.upsample.conv", nn.Conv3d(c, c, 3, padding=1)) if i > 0 else nn.Identity())
        self.last_norm = leaf("norm_out", normalisation(case, channels[0]))
        self.last = leaf("conv_out", nn.Conv3d(channels[0], out_channels, 3, padding=1))

    def forward(self, x, timesteps):
        half = self.case["base_channels"] // 2
        sines_last = get_timestep_embedding(timesteps, 2 * half, max_period=10000 ** (half / (half - 1)))
        embedding = torch.cat([sines_last[:, half:], sines_last[:, :half]], dim=1).to(x.dtype)
        swish = nn.functional.silu
        time = self.time[1](swish(self.time[0](embedding)))
        h = self.first(x)
        skips = [h]
        for i, blocks in enumerate(self.down):
            for residual, attention in blocks:
                h = attention(residual(h, time))
                skips.append(h)
            if i < len(self.halve):
                h = self.halve[i](h)
                skips.append(h)
        h = self.middle2(self.middle_attention(self.middle1(h, time)), time)
        for i in reversed(range(len(self.up))):
            for residual, attention in self.up[i]:
                h = attention(residual(torch.cat([h, skips.pop()], dim=1), time))
            if i > 0:
                h = self.enlarge[i](nn.functional.interpolate(h, scale_factor=2.0, mode="nearest"))
        return self.last(swish(self.last_norm(h)))

    def published(self):
        """(name, parameter) as the published program has them."""
        return [(f"{name}.{kind}", getattr(module, kind)) for name, module in self.leaves for kind in ("weight", "bias")]


def published_shape(name, p):
    is_projection = any(name.endswith(f".{c}.weight") for c in ("q", "k", "v", "proj_out"))
    return list(p.shape) + [1, 1, 1] if is_projection else list(p.shape)


def parameter_values(i, name, shape):
    u = uniform(shape, i)
    if len(shape) > 1:
        return (2 * u - 1) * math.sqrt(3 / np.prod(shape[1:]))
    return u - 0.5 if name.endswith("bias") else 0.5 + u


# MONAI's embedding computes in float32 whatever the network's dtype: here it has float64 all the way.
def embedding_in_float64():
    import monai.networks.nets.diffusion_model_unet as module

    source = __import__("inspect").getsource(module.get_timestep_embedding)
    source = source.replace("torch.float32", "torch.float64").replace(".float()", ".double()")
    assert "float64" in source and ".double()" in source
    scope = {"torch": torch, "math": math}
    exec(source, scope)
    return scope["get_timestep_embedding"]


def build(case, dtype):
    net = Network(case, case["shape"][1], 1).to(dtype)
    published = net.published()
    assert {id(p) for _, p in published} == {id(p) for p in net.parameters()} and len(published) == len(list(net.parameters()))
    with torch.no_grad():
        for i, (name, p) in enumerate(published):
            p.copy_(torch.from_numpy(parameter_values(i, name, list(p.shape))))
    return net.train()


def run(case, dtype):
    net = build(case, dtype)
    x = torch.from_numpy(2 * uniform(case["shape"], 1000) - 1).to(dtype).requires_grad_()
    y = net(x, torch.tensor(TIMESTEPS[:case["shape"][0]]))
    loss = (y * torch.from_numpy(2 * uniform(list(y.shape), 1001) - 1).to(dtype)).sum()
    loss.backward()
    return net, x, y, loss


def difference(a, b):
    a, b = (torch.cat([t.detach().double().reshape(-1) for t in ts]) for ts in (a, b))
    return (a - b).norm().item() / b.norm().item()


def summary(i, p):
    g = p.grad.numpy().reshape(-1)
    vectors = [2 * uniform(g.shape, 10000 + PROJECTIONS * i + j) - 1 for j in range(PROJECTIONS)]
    return {"norm": float(np.linalg.norm(g)), "projections": [float(v @ g) for v in vectors]}


def parameters_of(net):
    return [{"name": name, "shape": published_shape(name, p)} for name, p in net.published()]


float32_embedding = get_timestep_embedding
get_timestep_embedding = embedding_in_float64()
steps = torch.tensor([0, 1, 99, 500, 999])
assert (float32_embedding(steps, 32) - get_timestep_embedding(steps, 32)).abs().max() < 1e-4

for name, case in CASES.items():
    net, x, y, loss = run(case, torch.float64)
    net32, x32, y32, _ = run(case, torch.float32)
    parameters = net.published()
    content = {
        "case": case,
        "monai": monai.__version__,
        "timesteps": TIMESTEPS,
        "parameters": parameters_of(net),
        "parameter_count": sum(p.numel() for p in net.parameters()),
        "loss": loss.item(),
        "float32_error_of_the_reference": {
            "forward": difference([y32], [y]),
            "gradient": difference([p.grad for _, p in net32.published()], [p.grad for _, p in parameters]),
        },
        "gradients": [summary(i, p) for i, (_, p) in enumerate(parameters)],
        "buffers": {f"{leaf}.{key}": value.tolist() for leaf, module in net.leaves for key, value in module.named_buffers()},
    }
    write_json(f"fast_ddpm_3d_{name}", content)
    write_f32(f"fast_ddpm_3d_{name}", [y.detach().numpy(), x.grad.numpy()])
    print(name, content["parameter_count"], content["float32_error_of_the_reference"])

with torch.no_grad():
    net = build(PUBLISHED, torch.float64)
    y = net(torch.from_numpy(2 * uniform(PUBLISHED["shape"], 1000) - 1), torch.tensor(TIMESTEPS[:1]))
fork = Network(dict(PUBLISHED, base_channels=32, channel_multipliers=[1, 2], num_res_blocks=1), 4, 1)
write_json("fast_ddpm_3d_published", {
    "case": PUBLISHED, "timesteps": TIMESTEPS, "parameters": parameters_of(net),
    "parameter_count": sum(p.numel() for p in net.parameters()), "narrow_parameter_count": sum(p.numel() for p in fork.parameters()),
})
half = 16
angles = float32_embedding(steps, 2 * half, max_period=10000 ** (half / (half - 1)))
write_f32("fast_ddpm_3d_published", [y.numpy(), torch.cat([angles[:, half:], angles[:, :half]], dim=1).numpy()])
print("published", sum(p.numel() for p in net.parameters()), sum(p.numel() for p in fork.parameters()))
