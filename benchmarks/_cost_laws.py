"""How the cost of each stage grows with the survey, from what it computes; and the fit to measured points."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from galaxypair.errors import DataError

GROWS = 0.1  # of the fixed memory: less growth than this over all sizes measured is none
FULL, RECENT = (
    10_000,
    0.2,
)  # galaxies: buffers of shards, batches and blocks fill in smaller surveys than the first,
#                             or than this share of the largest, which is memory that does not grow on


@dataclass(frozen=True)
class Limits:
    """Settings of the workflow that bend a law.

    Attributes
    ----------
    test_share : float
        Of the galaxies.
    umap_galaxies : int
        Test galaxies that UMAP lays out at most.
    """

    test_share: float
    umap_galaxies: int

    def plane(self, n: np.ndarray) -> np.ndarray:
        """Galaxies in the plane of UMAP."""
        return np.minimum(np.asarray(n, float) * self.test_share, self.umap_galaxies)


# m: galaxies in the plane of UMAP
TERMS: dict[str, Callable[[np.ndarray, Limits], np.ndarray]] = {
    "n": lambda n, limits: n,
    "n²": lambda n, limits: n**2,
    "m log m": lambda n, limits: limits.plane(n) * np.log2(np.maximum(limits.plane(n), 2)),
    "m²": lambda n, limits: limits.plane(n) ** 2,
}


@dataclass(frozen=True)
class Stage:
    """What a stage computes.

    Attributes
    ----------
    terms : tuple of str
        Of the CPU time, beside a fixed part; of `TERMS`.
    why : str
    held : float
        Bytes per galaxy that a job is known to hold, if its memory has not been seen to grow.
    square_s : float
        Seconds of the n² that were measured by themselves, where no run is large enough to show them.
    after : tuple of str
        Stages that it waits for.
    cores : int
        That one job of it can use.
    counted : bool
        False: an alternative to other stages, not in the totals.
    """

    terms: tuple[str, ...]
    why: str
    held: float = 0
    _: KW_ONLY
    square_s: float = 0
    after: tuple[str, ...] = ()
    cores: int = 1
    counted: bool = True


# in the order of the workflow; the longest name that begins that of a job is its stage
TABLE = 4 * 128 * 4  # bytes of a galaxy in a table of embeddings
LEDGER = 270  # bytes of a row of the ledger as a pandas.DataFrame
STAGES: dict[str, Stage] = {
    "stellar_library": Stage((), "one grid", counted=False),
    "simulate": Stage(
        ("n",), "each galaxy by itself", 100, after=("stellar_library",), cores=16, counted=False
    ),
    "import_embeddings": Stage(("n",), "each row once", LEDGER, counted=False),
    # its ledger in parts and as a whole
    "preprocess": Stage(
        ("n",), "each galaxy is read, judged and written once", 2 * LEDGER, after=("simulate",), cores=16
    ),
    # keys of all galaxies, and which of them a job searches
    "leaks": Stage(
        ("n", "n²"),
        "each val and test image against all of other splits",
        100,
        # 1.0e-7 s per pair (lookalikes.most_similar, 64 images among 262,144, one core), 0.2176 n² pairs
        square_s=2.2e-8,
        after=("preprocess",),
        cores=16,
    ),
    # places in the shards, and their order as Python's numbers
    "train": Stage(("n",), "one epoch sees each train galaxy once", 60, after=("preprocess",), cores=16),
    "embed": Stage(("n",), "each galaxy once through the network", after=("train",), cores=16),
    "crossmatch": Stage(("n",), "one join by TARGETID", 2 * LEDGER, after=("preprocess",)),
    "zeroshot": Stage(
        ("n", "n²"), "each test against each train galaxy", TABLE, after=("embed", "crossmatch"), cores=8
    ),
    "protocols": Stage(
        ("n", "n²"), "as zeroshot, by other choices of references", TABLE, after=("zeroshot",), cores=8
    ),
    "retrieval": Stage(("n", "n²"), "each test against each test galaxy", TABLE / 5, after=("embed",)),
    "umap": Stage(("m log m",), "neighbour descent, up to umap.max_galaxies", TABLE / 5, after=("embed",)),
    "structure_properties": Stage(("n",), "one column after the other", LEDGER, after=("crossmatch",)),
    "cluster": Stage(
        ("n", "m²"),
        "KMeans of all test galaxies; HDBSCAN compares all pairs in the plane",
        TABLE / 5,
        after=("umap",),
        cores=16,
    ),
    "cluster_information": Stage(
        ("n",), "200 shuffles of the labels", LEDGER, after=("cluster", "structure_properties")
    ),
    "cluster_spectra": Stage(("n",), "reads a few galaxies of each cluster", 100, after=("cluster",)),
    "anomalies": Stage(
        ("n", "n²"),
        "each test against each train galaxy; pixels of each test galaxy",
        TABLE,
        after=("embed", "preprocess"),
        cores=8,
    ),
    "anomaly_gallery": Stage(("n",), "picks a few galaxies out of the tables", LEDGER, after=("anomalies",)),
    "gallery": Stage(
        ("n",), "picks a few galaxies out of the tables", LEDGER, after=("cluster", "retrieval")
    ),
    "figure": Stage(
        ("n",),
        "reads a table, draws it",
        LEDGER,
        after=("gallery", "protocols", "cluster_information", "leaks"),
    ),
    "model_card": Stage((), "a page", after=("zeroshot", "retrieval")),
    "compare": Stage((), "a small table", after=("zeroshot",)),
    "report": Stage(("n",), "reads the ledger, embeds the figures", LEDGER, after=("figure", "compare")),
}


def stage_of(job: str) -> str | None:
    """Name the stage of a job, by the name of its benchmark file; None if there is no law for it."""
    known = [name for name in STAGES if job == name or job.startswith(f"{name}_")]
    return max(known, key=len, default=None)


@dataclass(frozen=True)
class Law:
    """A fitted law: a fixed part and one factor per term.

    Attributes
    ----------
    factors : dict of str to float
        By term; `fixed` is the one of none.
    sizes : tuple of int
        Numbers of galaxies that it was fitted to.
    miss : float
        Largest factor between a measured point and the law.
    without : tuple of dict
        The factors without the points of each size in turn.
    held : float
        Known share of each galaxy, beside what was fitted.
    """

    factors: dict[str, float]
    sizes: tuple[int, ...]
    miss: float
    without: tuple[dict[str, float], ...]
    held: float = 0

    def at(self, n: int, limits: Limits) -> tuple[float, float, float]:
        """Value, and the range that the fits without one size span, widened by the miss.

        NaN for the range with fewer than three sizes.
        """
        where = np.array([float(n)])
        value, *others = (
            _evaluate(each, where, limits)[0] + self.held * n for each in (self.factors, *self.without)
        )
        if len(self.sizes) < 3:
            return value, np.nan, np.nan
        return value, min(value, *others) / self.miss, max(value, *others) * self.miss


def _evaluate(factors: Mapping[str, float], n: np.ndarray, limits: Limits) -> np.ndarray:
    total = np.full(len(n), factors["fixed"])
    for term, factor in factors.items():
        if term != "fixed":
            total += factor * TERMS[term](n, limits)
    return total


def fit(n: Sequence[int], value: Sequence[float], terms: Sequence[str], limits: Limits) -> Law:
    """Fit a law to measured values, all factors 0 or more, by least relative deviations squared.

    Parameters
    ----------
    n : sequence of int
        Galaxies.
    value : sequence of float
        Measured; those that are not finite or not positive are left out.
    terms : sequence of str
        Of `TERMS`.
    limits : Limits

    Returns
    -------
    Law

    Raises
    ------
    DataError
        If there are points of fewer than two sizes.
    """
    n, value = np.asarray(n, float), np.asarray(value, float)
    use = np.isfinite(value) & (value > 0)
    n, value = n[use], value[use]
    sizes = np.unique(n)
    _need_two(sizes)
    factors = _factors(n, value, terms, limits)
    ratio = value / _evaluate(factors, n, limits)
    without = tuple(
        _factors(n[n != size], value[n != size], terms, limits) for size in sizes if len(sizes) > 2
    )
    return Law(factors, tuple(map(int, sizes)), float(max(ratio.max(), 1 / ratio.min())), without)


def _need_two(sizes: np.ndarray) -> None:
    if len(sizes) < 2:
        raise DataError(
            f"Points at {len(sizes)} size{'s' * (len(sizes) != 1)} of the survey: a law needs two, and "
            "three to be checked. Run the workflow at others, for example `snakemake --cores all --config "
            "run=size_3000 simulate='{n_galaxies: 3000}'`, and name these runs."
        )


def _factors(n: np.ndarray, value: np.ndarray, terms: Sequence[str], limits: Limits) -> dict[str, float]:
    columns = np.stack([np.ones(len(n)), *(TERMS[term](n, limits) for term in terms)], axis=1)
    scale = columns.max(axis=0)  # n² of a large survey would drown the rest
    found, _ = nnls(columns / scale / value[:, None], np.ones(len(n)))
    return dict(zip(("fixed", *terms), (found / scale).tolist(), strict=True))


def fit_stages(points: pd.DataFrame, limits: Limits) -> tuple[pd.DataFrame, list[str]]:
    """Fit the CPU time of all jobs of each stage, and the memory of its largest.

    Parameters
    ----------
    points : pandas.DataFrame
        As from `_cost_points.collect`, of several runs.
    limits : Limits

    Returns
    -------
    laws : pandas.DataFrame
        stage, jobs, cpu (Law, seconds), memory (Law, MB, or None); in the order of the workflow.
    left_out : list of str
        Jobs that have no law, or whose stage was measured at fewer sizes than its law has parts.

    Notes
    -----
    A run may have made some jobs of a stage alone: its mean job stands for the others.
    """
    jobs = points[points["kind"] == "job"]
    jobs = jobs.assign(stage=jobs["name"].map(stage_of))
    left_out, rows = set(jobs.loc[jobs["stage"].isna(), "name"]), []
    for name, stage in STAGES.items():
        runs = jobs[(jobs["stage"] == name) & (jobs["cpu_s"] > 0)].groupby(["run", "n"])
        table = runs.agg(jobs=("name", "size"), cpu_s=("cpu_s", "mean"), memory=("memory_mb", "max"))
        sizes = table.index.get_level_values("n").to_numpy()
        if len(np.unique(sizes)) < max(2, len(stage.terms) + 1):
            left_out |= set(jobs.loc[jobs["stage"] == name, "name"])
            continue
        most = int(table["jobs"].max())
        cpu = fit_time(sizes, table["cpu_s"].to_numpy() * most, stage, limits)
        rows.append((name, most, cpu, fit_memory(sizes, table["memory"].to_numpy(), stage.held, limits)))
    if not rows:
        _need_two(points["n"].unique())
    return pd.DataFrame(rows, columns=["stage", "jobs", "cpu", "memory"]), sorted(left_out)


def fit_time(n: np.ndarray, seconds: np.ndarray, stage: Stage, limits: Limits) -> Law:
    """Fit the CPU time of a stage; its n² are those measured by themselves, if they were."""
    if not stage.square_s:
        return fit(n, seconds, stage.terms, limits)
    terms = [term for term in stage.terms if term != "n²"]
    rest = np.maximum(seconds - stage.square_s * n**2.0, GROWS * seconds)
    law = fit(n, rest, terms, limits)
    square = {"n²": stage.square_s}
    return replace(law, factors=law.factors | square, without=tuple(f | square for f in law.without))


def fit_memory(n: np.ndarray, megabytes: np.ndarray, held: float, limits: Limits) -> Law | None:
    """Fit the memory of a stage, by surveys large enough to fill its buffers.

    Parameters
    ----------
    n, megabytes : ndarray of shape (points,)
    held : float
        Bytes per galaxy that it is known to hold, if it has not been seen to grow.
    limits : Limits

    Returns
    -------
    Law or None
        None without points at two such sizes: from fewer no growth can be told.
    """
    full = n >= max(FULL, RECENT * n.max())
    n, megabytes = n[full], megabytes[full]
    if len(np.unique(n)) < 2:
        return None
    law = fit(n, megabytes, ("n",), limits)
    if law.factors["n"] * n.max() >= GROWS * law.factors["fixed"]:
        return law
    return replace(fit(n, megabytes - held * n / 1e6, (), limits), held=held / 1e6)


def fit_folders(points: pd.DataFrame, limits: Limits) -> dict[str, Law]:
    """Fit the bytes of each folder of results."""
    folders = points[points["kind"] == "folder"].groupby("name")
    return {
        str(name): fit(part["n"], part["bytes"], ("n",), limits)
        for name, part in folders
        if part.loc[part["bytes"] > 0, "n"].nunique() > 1
    }
