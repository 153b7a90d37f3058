"""From a joint file to shards: cuts, splits, and a ledger of what became of every galaxy."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from galaxypair import io, splits, tables
from galaxypair.errors import DataError
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)

NEGATIVE_SIGMA = -10.0  # a mean flux this far below zero is a fault of the file, not noise
LARGEST = 1e12  # values above it are no flux, and overflow in the encoders
TARGET_PX = 12  # 3 arcsec around the target


@dataclass(frozen=True)
class Cuts:
    """What a galaxy must be like to be kept; section `preprocess` of the config.

    Attributes
    ----------
    shard_rows : int
        Galaxies per shard.
    crop_px, core_px : int
        Side of the square that shards keep, and of the one in which bad pixels are counted.
    max_bad_pixel_fraction, max_bad_wavelength_fraction : float
        Largest share without data (exactly 0).
    z_min, z_max : float
    require_z : bool
        Whether galaxies without a redshift are cut.
    require_modalities : {"both", "either"}
    match_radius_arcsec : float
        Targets closer than this are one galaxy; 0: no such check.
    """

    shard_rows: int
    crop_px: int
    core_px: int
    max_bad_pixel_fraction: float
    max_bad_wavelength_fraction: float
    z_min: float
    z_max: float
    require_z: bool
    require_modalities: str
    match_radius_arcsec: float


def central(images: np.ndarray, side_px: int) -> np.ndarray:
    """Cut the central square out of cutouts as they lie on disk.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, 3)
    side_px : int

    Returns
    -------
    ndarray of shape (n, side_px, side_px, 3)
        A view.
    """
    top, left = ((size - side_px) // 2 for size in images.shape[1:3])
    return images[:, top : top + side_px, left : left + side_px]


def significance(values: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Mean of each row in units of its error; the noise is taken from differences of neighbours.

    Parameters
    ----------
    values : ndarray of shape (n, length), float32
    data : ndarray of shape (n, length), bool
        Where there are data.

    Returns
    -------
    ndarray of shape (n,), float32
        0 where there are no data. Structure raises the noise, so that it is on the safe side.
    """
    n = data.sum(1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        noise = np.sqrt(np.mean(np.diff(values, axis=1) ** 2, axis=1) / 2)
        return np.nan_to_num((values * data).sum(1) / np.sqrt(n) / noise, posinf=0, neginf=0)


def image_reasons(images: np.ndarray, cuts: Cuts) -> np.ndarray:
    """Say what is wrong with each cutout.

    Parameters
    ----------
    images : ndarray of shape (n, 152, 152, 3), float32 [nanomaggies / pixel]
    cuts : Cuts

    Returns
    -------
    ndarray of shape (n,), str
        "" where nothing is, else one of `tables.REASONS`.
    """
    core = central(images, cuts.core_px)
    finite = np.isfinite(images).reshape(len(images), -1)
    sane = (np.abs(images) < LARGEST).reshape(len(images), -1).all(1)
    bad = (core == 0).any(3).mean((1, 2))  # a pixel is bad if some band has no data
    # the target itself, by band: the sky around it may well be a little below zero
    target = np.moveaxis(central(images, TARGET_PX), 3, 1).reshape(len(images) * 3, -1)
    negative = (significance(target, target != 0).reshape(-1, 3) < NEGATIVE_SIGMA).all(1)
    return np.select(
        [~finite.any(1), ~sane, bad > cuts.max_bad_pixel_fraction, negative],
        ["image_absent", "image_not_finite", "image_bad_pixels", "image_negative"],
        "",
    )


def spectrum_reasons(spectra: np.ndarray, cuts: Cuts) -> np.ndarray:
    """Say what is wrong with each spectrum.

    Parameters
    ----------
    spectra : ndarray of shape (n, 7781), float32 [1e-17 erg / s / cm2 / Angstrom]
    cuts : Cuts

    Returns
    -------
    ndarray of shape (n,), str
        "" where nothing is, else one of `tables.REASONS`.
    """
    finite = np.isfinite(spectra)
    sane = (np.abs(spectra) < LARGEST).all(1)
    bad = (spectra == 0).mean(1)
    negative = significance(spectra, spectra != 0) < NEGATIVE_SIGMA
    return np.select(
        [~finite.any(1), ~sane, bad == 1, bad > cuts.max_bad_wavelength_fraction, negative],
        [
            "spectrum_absent",
            "spectrum_not_finite",
            "spectrum_all_zero",
            "spectrum_bad_pixels",
            "spectrum_negative",
        ],
        "",
    )


def redshift_reasons(z: np.ndarray, cuts: Cuts) -> np.ndarray:
    """Say what is wrong with each redshift.

    Parameters
    ----------
    z : ndarray of shape (n,), float32
    cuts : Cuts

    Returns
    -------
    ndarray of shape (n,), str
        "" where nothing is, else one of `tables.REASONS`.
    """
    missing = ~np.isfinite(z)
    outside = ~missing & ~((z >= cuts.z_min) & (z <= cuts.z_max))
    return np.select([missing & cuts.require_z, outside], ["z_missing", "z_out_of_range"], "")


def judge(block: io.JointBlock, cuts: Cuts) -> pd.DataFrame:
    """Judge each galaxy of a block by itself (duplicates are another matter).

    Parameters
    ----------
    block : io.JointBlock
    cuts : Cuts

    Returns
    -------
    pandas.DataFrame
        Columns reason, detail, has_image, has_spectrum. With ``require_modalities="either"`` a bad
        image (or spectrum) is left out and named in `detail`, and the galaxy kept by the other.
    """
    image, spectrum = image_reasons(block.images, cuts), spectrum_reasons(block.spectra, cuts)
    z = redshift_reasons(block.z, cuts)
    image_good, spectrum_good = image == "", spectrum == ""
    either = cuts.require_modalities == "either"
    enough = (image_good | spectrum_good) if either else (image_good & spectrum_good)
    # a missing modality says less than a bad one
    worst = np.where(image_good | ((image == "image_absent") & ~spectrum_good), spectrum, image)
    reason = np.where(~enough, worst, z)
    left_out = np.where(image_good, spectrum, image)
    detail = np.where(enough & (left_out != ""), np.char.add("left out: ", left_out), "")
    return pd.DataFrame(
        {"reason": reason, "detail": detail, "has_image": image_good, "has_spectrum": spectrum_good}
    )


class _Duplicates:
    """Remember which targets and places were kept; the first good row of a galaxy wins."""

    def __init__(self, places: dict[int, int]) -> None:
        self._places, self._seen_targets, self._seen_places = places, set(), set()

    def mark(self, frame: pd.DataFrame, targetid: np.ndarray) -> None:
        for i in np.flatnonzero(frame["reason"] == ""):
            target = int(targetid[i])
            place = self._places.get(target)
            if target in self._seen_targets:
                frame.loc[i, "reason"] = "duplicate_targetid"
            elif place is not None and place in self._seen_places:
                frame.loc[i, "reason"] = "duplicate_position"
            else:
                self._seen_targets.add(target)
                self._seen_places.add(place)


class _ShardWriter:
    """Collect kept galaxies in one shard's memory, and write it each time it is full."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._folder, self._rows = folder, rows
        self._buffer: dict[str, np.ndarray] = {}
        self._filled = 0
        self._hash = hashlib.blake2b(digest_size=16)
        self.shards: list[dict] = []

    @property
    def fingerprint(self) -> str:
        """Hash of all that was written."""
        return self._hash.hexdigest()

    def add(self, columns: dict[str, np.ndarray]) -> None:
        if not self._buffer:
            self._buffer = {k: np.empty((self._rows, *v.shape[1:]), v.dtype) for k, v in columns.items()}
        done, n = 0, len(columns["targetid"])
        while done < n:
            take = min(n - done, self._rows - self._filled)
            for name, values in columns.items():
                self._buffer[name][self._filled : self._filled + take] = values[done : done + take]
            done += take
            self._filled += take
            if self._filled == self._rows:
                self.close()

    def close(self) -> None:
        """Write what is collected, if anything."""
        if not self._filled:
            return
        name = tables.SHARD_NAME.format(len(self.shards))
        shard = {k: v[: self._filled] for k, v in self._buffer.items()}
        io.write_arrays(self._folder / name, shard)
        for values in shard.values():
            self._hash.update(values.data)
        self.shards.append({"name": name, "rows": self._filled})
        self._filled = 0


def build_dataset(
    joint: Path, folder: Path, cuts: Cuts, split: dict[str, float], places: dict[int, int]
) -> tuple[pd.DataFrame, dict]:
    """Stream a joint file into shards.

    Parameters
    ----------
    joint : Path
    folder : Path
        Gets `shard-*.h5`; older shards in it are removed first.
    cuts : Cuts
    split : dict
        Section `split` of the config.
    places : dict of int to int
        From `splits.position_groups`.

    Returns
    -------
    ledger : pandas.DataFrame
        Columns of `tables.LEDGER_COLUMNS`, one row per input galaxy.
    manifest : dict

    Raises
    ------
    DataError
        If no galaxy is left, or the file is not a joint file.
    """
    counts = io.check_joint(joint)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("shard-*.h5"):
        old.unlink()
    writer, duplicates, progress = (
        _ShardWriter(folder, cuts.shard_rows),
        _Duplicates(places),
        Progress(sum(counts.values())),
    )
    frames, kept_before = [], 0
    for block in io.iter_joint(joint):
        frame = judge(block, cuts)
        duplicates.mark(frame, block.targetid)
        index = block.start + np.arange(len(frame))
        code = splits.assign(index, counts[block.group], block.targetid, brought=block.split, **split)
        keep = (frame["reason"] == "").to_numpy()
        writer.add(_shard_columns(block, frame, code, keep, cuts.crop_px))
        number = (kept_before + np.cumsum(keep) - 1) // cuts.shard_rows
        kept_before += int(keep.sum())
        frames.append(
            frame.assign(
                group=block.group,
                index=index,
                targetid=block.targetid,
                z=block.z,
                kept=keep,
                split=np.where(keep, np.array(tables.SPLITS)[code], ""),
                shard=np.where(keep, number, -1),
            )
        )
        progress.update(len(frame))
    writer.close()
    ledger = finish_ledger(frames)
    if not ledger["kept"].any():
        raise DataError(
            f"`{joint}`: none of {len(ledger)} galaxies passed the cuts ({balance(ledger)}). "
            "Loosen the cuts in the section `preprocess` of the config."
        )
    rows = ledger.loc[ledger["kept"], "split"].value_counts()
    manifest = {
        "crop_px": cuts.crop_px,
        "shards": writer.shards,
        "splits": {s: int(rows.get(s, 0)) for s in tables.SPLITS},
        "fingerprint": writer.fingerprint,
    }
    return ledger, manifest


def _shard_columns(
    block: io.JointBlock, frame: pd.DataFrame, code: np.ndarray, keep: np.ndarray, crop_px: int
) -> dict[str, np.ndarray]:
    has_image, has_spectrum = (frame[f"has_{m}"].to_numpy()[keep] for m in tables.MODALITIES)
    image, spectrum = central(block.images, crop_px)[keep], block.spectra[keep]
    image[~has_image], spectrum[~has_spectrum] = 0, 0
    return {
        "image": image,
        "spectrum": spectrum,
        "z": block.z[keep],
        "targetid": block.targetid[keep],
        "split": code[keep],
        "has_image": has_image,
        "has_spectrum": has_spectrum,
    }


def rejected_rows(catalogue: pd.DataFrame) -> pd.DataFrame:
    """Turn the galaxies that never reached the joint file into ledger rows.

    Parameters
    ----------
    catalogue : pandas.DataFrame
        From `ingest`: targetid, z, kept, reason, detail.

    Returns
    -------
    pandas.DataFrame
    """
    rejected = catalogue.loc[~catalogue["kept"], ["targetid", "z", "kept", "reason", "detail"]]
    return rejected.assign(group="", index=-1, split="", shard=-1, has_image=False, has_spectrum=False)


def finish_ledger(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join parts of a ledger and number the rows.

    Parameters
    ----------
    frames : iterable of pandas.DataFrame
        At least one; the columns of `tables.LEDGER_COLUMNS`, `row` aside.

    Returns
    -------
    pandas.DataFrame
        Columns and dtypes of `tables.LEDGER_COLUMNS`.
    """
    columns = {name: kind for name, kind in tables.LEDGER_COLUMNS.items() if name != "row"}
    ledger = pd.concat([f[list(columns)].astype(columns) for f in frames], ignore_index=True)
    ledger.insert(0, "row", np.arange(len(ledger), dtype=tables.LEDGER_COLUMNS["row"]))
    return ledger


def balance(ledger: pd.DataFrame) -> str:
    """Say in one line where the galaxies went.

    Parameters
    ----------
    ledger : pandas.DataFrame

    Returns
    -------
    str
    """
    lost = ledger.loc[~ledger["kept"], "reason"].value_counts()
    listed = ", ".join(f"{n:,} {reason}" for reason, n in lost.items())
    kept = int(ledger["kept"].sum())
    return f"{len(ledger):,} in = {kept:,} kept + {len(ledger) - kept:,} in ledger" + (
        f": {listed}" if listed else ""
    )
