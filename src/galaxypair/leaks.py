"""Search for one galaxy on both sides of a split: what `preprocess` drops, and what only pixels tell."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky

from galaxypair import io, lookalike_search, lookalikes, tables
from galaxypair.parallel import ordered_map

logger = logging.getLogger(__name__)

SAME_Z = 1e-3  # |dz| / (1 + z) = 300 km/s; two good spectra of one galaxy differ by a tenth of it
SAME_EXPOSURE = 0.5  # of two exposures of one galaxy one in a hundred has a smaller chi2


@dataclass(frozen=True)
class Search:
    """How to search; section `leaks` of the config.

    Attributes
    ----------
    image_neighbours : int
        Most similar images of other splits that are compared pixel by pixel with each image.
    image_max_chi2 : float
        Two images show one galaxy if they differ by less, in units of the noise squared.
    max_pairs : int
        Pairs of each kind that are listed; all are counted.
    """

    image_neighbours: int
    image_max_chi2: float
    max_pairs: int


@dataclass(frozen=True)
class Pairs:
    """Pairs of one kind across splits.

    Attributes
    ----------
    kind : str
        One of `tables.LEAK_KINDS`.
    checked : int
        Kept galaxies that could be checked.
    first, second : ndarray of shape (n_listed,), int64
        Rows of the dataset.
    value : ndarray of shape (n_listed,), float64
        Distance of the two: arcsec for places, chi2 for images, 0 for what is identical.
    count, galaxies : int
        All pairs, and galaxies in them.
    """

    kind: str
    checked: int
    first: np.ndarray
    second: np.ndarray
    value: np.ndarray
    count: int
    galaxies: int


def equal_keys(kind: str, key: np.ndarray, split: np.ndarray, usable: np.ndarray, limit: int) -> Pairs:
    """Find rows of different splits that share a key.

    Parameters
    ----------
    kind : str
    key : ndarray of shape (n,)
    split : ndarray of shape (n,), uint8
    usable : ndarray of shape (n,), bool
        Rows that have such a key.
    limit : int
        Pairs that are listed: a thousand rows of one key would make half a million.

    Returns
    -------
    Pairs
    """
    rows = np.flatnonzero(usable)
    _, group, size = np.unique(key[rows], return_inverse=True, return_counts=True)
    rows, group = rows[size[group] > 1], group[size[group] > 1]
    rows = rows[np.argsort(group, kind="stable")]
    found, count, galaxies = [], 0, 0
    for members in np.split(rows, np.cumsum(size[size > 1])[:-1]) if len(rows) else ():
        n, per_split = len(members), np.bincount(split[members])
        across = (n**2 - (per_split**2).sum()) // 2
        count += int(across)
        galaxies += n if across else 0
        if across and len(found) < limit:
            found += _across(members, split, limit - len(found))
    first, second = np.array(found, np.int64).reshape(-1, 2).T
    return Pairs(kind, int(usable.sum()), first, second, np.zeros(len(first)), count, galaxies)


def _across(members: np.ndarray, split: np.ndarray, limit: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for n, a in enumerate(members):
        others = members[n + 1 :][split[members[n + 1 :]] != split[a]]
        found += [(int(a), int(b)) for b in others[: limit - len(found)]]
        if len(found) == limit:
            break
    return found


def sky_neighbours(place: SkyCoord, split: np.ndarray, radius_arcsec: float) -> tuple[np.ndarray, ...]:
    """Find rows of different splits that lie close together on the sky.

    Parameters
    ----------
    place : SkyCoord of shape (n,)
        NaN where unknown.
    split : ndarray of shape (n,), uint8
    radius_arcsec : float

    Returns
    -------
    first, second : ndarray of shape (n_pairs,), int64
        Rows, `first` below `second`.
    separation : ndarray of shape (n_pairs,), float64 [arcsec]
    """
    known = np.flatnonzero(np.isfinite(place.ra.deg) & np.isfinite(place.dec.deg))
    if len(known) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    i, j, separation, _ = search_around_sky(place[known], place[known], radius_arcsec * u.arcsec)
    first, second = known[i], known[j]
    across = (first < second) & (split[first] != split[second])
    return first[across], second[across], separation[across].to_value(u.arcsec)


def nearest(kind: str, checked: int, pairs: list[np.ndarray], limit: int) -> Pairs:
    """Count pairs and keep the nearest.

    Parameters
    ----------
    kind : str
    checked : int
        See `Pairs`.
    pairs : list of three ndarrays of shape (n_pairs,)
        Rows, rows, distance.
    limit : int

    Returns
    -------
    Pairs
    """
    first, second, value = pairs
    order = np.lexsort((second, first, value))[:limit]
    galaxies = len(np.unique(np.concatenate([first, second])))
    return Pairs(kind, checked, first[order], second[order], value[order], len(first), galaxies)


def contradicted(
    first: np.ndarray, second: np.ndarray, chi2: np.ndarray, z: np.ndarray, place: SkyCoord
) -> np.ndarray:
    """Tell pairs of similar images that cannot show one galaxy.

    Parameters
    ----------
    first, second : ndarray of shape (n_pairs,), int64
        Rows.
    chi2 : ndarray of shape (n_pairs,)
        Below `SAME_EXPOSURE` even the noise agrees: nothing contradicts that.
    z : ndarray of shape (n,), float32
        NaN where unknown.
    place : SkyCoord of shape (n,)
        Likewise.

    Returns
    -------
    ndarray of shape (n_pairs,), bool
        True if both redshifts, or both places, are known and differ.
    """
    with np.errstate(invalid="ignore"):
        other_z = np.abs(z[first] - z[second]) / (1 + z[first]) > SAME_Z
    elsewhere = place[first].separation(place[second]).arcsec > lookalikes.MAX_SHIFT_PX * 2 * (
        tables.PIXEL_SCALE_ARCSEC
    )
    return (chi2 > SAME_EXPOSURE) & (other_z | elsewhere)


def places_of(targetid: np.ndarray, sky: pd.DataFrame) -> SkyCoord:
    """Look up where galaxies are.

    Parameters
    ----------
    targetid : ndarray of shape (n,), int64
    sky : pandas.DataFrame
        targetid, ra, dec [deg], as from `io.read_provabgs`.

    Returns
    -------
    SkyCoord of shape (n,)
        NaN where the catalogue does not know the galaxy.
    """
    known = sky[["targetid", "ra", "dec"]].dropna().drop_duplicates("targetid").set_index("targetid")
    found = known.reindex(targetid)
    return SkyCoord(found["ra"].to_numpy(float), found["dec"].to_numpy(float), unit="deg")


def find_pairs(
    manifest: dict,
    sky: pd.DataFrame,
    search: Search,
    match_radius_arcsec: float,
    *,
    threads: int,
    folder: Path,
) -> tuple[list[Pairs], dict[str, np.ndarray]]:
    """Search the kept galaxies for each kind of leak.

    Parameters
    ----------
    manifest : dict
        From `io.read_manifest`.
    sky : pandas.DataFrame
        targetid, ra, dec [deg], as from `io.read_provabgs`.
    search : Search
    match_radius_arcsec : float
        Galaxies closer than this are one; 0: places are not compared.
    threads : int
        Processes; the result does not depend on it.
    folder : Path
        For a temporary file of 2 kB per galaxy.

    Returns
    -------
    found : list of Pairs
        In the order of `tables.LEAK_KINDS`.
    galaxies : dict of str to ndarray of shape (n,)
        targetid, split, ... of the dataset's rows, which the pairs refer to.
    """
    with io.scratch_folder(folder) as scratch, ordered_map(threads) as run:
        descriptors = scratch / "descriptors.npy"
        galaxies = lookalike_search.describe_dataset(manifest, run, descriptors)
        images = lookalike_search.similar_images(
            manifest, galaxies, descriptors, run,
            neighbours=search.image_neighbours, max_chi2=search.image_max_chi2,
        )  # fmt: skip
    split, limit = galaxies["split"], search.max_pairs
    everyone = np.ones(len(split), bool)
    place = places_of(galaxies["targetid"], sky)
    n_placed = int(np.isfinite(place.ra.deg).sum())
    near = sky_neighbours(place, split, manifest["crop_px"] * tables.PIXEL_SCALE_ARCSEC)
    same = near[2] < match_radius_arcsec
    other = contradicted(*images, galaxies["z"], place)
    if other.any():
        logger.info("%d similar images left out: the places or redshifts are different ones.", other.sum())
    found = [
        equal_keys("same_targetid", galaxies["targetid"], split, everyone, limit),
        nearest("same_position", n_placed if match_radius_arcsec else 0, [v[same] for v in near], limit),
        equal_keys("identical_image", galaxies["image_hash"], split, galaxies["has_image"], limit),
        equal_keys("identical_spectrum", galaxies["spectrum_hash"], split, galaxies["has_spectrum"], limit),
        nearest("similar_image", int(galaxies["has_image"].sum()), [v[~other] for v in images], limit),
        nearest("shared_sky", n_placed, [v[~same] for v in near], limit),
    ]
    return found, galaxies


def summarise(found: list[Pairs], ledger: pd.DataFrame) -> pd.DataFrame:
    """Say for each kind how many pairs there are, and what was done about them.

    Parameters
    ----------
    found : list of Pairs
    ledger : pandas.DataFrame
        `reason`.

    Returns
    -------
    pandas.DataFrame
        Columns of `tables.LEAK_COLUMNS`.
    """
    rows = []
    for pairs in found:
        dropped = int((ledger["reason"] == tables.LEAK_KINDS[pairs.kind]).sum())
        if not pairs.checked:
            outcome = "not_checked"
        elif pairs.kind == "shared_sky":
            outcome = "information"
        elif pairs.count:
            outcome = "left_in"
        else:
            outcome = "dropped" if dropped else "none"
        rows.append(
            (pairs.kind, pairs.checked, dropped, pairs.count, pairs.galaxies, len(pairs.first), outcome)
        )
    return pd.DataFrame(rows, columns=list(tables.LEAK_COLUMNS))


def list_pairs(found: list[Pairs], galaxies: dict[str, np.ndarray]) -> pd.DataFrame:
    """Write the pairs out.

    Parameters
    ----------
    found : list of Pairs
    galaxies : dict of str to ndarray of shape (n,)
        targetid, split.

    Returns
    -------
    pandas.DataFrame
        Columns of `tables.LEAK_PAIR_COLUMNS`; within a kind the closest first.
    """
    name = np.array(tables.SPLITS, object)
    parts = [
        pd.DataFrame(
            {
                "kind": pairs.kind,
                "targetid": galaxies["targetid"][pairs.first],
                "split": name[galaxies["split"][pairs.first]],
                "other_targetid": galaxies["targetid"][pairs.second],
                "other_split": name[galaxies["split"][pairs.second]],
                "distance": pairs.value,
            }
        )
        for pairs in found
    ]
    return pd.concat(parts, ignore_index=True)[list(tables.LEAK_PAIR_COLUMNS)]


def report(table: pd.DataFrame) -> None:
    """Log what was found; warn of what is left.

    Parameters
    ----------
    table : pandas.DataFrame
        From `summarise`.
    """
    for row in table.itertuples():
        listed = f", the {row.listed:,} closest of them listed" if row.listed < row.pairs else ""
        text = "%s: %s pairs across splits of %s galaxies checked, %s dropped by preprocess%s"
        counts = (row.kind, *(f"{n:,}" for n in (row.pairs, row.checked, row.dropped)), listed)
        logger.info(text, *counts)
        if row.outcome == "left_in":
            logger.warning(
                "%s: %s galaxies stand on both sides of a split, so that scores may be too good: see "
                "leaks_pairs.parquet beside this table.",
                row.kind,
                f"{row.galaxies:,}",
            )
