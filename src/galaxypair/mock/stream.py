"""Mock galaxies without end, in rounds that are simulated while the one before is used, and kept nowhere.

A round is made of blocks, each with a random stream of its own that tells everything of it: a round is the
same whatever came before, and however many processes made it. The population is that of `survey`, without
spoiled rows and repeats; each round has point-spread functions and neighbours of its own.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galaxypair import io, tables
from galaxypair.mock import images, others, spectra
from galaxypair.mock.galaxies import BRIGHT, GALAXY_DTYPE, MAIN, Sample, draw_galaxies
from galaxypair.mock.library import StellarLibrary, shared_library
from galaxypair.mock.random_streams import random_stream
from galaxypair.parallel import ordered_map

VALIDATION = 0  # number of the round that is never trained on; the others follow
BLOCK_GALAXIES = 50
OTHER_LOG_FLUX = (-0.5, 1.5)  # of the mean flux [1e-17 erg / s / cm2 / Angstrom] of what is no galaxy
NOISE_ALONE = 0.15  # share of these without any light
_CANDIDATES_PER_GALAXY = 5  # about one in five is observed


@dataclass(frozen=True)
class Stream:
    """What is streamed; most of it is what the config says in `pretrain.stream`.

    Attributes
    ----------
    library : Path
        Of the stellar library; worker processes read it themselves.
    crop_px : int
        Side of the central square that is kept of a cutout.
    seed : int
    galaxies : int
        Of all rounds together, that of validation not counted.
    round_galaxies : int
    passes : int
        Times that a round is passed over before the next one.
    bright_fraction : float
        Share of galaxies from the bright nearby sample.
    other_fraction : float
        Share of rows that are no galaxies, see `others`.
    val_galaxies : int
        Of the round for validation.
    """

    library: Path
    crop_px: int
    seed: int
    galaxies: int
    round_galaxies: int
    passes: int
    bright_fraction: float
    other_fraction: float
    val_galaxies: int

    @property
    def rounds(self) -> int:
        """Rounds to train on."""
        return self.galaxies // self.round_galaxies

    def describe(self) -> dict:
        """Tell what is streamed, in the form in which a manifest tells of a dataset.

        Returns
        -------
        dict
            `crop_px`, `splits`, `fingerprint`, and `stream` with the settings.
        """
        settings = dataclasses.asdict(self)
        source = json.dumps([settings | {"library": io.sha256(self.library)}], sort_keys=True)
        del settings["library"]
        return {
            "crop_px": self.crop_px,
            "splits": {"train": self.galaxies, "val": self.val_galaxies},
            "fingerprint": hashlib.blake2b(source.encode(), digest_size=8).hexdigest(),
            "stream": settings,
        }


@dataclass(frozen=True)
class Round:
    """Galaxies with what one modality needs; the arrays of the other are None.

    Attributes
    ----------
    rows : structured ndarray of shape (n,), `GALAXY_DTYPE`
        Zeros where there is no galaxy.
    galaxy : ndarray of shape (n,), bool
        False for what is no galaxy.
    fibre_fraction : ndarray of shape (n, 3), float32
        Share of the light in the fibre in g, r, z, relative to that of a star.
    image : ndarray of shape (n, crop, crop, 3), float16, or None [nanomaggies / pixel]
        The central crop of each cutout, as shards keep it.
    continuum, lines : ndarray of shape (n, 7781), float16, or None [1e-17 erg / s / cm2 / Angstrom]
        Noise-free light in the fibre, of stars and of emission lines.
    """

    rows: np.ndarray
    galaxy: np.ndarray
    fibre_fraction: np.ndarray
    image: np.ndarray | None = None
    continuum: np.ndarray | None = None
    lines: np.ndarray | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """Those that are there, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


def _room(n: int, modality: str, crop_px: int) -> Round:
    """Make room for a round."""
    shared = np.zeros(n, GALAXY_DTYPE), np.ones(n, bool), np.zeros((n, 3), np.float32)
    if modality == "image":
        return Round(*shared, image=np.empty((n, crop_px, crop_px, 3), np.float16))
    continuum, lines = (np.empty((n, tables.N_WAVELENGTH), np.float16) for _ in range(2))
    return Round(*shared, continuum=continuum, lines=lines)


# --- jobs: what worker processes run --------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    stream: Stream
    modality: str
    number: int
    block: int
    n_bright: int
    n_main: int
    n_other: int


@functools.lru_cache(maxsize=1)
def _bank(seed: int, number: int) -> images.Bank:
    return images.make_bank(random_stream(seed, "rounds", number))


def _simulate_block(job: _Job) -> Round:
    seed, number, library = job.stream.seed, job.number, shared_library(job.stream.library)
    bank, rng = _bank(seed, number), random_stream(seed, "rounds", number, job.block)
    n = job.n_bright + job.n_main
    made = _room(n + job.n_other, job.modality, job.stream.crop_px)
    made.galaxy[n:] = False
    made.rows[: job.n_bright] = _draw(BRIGHT, job.n_bright, library, rng)
    made.rows[job.n_bright : n] = _draw(MAIN, job.n_main, library, rng)
    if job.modality == "image":
        _fill_images(made, n, bank, job.stream.crop_px, rng)
    else:
        _fill_spectra(made, n, bank, library, rng)
    return made


