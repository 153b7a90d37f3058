"""Search the images of a dataset for galaxies that are shown twice: streamed, in several processes."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galaxypair import io, lookalikes, tables
from galaxypair.runtime import Progress

_QUERY_ROWS = 64  # images of a job: with their candidates 90 MB
_READ_ROWS = 128
_TYPICAL_ROWS = 1024
_COLUMNS = ("targetid", "split", "z", "image", "spectrum", "has_image", "has_spectrum")


def _describe_shard(path: Path) -> dict[str, np.ndarray]:
    """Descriptor, noise and hashes of every galaxy of a shard."""
    parts = []
    for batch in io.iter_shards({"paths": [path]}, _COLUMNS, batch_rows=_READ_ROWS):
        part = {name: batch[name] for name in _COLUMNS if name not in tables.MODALITIES}
        for modality in tables.MODALITIES:
            rows = np.ascontiguousarray(batch[modality])
            digests = [hashlib.blake2b(row.data, digest_size=8).digest() for row in rows]
            part[f"{modality}_hash"] = np.frombuffer(b"".join(digests), np.uint64)
        part["noise"] = lookalikes.pixel_noise(batch["image"])
        part["descriptor"] = lookalikes.describe(batch["image"], part["noise"])
        part["descriptor"][~batch["has_image"]] = 0
        parts.append(part)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def describe_dataset(manifest: dict, run: Callable, descriptors: Path) -> dict[str, np.ndarray]:
    """Read all shards once; the descriptors go to a file, the rest is small.

    Parameters
    ----------
    manifest : dict
        From `io.read_manifest`.
    run : callable
        From `parallel.ordered_map`.
    descriptors : Path
        Gets an array (n, side, side, 3), float32.

    Returns
    -------
    dict of str to ndarray of shape (n, ...)
        targetid, split, z, has_image, has_spectrum, image_hash, spectrum_hash, noise.
    """
    total, start, parts, file = sum(manifest["splits"].values()), 0, [], None
    progress = Progress(total)
    for part in run(_describe_shard, manifest["paths"]):
        block = part.pop("descriptor")
        if file is None:
            file = np.lib.format.open_memmap(descriptors, "w+", np.float32, (total, *block.shape[1:]))
        file[start : start + len(block)] = block
        start += len(block)
        parts.append(part)
        progress.update(len(block))
    file.flush()
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@dataclass(frozen=True)
class _Job:
    manifest: dict
    descriptors: Path
    noise: np.ndarray  # of all rows
    typical: np.ndarray
    queries: np.ndarray  # rows
    references: np.ndarray
    neighbours: int
    max_chi2: float


def _jobs(
    manifest: dict, galaxies: dict[str, np.ndarray], descriptors: Path, neighbours: int, max_chi2: float
) -> Iterator[_Job]:
    """Each pair of splits once, the later split asking."""
    split, usable, noise = galaxies["split"], galaxies["has_image"], galaxies["noise"]
    typical = np.median(noise[usable][:_TYPICAL_ROWS], axis=0) if usable.any() else noise[:1]
    for code in range(1, len(tables.SPLITS)):
        queries = np.flatnonzero(usable & (split == code))
        references = np.flatnonzero(usable & (split < code))
        for start in range(0, len(queries) if len(references) else 0, _QUERY_ROWS):
            part = queries[start : start + _QUERY_ROWS]
            yield _Job(manifest, descriptors, noise, typical, part, references, neighbours, max_chi2)


def _compare(job: _Job) -> np.ndarray:
    """Pairs that show one galaxy: (n, 3) of lower row, higher row, chi2."""
    every = np.load(job.descriptors, mmap_mode="r", allow_pickle=False)
    row, turn, similarity = lookalikes.most_similar(
        every[job.queries], every, job.neighbours, rows=job.references
    )
    likely = similarity > lookalikes.MIN_SIMILARITY
    needed = np.unique(np.concatenate([job.queries, row[likely]]))
    images = io.read_shard_rows(job.manifest, needed, ["image"])["image"]
    noise = job.noise[needed]
    stretched = lookalikes.stretch(images, noise, job.typical)
    found: dict[tuple[int, int], float] = {}
    for i, query in enumerate(job.queries):
        q, others, turns = np.searchsorted(needed, query), row[i, likely[i]], turn[i, likely[i]]
        for o, which, start in _promising(stretched, q, np.searchsorted(needed, others), turns):
            other = lookalikes.orient_back(images[o][None], which)[0]
            comparison = lookalikes.Comparison(images[q], other, noise[q], noise[o])
            value, blocks = comparison.best(start)
            if blocks >= lookalikes.MIN_BLOCKS and value <= job.max_chi2:
                pair = min(query, needed[o]), max(query, needed[o])
                found[pair] = min(value, found.get(pair, np.inf))
    return np.array([(*pair, value) for pair, value in found.items()], float).reshape(-1, 3)


def _promising(
    stretched: np.ndarray, q: int, others: np.ndarray, turns: np.ndarray
) -> list[tuple[int, int, tuple[int, int]]]:
    """Keep what a coarse comparison with cutout `q` leaves: numbers, orientations of `q`, shifts."""
    if not len(others):
        return []
    turned = [lookalikes.orient_back(stretched[o][None], t)[0] for o, t in zip(others, turns, strict=True)]
    misfit, shift = lookalikes.coarse_misfit(stretched[q], np.stack(turned))
    passed = np.flatnonzero(misfit <= lookalikes.GATE)
    return [(int(others[i]), int(turns[i]), tuple(shift[i].tolist())) for i in passed]


def similar_images(
    manifest: dict,
    galaxies: dict[str, np.ndarray],
    descriptors: Path,
    run: Callable,
    *,
    neighbours: int,
    max_chi2: float,
) -> tuple[np.ndarray, ...]:
    """Find images of different splits that show one galaxy.

    Parameters
    ----------
    manifest : dict
        From `io.read_manifest`.
    galaxies : dict of str to ndarray
        From `describe_dataset`.
    descriptors : Path
        Likewise.
    run : callable
        From `parallel.ordered_map`.
    neighbours : int
        Most similar images of other splits that are compared pixel by pixel with each image.
    max_chi2 : float
        See `lookalikes.Comparison.at`.

    Returns
    -------
    first, second : ndarray of shape (n_pairs,), int64
        Rows, `first` below `second`.
    chi2 : ndarray of shape (n_pairs,), float64
    """
    total = int((galaxies["has_image"] & (galaxies["split"] > 0)).sum())
    progress, found = Progress(total, "images"), [np.zeros((0, 3))]
    for part in run(_compare, _jobs(manifest, galaxies, descriptors, neighbours, max_chi2)):
        found.append(part)
        progress.update(min(_QUERY_ROWS, total - progress.done))  # the last job of a split is a short one
    first, second, chi2 = np.concatenate(found).T
    return first.astype(np.int64), second.astype(np.int64), chi2
