"""The whole mock survey: plan its rows, render them block by block, write the three files.

Every galaxy is one set of physical parameters from which all data follow: stellar populations and
lines give the spectrum and the fluxes; the fluxes scale the image; the image tells what enters the
fibre; the fibre's light becomes the observed spectrum.

Each block of rows has a random stream of its own, so the files are identical for any number of
processes. Only the table of parameters (250 bytes per galaxy) grows with the survey. Rows that observe
a galaxy again are rendered like all others, so that the streams do not depend on which they are, and
afterwards written over with the first row's cutout and a new spectrum of the same light.
"""

import functools
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from galaxypair import io, runtime, tables
from galaxypair.mock import catalogue, images, junk, repeats, spectra
from galaxypair.mock.galaxies import BRIGHT, GALAXY_DTYPE, MAIN, SAMPLES, Sample, draw_galaxies
from galaxypair.mock.library import StellarLibrary, shared_library
from galaxypair.mock.random_streams import random_stream
from galaxypair.parallel import ordered_map

logger = logging.getLogger(__name__)

ROW_DTYPE = np.dtype(
    [
        ("targetid", "i8"),
        ("group", "i2"),  # of the joint file
        ("index", "i8"),  # row in the group
        ("ra", "f8"),  # deg
        ("dec", "f8"),  # deg
        ("z_observed", "f4"),  # the file's redshift: with error, or failed
        ("junk", "i1"),  # position in junk.KINDS
        ("repeats", "i8"),  # TARGETID of the row that this one observes again, -1 if none
        ("in_provabgs", "?"),
        ("fibre_fraction", "f4", (3,)),  # in g, r, z, relative to a star
        *GALAXY_DTYPE.descr,
    ]
)

BLOCK_ROWS = 32
_CANDIDATES = 2048
_CATALOGUE_ROWS = 1024
_Z_ERROR = 3e-5
_FAINTEST_BGS = 20.175  # r magnitude
_TWIN_ARCSEC = tables.PIXEL_SCALE_ARCSEC
_FIRST_TARGETID = 39627000000000000


@dataclass(frozen=True)
class SurveySettings:
    """What the config key `simulate` says.

    Attributes
    ----------
    n_galaxies : int
        Rows of the joint file.
    seed : int
    bright_fraction : float
        Share of galaxies from the bright nearby sample.
    junk_fraction : float
        Share of spoiled rows.
    duplicate_fraction : float
        Share of rows that observe a galaxy again: two of three under the same TARGETID, the third
        under another one at the same place.
    provabgs_fraction : float
        Share of BGS-like galaxies that are in the mock PROVABGS.
    """

    n_galaxies: int
    seed: int
    bright_fraction: float
    junk_fraction: float
    duplicate_fraction: float
    provabgs_fraction: float


# --- jobs: what worker processes run --------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def _bank(seed: int) -> images.Bank:
    return images.make_bank(random_stream(seed, "bank"))


@dataclass(frozen=True)
class _DrawJob:
    library: Path
    seed: int
    sample: str
    block: int


def _draw_block(job: _DrawJob) -> np.ndarray:
    rng = random_stream(job.seed, "population", list(SAMPLES).index(job.sample), job.block)
    return draw_galaxies(SAMPLES[job.sample], _CANDIDATES, shared_library(job.library), rng)


@dataclass(frozen=True)
class _RenderJob:
    library: Path
    seed: int
    block: int
    rows: np.ndarray


@dataclass(frozen=True)
class RenderedBlock:
    """Data of consecutive rows of one group; arrays as in `tables.JOINT_DATASETS`."""

    images: np.ndarray
    spectra: np.ndarray
    fibre_fraction: np.ndarray


def _render_block(job: _RenderJob) -> RenderedBlock:
    rng = random_stream(job.seed, "render", job.block)
    return render_rows(job.rows, shared_library(job.library), _bank(job.seed), rng)


