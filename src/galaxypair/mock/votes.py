"""Votes of Galaxy Zoo's volunteers on the mock survey, in the layout of the published catalogue.

Each volunteer answers the questions of the tree that the answer before leads to. The probabilities of the
answers follow from what was drawn and from how well it can be seen: structure is lost in blur and noise.

The truth of the mock survey says nothing of bars, of the number of arms and of how tightly they are wound
(those are drawn anew in each cutout), nor are there mergers. On `bar`, `spiral-winding` and `merging`
volunteers therefore answer alike for every galaxy, and on `spiral-arm-count` only `cant-tell` depends on
the galaxy: nothing can predict these answers better than the commonest one does, by construction.
"""

import numpy as np
import pandas as pd
from astropy.coordinates import SkyCoord
from scipy.special import expit, ndtr

from galaxypair import tables
from galaxypair.mock import junk
from galaxypair.mock.morphology import EDGE_ON, RESOLVED_ARCSEC

FAINTEST_R = 19.0  # of the galaxies that were shown (Galaxy Zoo DESI: Walmsley et al. 2023)
VOTERS = (5, 40)  # of a galaxy that is soon clear, and of one that is not
POSITION_ERROR_ARCSEC = 0.1  # two catalogues of one galaxy differ by about this, on each axis
PSF_ARCSEC = 0.55  # half-light radius of a star
BULGE_EDGES = (0.03, 0.12, 0.35, 0.65)  # of the bulge's share: none, small, moderate, large, dominant
# the order in which the published table has the questions
TREE = {  # question: question and answer that lead to it
    "smooth-or-featured": None,
    "how-rounded": ("smooth-or-featured", "smooth"),
    "disk-edge-on": ("smooth-or-featured", "featured-or-disk"),
    "edge-on-bulge": ("disk-edge-on", "yes"),
    "bar": ("disk-edge-on", "no"),
    "has-spiral-arms": ("disk-edge-on", "no"),
    "spiral-winding": ("has-spiral-arms", "yes"),
    "spiral-arm-count": ("has-spiral-arms", "yes"),
    "bulge-size": ("disk-edge-on", "no"),
    "merging": None,  # of all that is no artifact
}


def draw_votes(truth: np.ndarray, seed: int) -> pd.DataFrame:
    """Let volunteers vote on the galaxies that are bright enough.

    Parameters
    ----------
    truth : structured ndarray of shape (n,), `mock.survey.ROW_DTYPE`
    seed : int
        Of the survey; the votes have a random stream of their own.

    Returns
    -------
    pandas.DataFrame
        One row per galaxy, repeats left out: iauname, ra and dec [deg], redshift, and for each question of
        `tables.GALAXY_ZOO` `{question}_total-votes` and, for each answer, `{question}_{answer}`, the same
        with `_fraction` and with `_debiased`; the fractions are NaN where nobody came to the question.

    Notes
    -----
    The published table has further columns, of the NASA-Sloan Atlas and of the campaign. Its debiased
    fractions undo what distance hides, on average over many galaxies; here they are the plain ones.
    """
    r = 22.5 - 2.5 * np.log10(truth["flux"][:, 1])
    rows = truth[(r < FAINTEST_R) & (truth["repeats"] < 0)]
    rng = np.random.default_rng([seed, *b"votes"])
    chances = answer_chances(rows)
    leading = chances["smooth-or-featured"].max(axis=1)
    # what is unclear is shown again and again
    voters = np.where(rng.random(len(rows)) < leading, rng.integers(*VOTERS, len(rows)), VOTERS[1])
    counts = {}
    for question, origin in TREE.items():
        asked = voters if origin is None else counts[origin[0]][:, _answer(*origin)]
        if question == "merging":
            asked = voters - counts["smooth-or-featured"][:, _answer("smooth-or-featured", "artifact")]
        counts[question] = rng.multinomial(asked, chances[question])
    return pd.DataFrame(_places(rows, rng) | _columns(counts))


