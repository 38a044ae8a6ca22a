"""Golden outputs and gradients of what reads prompts and words answers: torch's transformer layers, and the positions of MONAI
1.6.1's VISTA3D, which are Segment Anything's in three dimensions.  In float64 but for the positions.  Writes tests/golden/prompt_layers.{json,f32}.

Inputs are 2u - 1 of the streams 1720 to 1729 (tools/golden/values.py).  The parameters of a part, sorted by name, are streams
from 1730 on: of more than one axis (2u - 1) sqrt(3 / fan_in), else 0.5 + u where the name ends in weight, and u - 0.5.  Gradients are of
the sum of the output times stream 1723.
"""

import math

import numpy as np
import torch
from monai.networks.nets.vista3d import PositionEmbeddingRandom

from values import uniform, write_f32, write_json

torch.set_default_dtype(torch.float64)
C, HEADS, WORDS, LENGTH = 16, 4, 11, 7
TOKENS = torch.tensor([[1, 5, 3, 10, 2, 0, 0], [1, 4, 4, 7, 9, 6, 2]])
ANSWERS = torch.tensor([[1, 8, 3, 2, 0], [1, 9, 10, 5, 2]])
SEEN = torch.tensor([[True] * 4 + [False] * 2, [True, False] * 3])
kept = {}


def signed(shape, layer):
    return torch.from_numpy(2 * uniform(shape, layer) - 1)


def parameters(sizes, base=1730):
    result = {}
    for i, name in enumerate(sorted(sizes)):
        shape = sizes[name]
        u = torch.from_numpy(uniform(shape, base + i))
        if len(shape) > 1:
            result[name] = (2 * u - 1) * math.sqrt(3 / np.prod(shape[1:]))
        else:
            result[name] = 0.5 + u if name.endswith("weight") else u - 0.5
        result[name].requires_grad_()
    return result


def linear_sizes(name, out, inside):
    return {f"{name}.weight": [out, inside], f"{name}.bias": [out]}


def norm_sizes(name):
    return {f"{name}.weight": [C], f"{name}.bias": [C]}


def attention_sizes(name):
    return {k: v for n in ("q", "k", "v", "out") for k, v in linear_sizes(f"{name}.{n}", C, C).items()}


def block_sizes(prefix, own, cross):
    sizes = norm_sizes("mlp_norm") | linear_sizes("mlp.linear1", 4 * C, C) | linear_sizes("mlp.linear2", C, 4 * C)
    if own:
        sizes |= norm_sizes("self_norm") | attention_sizes("self")
    if cross:
        sizes |= norm_sizes("cross_norm") | attention_sizes("cross")
    return {prefix + name: shape for name, shape in sizes.items()}


def text_sizes(cross, blocks):
    sizes = {"embedding.words": [WORDS, C], "embedding.places": [LENGTH, C]} | norm_sizes("norm")
    for i in range(blocks):
        sizes |= block_sizes(f"blocks.{i}.", True, cross)
    return sizes | (linear_sizes("words", WORDS, C) if cross else {})


def attention_state(p, name):
    stack = lambda kind: torch.cat([p[f"{name}.{n}.{kind}"] for n in "qkv"])
    return {"in_proj_weight": stack("weight"), "in_proj_bias": stack("bias"), "out_proj.weight": p[f"{name}.out.weight"],
            "out_proj.bias": p[f"{name}.out.bias"]}


def pair(p, ours, theirs):
    return {f"{theirs}.{kind}": p[f"{ours}.{kind}"] for kind in ("weight", "bias")}


def run(layer, state, *args, **kwargs):
    """The layer with these tensors as its parameters, so that gradients reach them."""
    return torch.func.functional_call(layer, state, args, kwargs)


def multihead(p, name, x, context, **kwargs):
    layer = torch.nn.MultiheadAttention(C, HEADS, batch_first=True)
    return run(layer, attention_state(p, name), x, context, context, need_weights=False, **kwargs)[0]


def encoder_layer(p, prefix, x, padding):
    layer = torch.nn.TransformerEncoderLayer(C, HEADS, 4 * C, 0.0, "gelu", batch_first=True, norm_first=True)
    state = {f"self_attn.{k}": v for k, v in attention_state(p, f"{prefix}self").items()}
    state |= pair(p, f"{prefix}mlp.linear1", "linear1") | pair(p, f"{prefix}mlp.linear2", "linear2")
    state |= pair(p, f"{prefix}self_norm", "norm1") | pair(p, f"{prefix}mlp_norm", "norm2")
    return run(layer, state, x, src_key_padding_mask=padding)