def render_rows(
    rows: np.ndarray, library: StellarLibrary, bank: images.Bank, rng: np.random.Generator
) -> RenderedBlock:
    """Render images and spectra of some rows, spoiled ones included.

    Parameters
    ----------
    rows : structured ndarray of shape (n,), `ROW_DTYPE`
    library : StellarLibrary
    bank : images.Bank
    rng : numpy.random.Generator

    Returns
    -------
    RenderedBlock
    """
    pixels = np.empty((len(rows), *tables.JOINT_DATASETS["images"][0]), np.float32)
    fibre_fraction = np.empty((len(rows), 3), np.float32)
    for i, row in enumerate(rows):
        pixels[i], fibre_fraction[i] = images.render(row, bank, rng)
        junk.spoil_image(pixels[i], row["junk"], rng)
    observed = _observe(rows, fibre_fraction, library, rng)
    return RenderedBlock(pixels, observed, fibre_fraction)


@dataclass(frozen=True)
class _RepeatJob:
    library: Path
    seed: int
    block: int
    rows: np.ndarray  # fibre_fraction as the first observation found it


def _observe_again(job: _RepeatJob) -> np.ndarray:
    rng = random_stream(job.seed, "repeats", job.block)
    return _observe(job.rows, job.rows["fibre_fraction"], shared_library(job.library), rng)


def _observe(
    rows: np.ndarray, fibre_fraction: np.ndarray, library: StellarLibrary, rng: np.random.Generator
) -> np.ndarray:
    """Spectra of some rows, spoiled ones included: (n, 7781, 1)."""
    flux = spectra.fibre_spectra(rows, fibre_fraction, library)
    flux[rows["junk"] == junk.FAILED_REDSHIFT] *= 0.03  # the fibre missed the galaxy
    observed = spectra.observe(flux, rows, rng)
    observed[rows["junk"] == junk.DEAD_SPECTRUM] = 0
    return observed[..., None]


# --- plan -----------------------------------------------------------------------------------------


def draw_population(settings: SurveySettings, n: int, library: Path, run: Callable) -> np.ndarray:
    """Draw galaxies of both samples.

    Parameters
    ----------
    settings : SurveySettings
    n : int
    library : Path
        Of the stellar library; worker processes read it themselves.
    run : callable
        From `parallel.ordered_map`.

    Returns
    -------
    structured ndarray of shape (n,), `GALAXY_DTYPE`
    """
    n_bright = round(settings.bright_fraction * n)
    galaxies = np.empty(n, GALAXY_DTYPE)
    for sample, rows in ((BRIGHT, slice(0, n_bright)), (MAIN, slice(n_bright, n))):
        _fill(galaxies[rows], sample, settings.seed, library, run)
    return galaxies


def _fill(galaxies: np.ndarray, sample: Sample, seed: int, library: Path, run: Callable) -> None:
    jobs = (_DrawJob(library, seed, sample.name, block) for block in itertools.count())
    filled = 0
    for drawn in run(_draw_block, jobs) if len(galaxies) else ():
        part = drawn[: len(galaxies) - filled]
        galaxies[filled : filled + len(part)] = part
        filled += len(part)
        if filled == len(galaxies):
            return