def answer_chances(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Probabilities with which a volunteer gives each answer, for those who come to the question.

    Parameters
    ----------
    rows : structured ndarray of shape (n,), `mock.survey.ROW_DTYPE`

    Returns
    -------
    dict of str to ndarray of shape (n, n_answers)
        In the order of `tables.GALAXY_ZOO`.

    Notes
    -----
    All numbers are chosen by eye. A cutout shows structure if the galaxy forms stars and is larger than
    `RESOLVED_ARCSEC`, as `mock.images` draws it. Blur makes small galaxies rounder than they are.
    """
    size, bulge = rows["half_light_radius"].astype(float), rows["bulge_fraction"].astype(float)
    seen = clarity(rows)
    structured = ~rows["quiescent"] & (size > RESOLVED_ARCSEC)
    blur = (PSF_ARCSEC / size) ** 2
    axis_ratio = np.sqrt((rows["axis_ratio"].astype(float) ** 2 + blur) / (1 + blur))
    spoiled = np.isin(rows["junk"], (junk.MISSING_BAND, junk.SATURATED_STAR))
    artifact = np.where(spoiled, 0.6, 0.02)
    thin = expit((EDGE_ON - axis_ratio) / 0.05)
    featured = np.where(structured, 0.1 + 0.85 * seen, np.where(rows["quiescent"], 0.04, 0.08 + 0.3 * thin))
    arms = structured & (rows["axis_ratio"] >= EDGE_ON)
    always = np.ones(len(rows))
    cant_tell = 0.1 + 0.6 * (1 - seen)
    edges = ndtr((np.array(BULGE_EDGES) - bulge[:, None]) / 0.1)
    bulge_size = np.diff(edges, axis=1, prepend=0, append=1)[:, ::-1]
    rounded = expit((bulge - 0.15) / 0.05)
    return {
        "smooth-or-featured": _chances((1 - artifact) * (1 - featured), (1 - artifact) * featured, artifact),
        "how-rounded": _ordered(axis_ratio, (0.45, 0.8), 0.06)[:, ::-1],
        "disk-edge-on": _chances(thin, 1 - thin),
        "edge-on-bulge": _chances(0.05 * always, 0.95 * (1 - rounded), 0.95 * rounded),
        "bar": _chances(0.15 * always, 0.35 * always, 0.5 * always),
        "has-spiral-arms": _chances(*_yes_or_no(np.where(arms, 0.1 + 0.88 * seen, 0.08))),
        "spiral-winding": _chances(0.3 * always, 0.45 * always, 0.25 * always),
        "spiral-arm-count": _chances(*(s * (1 - cant_tell) for s in (0.04, 0.6, 0.2, 0.11, 0.05)), cant_tell),
        "bulge-size": bulge_size,
        "merging": _chances(0.75 * always, 0.15 * always, 0.05 * always, 0.05 * always),
    }


def clarity(rows: np.ndarray) -> np.ndarray:
    """How much of a galaxy's structure survives blur and noise, from 0 to 1.

    Parameters
    ----------
    rows : structured ndarray of shape (n,)
        half_light_radius [arcsec] and flux [nanomaggies] in g, r, z.

    Returns
    -------
    ndarray of shape (n,), float64
        One half at a half-light radius of 2 arcsec if bright, and at r = 19 if large.
    """
    r = 22.5 - 2.5 * np.log10(rows["flux"][:, 1])
    return expit(8 * np.log10(rows["half_light_radius"].astype(float) / 2)) * expit((19 - r) / 0.7)


def _chances(*answers: np.ndarray) -> np.ndarray:
    return np.stack(answers, axis=1)


def _yes_or_no(yes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return yes, 1 - yes


def _ordered(value: np.ndarray, edges: tuple[float, ...], width: float) -> np.ndarray:
    """Chances of rising classes between edges that people do not see sharply."""
    below = expit((np.array(edges) - value[:, None]) / width)
    return np.diff(below, axis=1, prepend=0, append=1)


def _answer(question: str, answer: str) -> int:
    return tables.GALAXY_ZOO[question].index(answer)


def _places(rows: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    east, north = rng.normal(0, POSITION_ERROR_ARCSEC / 3600, (2, len(rows)))
    dec = rows["dec"] + north
    ra = rows["ra"] + east / np.cos(np.radians(dec))
    sky = SkyCoord(ra, dec, unit="deg")
    hours = sky.ra.to_string("hour", sep="", precision=2, pad=True)
    degrees = sky.dec.to_string("deg", sep="", precision=1, pad=True, alwayssign=True)
    name = [f"J{a}{d}" for a, d in zip(hours, degrees, strict=True)]
    return {"iauname": np.array(name, dtype=object), "ra": ra, "dec": dec, "redshift": rows["z"]}


def _columns(counts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    columns = {}
    for question, votes in counts.items():
        total = votes.sum(axis=1)
        columns[f"{question}_total-votes"] = total
        for answer, count in zip(tables.GALAXY_ZOO[question], votes.T, strict=True):
            fraction = count / np.where(total > 0, total, np.nan)
            columns[f"{question}_{answer}"] = count
            columns[f"{question}_{answer}_fraction"] = columns[f"{question}_{answer}_debiased"] = fraction
    return columns
