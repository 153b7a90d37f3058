"""AstroCLIP's networks made small, files laid out as its checkpoints, and plain forward passes of both."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from checkpoint_factories import State, prefixed, save_with_modules
from torch import Tensor

from galaxypair import heads
from galaxypair.encoders import astrodino, specformer

N_HEADS, HEAD_HEADS = 2, 4


def shrink(patch: pytest.MonkeyPatch) -> None:
    """Make the transformers narrow and shallow; windows, patches and names stay."""
    for module, blocks in ((astrodino, 4), (specformer, 2)):
        patch.setattr(module, "WIDTH", 16)
        patch.setattr(module, "N_BLOCKS", blocks)
        patch.setattr(module, "N_HEADS", N_HEADS)


def settings(**changes: object) -> dict:
    """Section `model` of the config for AstroCLIP with embeddings of 8 numbers."""
    return {
        "from_run": None,
        "from_checkpoint": "astroclip.ckpt",
        "checkpoint_layout": "astroclip_v2",
        "embedding_dim": 8,
        "logit_scale": 15.5,
        "image": {
            "encoder": "astrodino",
            "head": "cross_attention_bare",
            "crop_px": 144,
            "astrodino": {"output": "tokens"},
        },
        "spectrum": {
            "encoder": "specformer",
            "head": "cross_attention",
            "specformer": {"output": "tokens"},
        },
    } | changes


def random_state(module: torch.nn.Module, seed: int) -> State:
    """Weights that are all different from zero and one, so that none could be left out unnoticed."""
    generator = torch.Generator().manual_seed(seed)
    return {k: 0.3 * torch.randn(v.shape, generator=generator) for k, v in module.state_dict().items()}


def chunked(state: State, size: int = 2) -> State:
    """Name the blocks as DINOv2 does where it trains them in chunks."""
    named = {}
    for key, value in state.items():
        if key.startswith("blocks."):
            number = int(key.split(".")[1])
            named[f"blocks.{number // size}.{key.removeprefix('blocks.')}"] = value
        else:
            named[key] = value
    return named


def states() -> dict[str, State]:
    """Weights of the four parts of a small AstroCLIP."""
    return {
        "image": random_state(astrodino.AstroDINO(), 1),
        "spectrum": random_state(specformer.Specformer(), 2),
        "image_head": random_state(heads.CrossAttention(16, 8), 3),
        "spectrum_head": random_state(heads.CrossAttention(16, 8), 4),
    }


def make_astroclip(path: Path, **extra: Tensor) -> Path:
    """Write a checkpoint of both towers as Lightning does."""
    parts = states()
    state = {
        **prefixed(chunked(parts["image"]), "image_encoder.backbone."),
        **prefixed(parts["image_head"], "image_encoder."),
        **prefixed(parts["spectrum"], "spectrum_encoder.backbone."),
        **prefixed(parts["spectrum_head"], "spectrum_encoder."),
        **extra,
    }
    return save_with_modules(path, state)


def as_transformers(state: State, names: Iterable[str]) -> State:
    """Rename the image encoder's weights as the library transformers does."""
    renamed = {
        "embeddings.position_embeddings": "pos_embed",
        "embeddings.patch_embeddings.projection": "patch_embed.proj",
        "embeddings.": "",
        "encoder.layer.": "blocks.",
        "layer_scale1.lambda1": "ls1.gamma",
        "layer_scale2.lambda1": "ls2.gamma",
        "attention.o_proj": "attn.proj",
    }
    out = {}
    for name in names:
        key = name.replace("layernorm.", "norm.")
        for theirs, ours in renamed.items():
            key = key.replace(theirs, ours)
        key = re.sub(r".*layer\.(\d+)\.", r"blocks.\1.", key)
        if found := re.search(r"attention\.([qkv])_proj", key):
            part = state[key.replace(found[0], "attn.qkv")].chunk(3)["qkv".index(found[1])]
            out[name] = part
        else:
            out[name] = state[key]
    return out