def decoder_layer(p, prefix, x, context, padding, causal):
    layer = torch.nn.TransformerDecoderLayer(C, HEADS, 4 * C, 0.0, "gelu", batch_first=True, norm_first=True)
    state = {f"self_attn.{k}": v for k, v in attention_state(p, f"{prefix}self").items()}
    state |= {f"multihead_attn.{k}": v for k, v in attention_state(p, f"{prefix}cross").items()}
    state |= pair(p, f"{prefix}mlp.linear1", "linear1") | pair(p, f"{prefix}mlp.linear2", "linear2")
    state |= pair(p, f"{prefix}self_norm", "norm1") | pair(p, f"{prefix}cross_norm", "norm2")
    state |= pair(p, f"{prefix}mlp_norm", "norm3")
    mask = torch.nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if causal else None
    return run(layer, state, x, context, tgt_mask=mask, memory_key_padding_mask=padding)


def norm(p, name, x):
    return torch.nn.functional.layer_norm(x, [C], p[f"{name}.weight"], p[f"{name}.bias"])


def linear(p, name, x):
    return torch.nn.functional.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])


def embedded(p, tokens):
    return torch.nn.functional.embedding(tokens, p["embedding.words"]) + p["embedding.places"][: tokens.shape[1]]


def keep(name, output, p, inputs, counts=None):
    """Output, and gradients of the inputs and of all parameters one after the other."""
    weight = signed(list(output.shape), 1723)
    (output * weight if counts is None else output * weight * counts).sum().backward()
    kept[name] = output.detach().numpy() if counts is None else (output * counts).detach().numpy()
    for i, x in enumerate(inputs):
        kept[f"{name}_input{i}"] = x.grad.numpy()
    kept[f"{name}_parameters"] = np.concatenate([p[n].grad.numpy().reshape(-1) for n in sorted(p)])


def golden_blocks():
    x, context = signed([2, 5, C], 1720).requires_grad_(), signed([2, 6, C], 1721).requires_grad_()
    p = parameters(block_sizes("", False, True))
    y = x + multihead(p, "cross", norm(p, "cross_norm", x), context, key_padding_mask=~SEEN)
    hidden = torch.nn.functional.gelu(linear(p, "mlp.linear1", norm(p, "mlp_norm", y)))
    keep("fusion", y + linear(p, "mlp.linear2", hidden), p, [x, context])
    x, context = signed([2, 5, C], 1720).requires_grad_(), signed([2, 6, C], 1721).requires_grad_()
    p = parameters(block_sizes("", True, True))
    keep("self_and_cross", decoder_layer(p, "", x, context, ~SEEN, False), p, [x, context])


def golden_text():
    p = parameters(text_sizes(False, 2))
    x = embedded(p, TOKENS)
    for i in range(2):
        x = encoder_layer(p, f"blocks.{i}.", x, TOKENS == 0)
    keep("text", norm(p, "norm", x), p, [], (TOKENS != 0)[..., None].double())


def golden_answer():
    p = parameters(text_sizes(True, 2))
    context = signed([2, 6, C], 1721).requires_grad_()
    x = embedded(p, ANSWERS)
    for i in range(2):
        x = decoder_layer(p, f"blocks.{i}.", x, context, ~SEEN, True)
    keep("answer", linear(p, "words", norm(p, "norm", x)), p, [context])


def golden_position():
    p = parameters({"query": [1, 1, C]} | attention_sizes("attention") | norm_sizes("norm") | linear_sizes("classes", 9, C))
    x = signed([2, 5, C], 1720).requires_grad_()
    query = p["query"].expand(2, 1, C)
    keep("position", linear(p, "classes", norm(p, "norm", query + multihead(p, "attention", query, x)))[:, 0], p, [x])


def golden_places():
    features = PositionEmbeddingRandom(C // 2)
    features.positional_encoding_gaussian_matrix = (2 * signed([3, C // 2], 1722)).float()  # MONAI's are float32
    kept["grid"] = features((2, 3, 5)).flatten(1).T.double().numpy()
    size = (4, 6, 10)
    points = torch.tensor(size) * torch.from_numpy(uniform([2, 4, 3], 1724))
    kept["points"] = features.forward_with_coords(points, size).double().numpy()


for make in golden_blocks, golden_text, golden_answer, golden_position, golden_places:
    make()
kept = dict(sorted(kept.items()))  # the order in which C++ reads the shapes
write_json("prompt_layers", {"shapes": {name: list(value.shape) for name, value in kept.items()}})
write_f32("prompt_layers", kept.values())
