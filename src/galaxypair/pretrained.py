"""Encoders that a run pretrained, and how another one takes them over."""

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from galaxypair import io
from galaxypair.encoders.base import Encoder
from galaxypair.errors import DataError

SUFFIX = ".safetensors"  # which no published checkpoint has


def read(path: Path, name: str) -> dict[str, Tensor]:
    """Read a pretrained encoder.

    Parameters
    ----------
    path : Path
        `pretrain/{modality}/model.safetensors`, with `config.json` beside it.
    name : str
        The encoder that is wanted, as in `model.image.encoder` or `model.spectrum.encoder`.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    DataError
        If a file is missing or damaged, or it is another encoder.
    """
    found = read_config(path)["encoder"]["encoder"]
    if found != name:
        raise DataError(
            f"`{path}`: holds the encoder {found}, but the config names {name}. Set `encoder: {found}` "
            "beside `pretrained`, or pretrain with the encoder that you want."
        )
    try:
        return load_file(path)
    except (SafetensorError, OSError) as err:
        raise DataError(
            f"`{path}`: cannot be read ({err}). Pretrain again: the command that made it, with "
            "`--forcerun pretrain` added."
        ) from err


def read_config(path: Path) -> dict:
    """Read what a run says about the encoder that it pretrained.

    Parameters
    ----------
    path : Path
        Of the weights.

    Returns
    -------
    dict

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    place = path.with_name("config.json")
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
        found["encoder"]["encoder"], found["run"], found["pretrain"]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise DataError(
            f"`{place}`: cannot be read ({type(err).__name__}: {err}). It belongs to the weights beside it: "
            "copy the whole folder, or pretrain again."
        ) from err
    return found


def check_input(encoder: Encoder, path: Path) -> None:
    """Refuse weights that were trained on something else than the encoder is given.

    Parameters
    ----------
    encoder : Encoder
    path : Path
        Of the weights.

    Raises
    ------
    DataError
        If the crop or the scaling differ.
    """
    part = read_config(path)["encoder"]
    trained_on = {k: v for k, v in part.items() if k != "encoder" and not isinstance(v, dict)}
    trained_on |= part[part["encoder"]]
    for key, value in trained_on.items():
        if getattr(encoder, key, value) != value:
            raise DataError(
                f"`{path}`: was pretrained with `{key}: {value}`, but the config sets "
                f"{getattr(encoder, key)}. Set it likewise, or pretrain again."
            )


def describe(path: Path) -> dict:
    """Tell where a pretrained encoder comes from.

    Parameters
    ----------
    path : Path
        Of the weights.

    Returns
    -------
    dict
        For `config.json` and the card of a model that is built on it.
    """
    config = read_config(path)
    known = {key: config[key] for key in ("run", "source", "objective", "dataset")}
    return known | {"epochs": config["pretrain"]["epochs"], "sha256": io.sha256(path)}