def plan_rows(settings: SurveySettings, galaxies: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lay out the joint file: identifiers, places, repeats, spoiled rows, groups by brightness.

    Parameters
    ----------
    settings : SurveySettings
    galaxies : structured ndarray of shape (n,), `GALAXY_DTYPE`
        Fewer than `settings.n_galaxies` by the repeats.
    rng : numpy.random.Generator

    Returns
    -------
    structured ndarray of shape (n_galaxies,), `ROW_DTYPE`
        In the order of the file.
    """
    rows = np.zeros(settings.n_galaxies, ROW_DTYPE)
    n, again = len(galaxies), rows[len(galaxies) :]
    for name in GALAXY_DTYPE.names:
        rows[name][:n] = galaxies[name]
    rows["targetid"] = _FIRST_TARGETID + rng.choice(10**9, len(rows), replace=False)
    rows["ra"] = rng.uniform(150, 260, len(rows))
    rows["dec"] = np.degrees(np.arcsin(rng.uniform(*np.sin(np.radians([-5, 40])), len(rows))))
    rows["junk"][:n] = junk.draw_kinds(n, settings.junk_fraction, rng)
    rows["repeats"] = -1
    bgs = (rows["flux"][:, 1] > 10 ** (0.4 * (22.5 - _FAINTEST_BGS))) & (rows["z"] < 0.6)
    fitted = bgs & np.isin(rows["junk"], (0, junk.MISSING_BAND, junk.SATURATED_STAR))
    rows["in_provabgs"] = fitted & (rng.random(len(rows)) < settings.provabgs_fraction)
    _plan_repeats(rows[:n], again, rng)
    rows["z_observed"] = rows["z"] + _Z_ERROR * (1 + rows["z"]) * rng.standard_normal(len(rows))
    failed = np.flatnonzero(rows["junk"] == junk.FAILED_REDSHIFT)
    rows["z_observed"][failed] = junk.failed_redshifts(len(failed), rng)
    return _order(rows, rng)


def _plan_repeats(first: np.ndarray, again: np.ndarray, rng: np.random.Generator) -> None:
    """Fill the rows that observe galaxies again."""
    n_twin = -(-len(again) // 3) if len(again) > 1 else 0
    # twins are there to be found by position, which only PROVABGS knows
    located = np.flatnonzero(first["in_provabgs"] & (first["junk"] == 0))
    n_twin = min(n_twin, len(located))
    twin_of = rng.choice(located, n_twin, replace=False)
    others = np.setdiff1d(np.flatnonzero(first["junk"] == 0), twin_of)
    chosen = np.r_[twin_of, rng.choice(others, len(again) - n_twin)]
    identifiers = again["targetid"].copy()
    again[:] = first[chosen]
    again["repeats"] = first["targetid"][chosen]
    again["targetid"][:n_twin] = identifiers[:n_twin]
    again["in_provabgs"][n_twin:] = False  # the catalogue has one row per TARGETID
    angle = rng.uniform(0, 2 * np.pi, n_twin)
    offset = rng.uniform(0.02, _TWIN_ARCSEC, n_twin) / 3600
    cos_dec = np.cos(np.radians(again["dec"][:n_twin]))
    again["ra"][:n_twin] += offset * np.cos(angle) / cos_dec
    again["dec"][:n_twin] += offset * np.sin(angle)


def _order(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ten groups by falling z-band flux, in random order inside."""
    by_flux = np.argsort(-rows["flux"][:, 2], kind="stable")
    groups = [rng.permutation(part) for part in np.array_split(by_flux, len(tables.JOINT_GROUPS))]
    ordered = rows[np.concatenate(groups)]
    ordered["group"] = np.repeat(np.arange(len(groups)), [len(part) for part in groups])
    ordered["index"] = np.concatenate([np.arange(len(part)) for part in groups])
    return ordered


# --- write ----------------------------------------------------------------------------------------


def write_survey(
    settings: SurveySettings, library: Path, *, joint: Path, provabgs: Path, truth: Path, processes: int
) -> None:
    """Simulate a survey and write its three files.

    Parameters
    ----------
    settings : SurveySettings
    library : Path
        Of the stellar library.
    joint : Path
        Images and spectra, in the layout of the published joint file.
    provabgs : Path
        Catalogue in the layout of PROVABGS.
    truth : Path
        Table `truth` with the columns of `ROW_DTYPE`, one row per row of the joint file.
    processes : int
        The files do not depend on it.
    """
    start = time.monotonic()
    n_repeats = round(settings.duplicate_fraction * settings.n_galaxies)
    with ordered_map(processes) as run:
        galaxies = draw_population(settings, settings.n_galaxies - n_repeats, library, run)
        rows = plan_rows(settings, galaxies, random_stream(settings.seed, "plan"))
        del galaxies
        _write_joint(joint, rows, settings.seed, library, run)
    located = rows[rows["in_provabgs"]]
    io.write_provabgs_blocks(provabgs, _catalogue_blocks(located, settings.seed), len(located))
    io.write_arrays(truth, {"truth": rows})
    seconds = time.monotonic() - start
    logger.info(
        "%s rows = %s galaxies + %s repeats; %s spoiled; %s in PROVABGS; %.1f ms per row",
        *(f"{n:,}" for n in (len(rows), len(rows) - n_repeats, n_repeats)),
        *(f"{n:,}" for n in (np.count_nonzero(rows["junk"]), len(located))),
        1e3 * seconds / len(rows),
    )


def _write_joint(path: Path, rows: np.ndarray, seed: int, library: Path, run: Callable) -> None:
    """Render all rows into the joint file; their fibre fractions are filled in on the way."""
    progress = runtime.Progress(len(rows))
    with io.new_hdf5(path) as file:
        for group in tables.JOINT_GROUPS:
            io.create_joint_group(file, group, np.count_nonzero(rows["group"] == int(group)))
        blocks = list(_blocks(rows))
        jobs = (_RenderJob(library, seed, i, rows[block]) for i, block in enumerate(blocks))
        for block, done in zip(blocks, run(_render_block, jobs), strict=True):
            rows["fibre_fraction"][block] = done.fibre_fraction
            here = rows[block]
            node = file[str(here["group"][0])]
            at = slice(here["index"][0], here["index"][-1] + 1)
            node["images"][at], node["spectra"][at] = done.images, done.spectra
            node["redshifts"][at], node["targetids"][at] = here["z_observed"], here["targetid"]
            progress.update(len(here))
        _write_repeats(file, rows, seed, library, run)


def _write_repeats(file: h5py.File, rows: np.ndarray, seed: int, library: Path, run: Callable) -> None:
    """Write rows that observe a galaxy again; they get the first observation's fibre fraction."""
    again, first = repeats.first_rows(rows)
    rows["fibre_fraction"][again] = rows["fibre_fraction"][first]
    progress = runtime.Progress(len(again), "repeats")
    blocks = [slice(start, start + BLOCK_ROWS) for start in range(0, len(again), BLOCK_ROWS)]
    jobs = (_RepeatJob(library, seed, i, rows[again[block]]) for i, block in enumerate(blocks))
    for block, spectrum in zip(blocks, run(_observe_again, jobs), strict=True):
        pairs = zip(rows[again[block]], rows[first[block]], spectrum, strict=True)
        for row, origin, observed in pairs:
            node = file[str(row["group"])]
            image = file[str(origin["group"])]["images"][origin["index"]]
            node["images"][row["index"]] = repeats.cut_again(image, repeats.offset_px(row, origin))
            node["spectra"][row["index"]] = observed
        progress.update(len(spectrum))


def _blocks(rows: np.ndarray) -> Iterator[slice]:
    """Consecutive rows of one group."""
    for group in np.unique(rows["group"]):
        first, end = np.searchsorted(rows["group"], [group, group + 1])
        for start in range(first, end, BLOCK_ROWS):
            yield slice(start, min(start + BLOCK_ROWS, end))


def _catalogue_blocks(rows: np.ndarray, seed: int) -> Iterable[dict[str, np.ndarray]]:
    # at least one block, be it empty: it names the columns
    for block, start in enumerate(range(0, max(len(rows), 1), _CATALOGUE_ROWS)):
        rng = random_stream(seed, "catalogue", block)
        yield catalogue.provabgs_columns(rows[start : start + _CATALOGUE_ROWS], rng)
