"""Heads on few stored views of mock galaxies and on a new view in every step: loss and redshifts."""

import copy
import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import r2_score

from galaxypair import checkpoints, features, io, model, preprocess, quality, tables, train, zeroshot
from galaxypair.mock import library, survey

SEEDS = (1, 2, 3)
VIEWS = (1, 2, 4, 8)
CROP_PX, STORED_PX = 64, 92  # the latter holds the corners of the former, turned by 45 degrees
ENCODERS = {"rows": 1200, "epochs": 8, "batch_size": 64, "learning_rate": 3e-3}  # how they are trained
HEADS = {"rows": 1500, "epochs": 20, "batch_size": 64, "learning_rate": 1e-3, "weight_decay": 1e-2}


def compare(folder: Path, base: Mapping[str, dict], threads: int) -> str:
    """Train heads on frozen small encoders by each way, with several seeds; tell the results.

    Parameters
    ----------
    folder : Path
    base : mapping of str to dict
        Sections of config/rep.yaml over config/config.yaml.
    threads : int
    """
    stellar = folder / "library.h5"
    library.write_library(library.average_grids(library.find_grids(None)), stellar)
    others, galaxies = (
        simulate(folder / name, base, stellar, seed, rows)
        for name, seed, rows in (("others", 1, ENCODERS["rows"]), ("galaxies", 2, HEADS["rows"]))
    )
    weights = train_encoders(folder, others, base, threads)
    checkpoints.ENCODERS["compact"] = lambda path: torch.load(path, weights_only=True)
    settings = model_settings(base, frozen=True)
    found: dict[str, list[tuple[float, ...]]] = {}
    for seed in SEEDS:
        chosen = base["train"] | {k: v for k, v in HEADS.items() if k != "rows"} | {"seed": seed}
        paths = store(folder / f"seed{seed}", galaxies, settings, chosen | {"views": max(VIEWS)}, weights)
        for name, views in [*((f"{n} stored", n) for n in VIEWS), ("every step", None)]:
            cached = first_views(paths, views) if views else None
            made, rows = train.fit(
                galaxies,
                folder / f"seed{seed}-{name}",
                settings,
                chosen,
                threads=threads,
                weights=weights,
                cached=cached,
            )
            scores = (rows["val_loss"].min(), *redshift_scores(made, paths, galaxies))
            found.setdefault(name, []).append(scores)
    lines = [f"{name}: {in_words(np.array(scores))}" for name, scores in found.items()]
    chance = rows["chance_val_loss"][0]
    size = HEADS["batch_size"]
    head = f"mock galaxies, {len(SEEDS)} seeds: validation loss (batches of {size}, chance {chance:.3f}),"
    head += " R2 of z by images, by spectra"
    return "\n".join([head, *lines, agreement(found)])


def in_words(scores: np.ndarray) -> str:
    pairs = zip(scores.mean(0), scores.std(0, ddof=1), strict=True)
    return ", ".join(f"{mean:.3f} +- {sd:.3f}" for mean, sd in pairs)


def agreement(found: Mapping[str, list[tuple[float, ...]]]) -> str:
    """Difference of the losses between most views and the loop, over its error from seed to seed."""
    stored, loop = (np.array(found[name])[:, 0] for name in (f"{VIEWS[-1]} stored", "every step"))
    error = np.sqrt((stored.var(ddof=1) + loop.var(ddof=1)) / len(SEEDS))
    difference = f"{stored.mean() - loop.mean():+.3f} +- {error:.3f}"
    return f"loss of {VIEWS[-1]} stored views less that of every step: {difference}"


def simulate(folder: Path, base: Mapping[str, dict], stellar: Path, seed: int, rows: int) -> dict:
    """Shards of a mock survey, as rules `simulate` and `preprocess` make them."""
    folder.mkdir()
    files = {name: folder / f"{name}.h5" for name in ("joint", "provabgs", "truth")}
    settings = survey.SurveySettings(rows, seed, 0.15, 0.0, 0.0, 0.65)
    survey.write_survey(settings, stellar, **files, processes=1)
    cuts = quality.Cuts(**base["preprocess"] | {"crop_px": STORED_PX, "core_px": CROP_PX})
    _, made = preprocess.build_dataset(files["joint"], folder, cuts, base["split"], {})
    io.write_text(json.dumps(made), folder / "manifest.json")
    return io.read_manifest(folder / "manifest.json")


def model_settings(base: Mapping[str, dict], *, frozen: bool) -> dict:
    settings = copy.deepcopy(base["model"]) | {"embedding_dim": 32, "logit_scale": 15.5}
    for modality in tables.MODALITIES:
        small = {"encoder": "compact", "compact": {"width": 4}, "head_init": "random"}
        settings[modality] |= small | {"frozen": frozen, "head": "mlp" if frozen else "linear"}
    settings["image"]["crop_px"] = CROP_PX
    return settings


def train_encoders(folder: Path, others: dict, base: Mapping[str, dict], threads: int) -> dict[str, Path]:
    """Make encoders that have learned from other galaxies, as published ones have."""
    settings = base["train"] | {k: v for k, v in ENCODERS.items() if k != "rows"}
    settings |= {"optimizer": "adamw", "schedule": "one_cycle"}
    made, _ = train.fit(
        others, folder / "encoders", model_settings(base, frozen=False), settings, threads=threads
    )
    paths = {modality: folder / f"{modality}.pt" for modality in tables.MODALITIES}
    for modality, path in paths.items():
        torch.save(made.encoders[modality].state_dict(), path)
    return paths


def store(
    folder: Path, manifest: dict, settings: dict, chosen: dict, weights: Mapping[str, Path]
) -> dict[str, Path]:
    """Features of all splits, as rule `features` makes them."""
    paths = {split: folder / f"{split}.h5" for split in tables.SPLITS}
    for split, path in paths.items():
        features.build(
            manifest, split, path,
            encoders={m: settings[m] for m in tables.MODALITIES}, settings=chosen, weights=weights,
            device="cpu", code=[],
        )  # fmt: skip
    return paths


def first_views(paths: Mapping[str, Path], n: int) -> dict[str, Path]:
    """Take the first views alone, which are the same however many follow."""
    chosen = {split: paths[split].with_name(f"{split}-{n}.h5") for split in ("train", "val")}
    for split, path in chosen.items():
        stored = io.read_arrays(paths[split])
        io.write_arrays(path, {c: v if c == "targetid" else v[:, :n] for c, v in stored.items()})
    return chosen


@torch.inference_mode()
def redshift_scores(made: model.PairModel, paths: Mapping[str, Path], manifest: dict) -> tuple[float, ...]:
    """R2 of z from the 16 nearest train galaxies of each test galaxy, in either modality."""
    z = redshifts(manifest)
    known, asked = (io.read_arrays(paths[split]) for split in ("train", "test"))
    labels, truth = (np.array([z[t] for t in part["targetid"].tolist()]) for part in (known, asked))
    scores = []
    for modality in tables.MODALITIES:
        vectors = (
            io.unit(made.heads[modality](torch.from_numpy(part[modality][:, 0]).float()).numpy())
            for part in (known, asked)
        )
        references, queries = vectors
        scores.append(r2_score(truth, zeroshot.predict(references, labels[:, None], queries, 16)[:, 0]))
    return tuple(scores)


def redshifts(manifest: dict) -> dict[int, float]:
    blocks = io.iter_shards(manifest, ["targetid", "z"])
    pairs = (zip(b["targetid"].tolist(), b["z"].tolist(), strict=True) for b in blocks)
    return dict(itertools.chain.from_iterable(pairs))
