"""Files laid out as the published checkpoints, with random weights, and plain forward passes of them."""

import sys
import types
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from galaxypair import heads, tables
from galaxypair.encoders.resnet import SteinResNet50
from galaxypair.encoders.spender import SpenderEncoder

State = dict[str, Tensor]


def rep_settings(**changes: object) -> dict:
    """Section `model` of the config for the published checkpoint of the reproduction."""
    return {
        "from_run": None,
        "from_checkpoint": "rep.ckpt",
        "checkpoint_layout": "rep",
        "embedding_dim": 128,
        "logit_scale": 15.5,
        "image": {
            "encoder": "stein_resnet50",
            "head": "mlp",
            "crop_px": 96,
            "stein_resnet50": {"stretch": "raw", "output": "features"},
        },
        "spectrum": {"encoder": "spender", "head": "prelu_mlp", "spender": {"normalise": "none"}},
        "prelu_mlp": {"hidden": [128, 128], "dropout": 0.1},
    } | changes


def resnet_state(seed: int = 1) -> State:
    """Weights of a ResNet-50 with its contrastive head, as torchvision names them."""
    torch.manual_seed(seed)
    state = SteinResNet50(output="projection").state_dict()
    for key in state:  # statistics of a trained network: an evaluation that took the batch's would differ
        if key.endswith("running_mean"):
            state[key] = 0.1 * torch.randn_like(state[key])
        elif key.endswith("running_var"):
            state[key] = torch.rand_like(state[key]) + 0.5
    return state


def spender_state(seed: int = 2) -> State:
    """Weights of the convolutions of spender's encoder."""
    torch.manual_seed(seed)
    return SpenderEncoder().state_dict()


def head_state(hidden: tuple[int, ...] = (128, 128), seed: int = 3) -> State:
    """Weights of the reproduction's spectrum head; slopes differ from unit to unit."""
    torch.manual_seed(seed)
    state = heads.prelu_mlp(256, 128, list(hidden), 0.1).state_dict()
    return {k: torch.rand_like(v) if v.ndim == 1 else v for k, v in state.items()}


def prefixed(state: State, prefix: str) -> State:
    return {prefix + key: value for key, value in state.items()}


def make_stein(path: Path, **extra: object) -> Path:
    """Write a checkpoint as Lightning does for momentum contrast."""
    state = {
        **prefixed(resnet_state(), "encoder_q."),
        **prefixed({"conv1.weight": torch.zeros(64, 3, 7, 7)}, "encoder_k."),
        "queue": torch.zeros(128, 8),
        "queue_ptr": torch.zeros(1, dtype=torch.int64),
    }
    torch.save({"epoch": 1499, "state_dict": state, "hyper_parameters": {"emb_dim": 128}, **extra}, path)
    return path


def make_spender(path: Path, *, as_list: bool = False, old_names: bool = False) -> Path:
    """Write an autoencoder as spender does; older ones call the MLP otherwise and give it the redshift."""
    mlp = "encoder.mlp.mlp." if old_names else "encoder.mlp."
    model = {
        **prefixed(spender_state(), "encoder."),
        f"{mlp}0.weight": torch.zeros(128, 257 if old_names else 256),
        "encoder.instrument.wave_obs": torch.linspace(3600, 9824, tables.N_WAVELENGTH, dtype=torch.float64),
        "decoder.wave_rest": torch.linspace(2000, 9824, 9780),
    }
    torch.save({"model": [model] if as_list else model, "losses": torch.zeros(3)}, path)
    return path


def make_rep(path: Path, hidden: tuple[int, ...] = (128, 128)) -> Path:
    """Write the reproduction's checkpoint."""
    spectrum = {
        **spender_state(),
        "instrument.wave_obs": torch.linspace(3600, 9824, tables.N_WAVELENGTH, dtype=torch.float64),
        **prefixed(head_state(hidden), "mlp.additional_layers."),
    }
    state = {
        "temperature": torch.tensor(2.741),
        **prefixed(resnet_state(), "image_encoder.backbone."),
        **prefixed(spectrum, "spectrum_encoder.spec_encoder."),
    }
    return save_with_modules(path, state)


def save_with_modules(path: Path, state: State) -> Path:
    """Write a checkpoint whose hyperparameters hold a module of a package that is gone, as Lightning does."""
    gone = types.ModuleType("gone_package")
    exec("from torch import nn\nclass OutputExtractor(nn.Module): ...", gone.__dict__)
    sys.modules["gone_package"] = gone
    extractor = gone.OutputExtractor()
    extractor.backbone = nn.Linear(3, 2)
    try:
        torch.save(
            {
                "epoch": 49,
                "pytorch-lightning_version": "2.2.4",
                "state_dict": state,
                "hyper_parameters": {"image_encoder": extractor, "lr": 5e-4, "path": Path("/data")},
                "callbacks": {"ModelCheckpoint": {"best": torch.tensor(5.2)}},
            },
            path,
        )
    finally:
        del sys.modules["gone_package"]
    return path


def resnet_forward(state: State, x: Tensor) -> Tensor:
    """Features of shape (n, 2048) of the original ResNet-50, written out from its weights."""

    def norm(x: Tensor, name: str) -> Tensor:
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts, eps=1e-5)

    x = F.relu(norm(F.conv2d(x, state["conv1.weight"], stride=2, padding=3), "bn1"))
    x = F.max_pool2d(x, 3, 2, 1)
    for layer, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            y = F.relu(norm(F.conv2d(x, state[f"{name}.conv1.weight"]), f"{name}.bn1"))
            y = F.conv2d(y, state[f"{name}.conv2.weight"], stride=stride, padding=1)
            y = F.relu(norm(y, f"{name}.bn2"))
            y = norm(F.conv2d(y, state[f"{name}.conv3.weight"]), f"{name}.bn3")
            if block == 0:
                x = norm(
                    F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1"
                )
            x = F.relu(x + y)
    return x.mean((2, 3))


def projection_forward(state: State, features: Tensor) -> Tensor:
    """The contrastive head `fc`."""
    hidden = F.relu(F.linear(features, state["fc.0.weight"], state["fc.0.bias"]))
    return F.linear(hidden, state["fc.2.weight"], state["fc.2.bias"])


def spender_forward(state: State, flux: Tensor) -> Tensor:
    """Features of shape (n, 256) of spender's encoder, written out from its weights."""
    x = flux[:, None]
    for i, (kernel, pool) in enumerate(((5, 5), (11, 11), (21, None)), start=1):
        x = F.conv1d(x, state[f"conv{i}.0.weight"], state[f"conv{i}.0.bias"], padding=kernel // 2)
        x = (x - x.mean(2, keepdim=True)) / (x.var(2, keepdim=True, unbiased=False) + 1e-5).sqrt()
        x = F.prelu(x, state[f"conv{i}.2.weight"])
        x = F.max_pool1d(x, pool, padding=pool // 2) if pool else x
    weights = torch.softmax(x[:, 256:], dim=2)
    return (x[:, :256] * weights).sum(2)


def head_forward(state: State, features: Tensor, layers: int = 3) -> Tensor:
    """The reproduction's spectrum head without dropout."""
    for i in range(0, 3 * layers, 3):
        features = F.linear(features, state[f"{i}.weight"], state[f"{i}.bias"])
        features = F.prelu(features, state[f"{i + 1}.weight"])
    return features
