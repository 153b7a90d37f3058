"""Features of frozen encoders: computed once, so that heads train on them in seconds.

View 0 of a galaxy is as it stands in the shard; further views of the train split are augmented, each by
a draw that seed, shard and view alone decide. Each shard makes a part by itself, and parts that are
done outlive an interruption.
"""

import hashlib
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from galaxypair import arithmetic, checkpoints, io, loaders, views
from galaxypair.encoders import registry
from galaxypair.encoders.base import Encoder
from galaxypair.errors import ConfigError, DataError
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)

BLOCK_ROWS = 256  # galaxies read and encoded together, also the unit of the random draws
PARTS = ".finished-{}"  # folder beside the features of a split: what an interrupted run has done


def build(
    manifest: dict,
    split: str,
    path: Path,
    *,
    encoders: dict[str, dict],
    settings: dict,
    weights: dict[str, Path],
    device: str,
    code: list[Path],
) -> None:
    """Run frozen encoders over a split, shard by shard.

    Parameters
    ----------
    manifest : dict
        From `io.read_manifest`.
    split : {"train", "val"}
        Views are for train alone.
    path : Path
        `features/{split}.h5`.
    encoders : dict of {"image", "spectrum"} to dict
        Of the frozen ones, the section `model.image` or `model.spectrum` of the config.
    settings : dict
        Section `train` of the config, or what of it shapes views and their storage.
    weights : dict of {"image", "spectrum"} to Path
        Published weights of those encoders that do not bring them along.
    device : {"cpu", "cuda"}
    code : list of Path
        Modules whose change makes the parts of an interrupted run void.

    Raises
    ------
    ConfigError
        If a feature is too large for float16.
    DataError
        If the weights are not those of the encoder, or the split is empty.
    """
    made = _load(encoders, weights, device)
    n_views = {m: _n_views(m, split, settings) for m in made}
    dataset = loaders.ShardDataset(manifest, split, (*made, "z", "targetid"))
    key = _key(manifest, encoders, settings, weights, code)
    folder = path.parent / PARTS.format(split)
    parts = {number: folder / f"{key}-{number:05d}.h5" for number in np.unique(dataset.shards).tolist()}
    for old in set(folder.glob("*.h5")) - set(parts.values()):
        old.unlink()
    if not len(dataset):
        raise DataError(
            f"The {split} split has no galaxy with both modalities to make features of. Take more galaxies, "
            "or raise `split.val_fraction`."
        )
    progress = Progress(len(dataset))
    for number, part in parts.items():
        rows = np.flatnonzero(dataset.shards == number)
        if part.exists():
            progress.update(len(rows))
            continue
        blocks = []
        for start in range(0, len(rows), BLOCK_ROWS):
            read = dataset.__getitems__(rows[start : start + BLOCK_ROWS])
            batch = {column: values.to(device) for column, values in read.items()}
            with arithmetic.fast_float32(device):
                blocks.append(_encode(made, n_views, batch, settings, [number, start]))
            progress.update(len(batch["row"]))
        io.write_arrays(part, {c: np.concatenate([b[c] for b in blocks]) for c in blocks[0]})
    _join(list(parts.values()), path, len(dataset))
    shutil.rmtree(folder)
    logger.info("features of %s galaxies of split %s, views: %s", f"{len(dataset):,}", split, n_views)


def read(path: Path, manifest: dict, split: str) -> dict[str, Tensor]:
    """Read all features of a split into memory.

    Parameters
    ----------
    path : Path
        From `build`.
    manifest : dict
        From `io.read_manifest`.
    split : {"train", "val"}

    Returns
    -------
    dict of modality to Tensor of shape (n_galaxies, n_views, n_features)
        In the order of `loaders.ShardDataset`, as they are stored.

    Raises
    ------
    DataError
        If they are of other galaxies.
    """
    found = io.read_arrays(path)
    dataset = loaders.ShardDataset(manifest, split, ["targetid"])
    wanted = dataset.__getitems__(np.arange(len(dataset)))["targetid"].numpy()
    if not np.array_equal(found.pop("targetid", None), wanted):
        raise DataError(
            f"`{path}`: holds the features of other galaxies than the {split} split of the dataset. Make "
            "them again: your command with `--forcerun features` added."
        )
    return {modality: torch.from_numpy(values) for modality, values in found.items()}


def _load(encoders: dict[str, dict], weights: dict[str, Path], device: str) -> dict[str, Encoder]:
    made = {}
    for modality, part in encoders.items():
        if modality in weights:
            encoder = registry.build_empty(modality, part)
            checkpoints.load_encoder(encoder, part["encoder"], weights[modality])
        else:
            encoder = registry.build_encoder(modality, part)
        made[modality] = encoder.eval().to(device)
    return made


def _n_views(modality: str, split: str, settings: dict) -> int:
    """Count the views of a galaxy; those of a modality without augmentations would all be the same."""
    n = settings["views"] if split == "train" else 1
    return n if n > 1 and views.is_augmented(modality, settings) else 1


@torch.inference_mode()
def _encode(
    made: dict[str, Encoder],
    n_views: dict[str, int],
    batch: dict[str, Tensor],
    settings: dict,
    place: list[int],
) -> dict[str, np.ndarray]:
    """Features of some galaxies of one shard; `place` is its number and that of the first galaxy."""
    out = {"targetid": batch["targetid"].cpu().numpy()}
    for modality, encoder in made.items():
        raw, z, seen = batch[modality], batch["z"], []
        crop_px = encoder.crop_px if modality == "image" else 0
        for view in range(n_views[modality]):
            shown = raw
            if view:  # without augmented ones the settings have no seed
                seed = np.random.SeedSequence([settings["seed"], *place, view]).generate_state(1, np.uint32)
                generator = torch.Generator().manual_seed(int(seed[0]))
                shown = views.augment(modality, raw, settings, crop_px, generator)
            seen.append(encoder(shown, z).float().cpu().numpy())
        out[modality] = _stored(np.stack(seen, 1), settings["feature_dtype"], modality)
    return out


def _stored(values: np.ndarray, dtype: str, modality: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        stored = values.astype(dtype)
    if not np.isfinite(stored).all():
        raise ConfigError(
            f"A feature of the {modality} encoder is {np.abs(values).max():.3g}, which {dtype} cannot hold. "
            "Set `train.feature_dtype` to float32."
        )
    return stored


def _join(parts: list[Path], path: Path, n: int) -> None:
    """Put the parts together, one at a time in memory."""
    start = 0
    with io.new_hdf5(path) as file:
        for part in parts:
            columns = io.read_arrays(part)
            stop = start + len(columns["targetid"])
            for name, values in columns.items():
                if name not in file:
                    file.create_dataset(name, (n, *values.shape[1:]), values.dtype)
                file[name][start:stop] = values
            start = stop


def _key(
    manifest: dict, encoders: dict[str, dict], settings: dict, weights: dict[str, Path], code: list[Path]
) -> str:
    digest = hashlib.blake2b(digest_size=8)
    shaping = [manifest.get("fingerprint"), encoders, settings]
    digest.update(json.dumps(shaping, sort_keys=True).encode())
    for path in [*weights.values(), *code]:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()
