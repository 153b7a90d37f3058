"""Rows that repeat a galaxy: of the usable ones, the first in the file is kept."""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from galaxypair import io, quality

logger = logging.getLogger(__name__)

BATCH = 64  # rows judged at a time


def find_duplicates(
    joint: Path, groups: Iterable[str], cuts: quality.Cuts, places: dict[int, int]
) -> dict[str, dict[int, str]]:
    """Find the rows that repeat the galaxy of an earlier, usable row.

    Parameters
    ----------
    joint : Path
        Its layout must have been checked.
    groups : iterable of str
        Of the file, in its order.
    cuts : quality.Cuts
    places : dict of int to int
        TARGETID to number of its place, from `places.position_groups`.

    Returns
    -------
    dict of str to dict of int to str
        For each group its rows to be dropped, with the reason.

    Notes
    -----
    Only rows that share their TARGETID or place with another one are read and judged, a few in a
    thousand, so that all others can be worked on in any order.
    """
    seen_targets: set[int] = set()
    seen_places: set[int] = set()
    found: dict[str, dict[int, str]] = {}
    for group, rows in _contested(joint, groups, places).items():
        found[group] = {}
        for start in range(0, len(rows), BATCH):
            block = io.read_joint_rows(joint, group, rows[start : start + BATCH])
            usable = (quality.judge(block, cuts)["reason"] == "").to_numpy()
            for row, target in zip(
                block.index[usable].tolist(), block.targetid[usable].tolist(), strict=True
            ):
                place = places.get(target)
                if target in seen_targets:
                    found[group][row] = "duplicate_targetid"
                elif place is not None and place in seen_places:
                    found[group][row] = "duplicate_position"
                else:
                    seen_targets.add(target)
                    seen_places.add(place)
    return found


def _contested(joint: Path, groups: Iterable[str], places: dict[int, int]) -> dict[str, np.ndarray]:
    """Rows of each group that share a TARGETID or a place with another row of the file."""
    ids = {group: io.read_joint_targetids(joint, group) for group in groups}
    targetid = np.concatenate(list(ids.values()))
    _, which, times = np.unique(targetid, return_inverse=True, return_counts=True)
    contested = times[which] > 1
    place = np.array([places.get(target, -1) for target in targetid.tolist()])
    _, which, times = np.unique(place, return_inverse=True, return_counts=True)
    contested |= (place >= 0) & (times[which] > 1)
    if contested.any():
        logger.info("%s rows share their TARGETID or place with another one", f"{contested.sum():,}")
    parts = np.split(contested, np.cumsum([len(part) for part in ids.values()])[:-1])
    return {group: np.flatnonzero(part) for group, part in zip(ids, parts, strict=True)}