def _fill_images(made: Round, n: int, bank: images.Bank, crop_px: int, rng: np.random.Generator) -> None:
    first = (tables.IMAGE_PX - crop_px) // 2
    crop = slice(first, first + crop_px)
    for i, row in enumerate(made.rows[:n]):
        cutout, made.fibre_fraction[i] = images.render(row, bank, rng)
        made.image[i] = cutout[crop, crop]
    if n < len(made.rows):
        made.image[n:] = others.draw_images(len(made.rows) - n, bank, rng)[:, crop, crop]


def _fill_spectra(
    made: Round, n: int, bank: images.Bank, library: StellarLibrary, rng: np.random.Generator
) -> None:
    for i, row in enumerate(made.rows[:n]):
        made.fibre_fraction[i] = images.fibre_fraction(row, bank, rng)
    parts = spectra.fibre_components(made.rows[:n], made.fibre_fraction[:n], library)
    made.continuum[:n], made.lines[:n] = parts
    if n_other := len(made.rows) - n:
        flux, _ = others.draw_spectra(n_other, parts[0] + parts[1], made.rows["z"][:n], library, rng)
        flux *= 10 ** rng.uniform(*OTHER_LOG_FLUX, (n_other, 1))
        flux[rng.random(n_other) < NOISE_ALONE] = 0
        made.continuum[n:], made.lines[n:] = flux, 0
        made.rows["bright_sample"][n:] = rng.random(n_other) < 0.3  # which decides how deep the exposure is


def _draw(sample: Sample, n: int, library: StellarLibrary, rng: np.random.Generator) -> np.ndarray:
    drawn = np.empty(0, GALAXY_DTYPE)
    while len(drawn) < n:
        more = draw_galaxies(sample, _CANDIDATES_PER_GALAXY * n, library, rng)
        drawn = np.concatenate([drawn, more])
    return drawn[:n]


# --- rounds ---------------------------------------------------------------------------------------


def _jobs(stream: Stream, modality: str, number: int) -> Iterator[_Job]:
    n = stream.val_galaxies if number == VALIDATION else stream.round_galaxies
    for block, start in enumerate(range(0, n, BLOCK_GALAXIES)):
        stop = min(start + BLOCK_GALAXIES, n)
        # differences of sums, so that the shares hold for the round as a whole
        n_other = round(stream.other_fraction * stop) - round(stream.other_fraction * start)
        bright = stream.bright_fraction * (1 - stream.other_fraction)
        n_bright = round(bright * stop) - round(bright * start)
        yield _Job(stream, modality, number, block, n_bright, stop - start - n_bright - n_other, n_other)


def simulate_round(stream: Stream, modality: str, number: int, run: Callable) -> Round:
    """Simulate a round.

    Parameters
    ----------
    stream : Stream
    modality : {"image", "spectrum"}
    number : int
        `VALIDATION`, or from 1 on.
    run : callable
        From `parallel.ordered_map`.

    Returns
    -------
    Round
    """
    n = stream.val_galaxies if number == VALIDATION else stream.round_galaxies
    made, filled = _room(n, modality, stream.crop_px), 0
    for part in run(_simulate_block, _jobs(stream, modality, number)):
        for name, values in part.arrays().items():
            getattr(made, name)[filled : filled + len(values)] = values
        filled += len(part.rows)
    return made


class Rounds:
    """Rounds of a stream; the one that is wanted next is simulated in the background.

    Parameters
    ----------
    stream : Stream
    modality : {"image", "spectrum"}
    run : callable
        From `parallel.ordered_map`, in processes of its own.

    Notes
    -----
    A round that was taken is held by whoever took it alone. Who drops it before taking the next one has at
    most two in memory.
    """

    def __init__(self, stream: Stream, modality: str, run: Callable) -> None:
        self.stream, self.modality = stream, modality
        self._run, self._closed = run, False
        self._pool = ThreadPoolExecutor(1, "rounds")
        self._coming: dict[int, Future] = {}

    def take(self, number: int) -> Round:
        """Give a round, and begin with the one after it, if there is one to train on.

        Parameters
        ----------
        number : int

        Returns
        -------
        Round
        """
        self._begin(number)
        found = self._coming.pop(number).result()
        if VALIDATION < number < self.stream.rounds:
            self._begin(number + 1)
        return found

    def _begin(self, number: int) -> None:
        if number not in self._coming:
            self._coming[number] = self._pool.submit(
                simulate_round, self.stream, self.modality, number, self._run_until_closed
            )

    def _run_until_closed(self, function: Callable, jobs: Iterator) -> Iterator:
        for result in self._run(function, jobs):
            if self._closed:
                return
            yield result

    def close(self) -> None:
        """End what is under way."""
        self._closed = True
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def open_rounds(stream: Stream, modality: str, processes: int) -> Iterator[Rounds]:
    """Start the processes that simulate, and end them at the end.

    Parameters
    ----------
    stream : Stream
    modality : {"image", "spectrum"}
    processes : int
        The rounds do not depend on it.

    Yields
    ------
    Rounds
    """
    with ordered_map(processes, apart=True) as run:
        rounds = Rounds(stream, modality, run)
        try:
            yield rounds
        finally:
            rounds.close()