def attention(queries: Tensor, keys: Tensor, values: Tensor, n_heads: int) -> Tensor:
    """Attention of one galaxy, head by head: (queries, d) of (tokens, d)."""
    answers = []
    for q, k, v in zip(*(x.chunk(n_heads, -1) for x in (queries, keys, values)), strict=True):
        answers.append(torch.softmax(q @ k.T / q.shape[-1] ** 0.5, -1) @ v)
    return torch.cat(answers, -1)


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def norm(state: State, name: str, x: Tensor, eps: float) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def window_tokens(flux: Tensor) -> Tensor:
    """Tokens of one spectrum, window by window."""
    mean, std = flux.mean(), max(flux.std().item(), 0.2)
    tokens = [[(mean.item() - 2) / 2, (std - 2) / 8, *[0.0] * 20]]
    for start in range(0, len(flux) - 10, 10):
        window = (flux[start : start + 20] - mean) / std
        if len(window) == 20:
            tokens.append([0.0, 0.0, *window.tolist()])
    return torch.tensor(tokens)


def specformer_forward(state: State, flux: Tensor) -> Tensor:
    """Token embeddings of one spectrum."""
    x = linear(state, "data_embed", window_tokens(flux))
    x = x + state["position_embed.weight"][: len(x)]
    for i in range(2):
        name = f"blocks.{i}"
        projected = linear(state, f"{name}.attention.attention", norm(state, f"{name}.layernorm1", x, 1e-5))
        mixed = attention(*projected.chunk(3, -1), N_HEADS)
        x = x + linear(state, f"{name}.attention.projection", mixed)
        hidden = linear(state, f"{name}.mlp.encoder", norm(state, f"{name}.layernorm2", x, 1e-5))
        x = x + linear(state, f"{name}.mlp.decoder", F.gelu(hidden))
    return norm(state, "final_layernorm", x, 1e-5)


def astrodino_forward(state: State, rgb: Tensor, *, whole: bool = False) -> Tensor:
    """Tokens of one picture (3, 144, 144); the whole network adds class token and places."""
    patches = [
        rgb[:, row : row + 12, column : column + 12]
        for row in range(0, 144, 12)
        for column in range(0, 144, 12)
    ]
    kernel = state["patch_embed.proj.weight"].flatten(1)
    x = torch.stack([kernel @ patch.flatten() + state["patch_embed.proj.bias"] for patch in patches])
    if whole:
        x = torch.cat([state["cls_token"][0], x]) + state["pos_embed"][0]
    for i in range(4):
        name = f"blocks.{i}"
        projected = linear(state, f"{name}.attn.qkv", norm(state, f"{name}.norm1", x, 1e-6))
        mixed = linear(state, f"{name}.attn.proj", attention(*projected.chunk(3, -1), N_HEADS))
        x = x + state[f"{name}.ls1.gamma"] * mixed
        hidden = F.gelu(linear(state, f"{name}.mlp.fc1", norm(state, f"{name}.norm2", x, 1e-6)))
        x = x + state[f"{name}.ls2.gamma"] * linear(state, f"{name}.mlp.fc2", hidden)
    return norm(state, "norm", x, 1e-6)


def head_forward(state: State, tokens: Tensor, *, residual: bool) -> Tensor:
    """Embedding of one galaxy's tokens."""
    name = "cross_attention.multihead_attn"
    weights = (
        state[f"{name}.in_proj_weight"].chunk(3)
        if f"{name}.in_proj_weight" in state
        else [state[f"{name}.{part}_proj_weight"] for part in "qkv"]
    )
    inputs = state["cross_attention.query"][0], tokens, tokens
    biases = state[f"{name}.in_proj_bias"].chunk(3)
    projected = [x @ w.T + b for x, w, b in zip(inputs, weights, biases, strict=True)]
    answer = linear(state, f"{name}.out_proj", attention(*projected, HEAD_HEADS))
    x = norm(state, "cross_attention.layernorm", answer, 1e-5)
    wide = linear(state, "mlp.decoder", F.gelu(linear(state, "mlp.encoder", x)))
    return (x + wide if residual else wide)[0]
