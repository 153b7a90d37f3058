"""Posteriors of properties given embeddings, by normalising flows.

Protocol `posterior_flow`: a flow is trained on the train split, the val split chooses the epoch, the
posteriors of the test split are scored against the true values.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from galaxypair import metrics, posterior_scores, tables
from galaxypair.conditional_flow import Posterior
from galaxypair.io import Embeddings
from galaxypair.labelled import Labelled, labelled_splits
from galaxypair.properties import choose_targets
from galaxypair.runtime import Progress

logger = logging.getLogger(__name__)

PROTOCOL = "posterior_flow"
TARGETS = ("z", "log_mstar")  # unless the config names others
N_QUANTILES = 200  # that the CRPS is an integral over
COVERAGES = {"coverage_68": 0.68, "coverage_95": 0.95}
GRID = 256  # places that the density of an example is computed at
DRAWN_SHARE = 0.999  # of an example's posterior
BLOCK_ROWS = 2048  # galaxies at a time: there are N_QUANTILES numbers and more of each


def evaluate(
    embeddings: Mapping[str, Embeddings],
    properties: pd.DataFrame,
    *,
    targets: Sequence[str] | None,
    settings: dict,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Train a flow per space and property, and score the posteriors of the test split.

    Parameters
    ----------
    embeddings : mapping of {"train", "val", "test"} to Embeddings
    properties : pandas.DataFrame
        `targetid` and the properties.
    targets : sequence of str or None
        See `properties.choose_targets`. None: those of `TARGETS` that some galaxy has.
    settings : dict
        Section `posterior_flow` of the config.

    Returns
    -------
    scores : pandas.DataFrame
        `tables.METRIC_COLUMNS`.
    posteriors : pandas.DataFrame
        `tables.POSTERIOR_COLUMNS`.
    examples : pandas.DataFrame
        `tables.POSTERIOR_EXAMPLE_COLUMNS`.

    Raises
    ------
    ConfigError
        If a target cannot be had.
    DataError
        If no target has labels enough.

    Notes
    -----
    Follows AstroCLIP's second version, but for the choice of the epoch, see `small_networks.fit`. Each
    property has a flow of its own: what the posteriors say of two properties together is not learnt.
    """
    names = choose_targets(properties, targets, key="posterior_flow.targets")
    names = [name for name in names if targets is not None or name in TARGETS]
    rng = np.random.default_rng(settings["seed"])  # of the bootstrap
    fitted, scores, parts = [], [], []
    progress = Progress(len(names) * len(tables.SPACES), "flows")
    for space, target, splits in labelled_splits(embeddings, properties, names):
        posterior = Posterior(splits["train"], splits["val"], settings, f"{space}, {target}")
        part = _table(posterior, space, target, splits["test"])
        fitted.append((space, target, posterior, splits["test"]))
        parts.append(part)
        scores += _scores(part, splits["train"].y, settings["bootstrap"], rng)
        progress.update(1)
    progress.close()
    posteriors = pd.concat(parts, ignore_index=True)
    chosen = choose_examples(posteriors, settings["examples"], settings["seed"])
    examples = pd.concat([_densities(*entry, chosen) for entry in fitted], ignore_index=True)
    return pd.DataFrame(scores, columns=list(tables.METRIC_COLUMNS)), posteriors, examples


def _table(posterior: Posterior, space: str, target: str, test: Labelled) -> pd.DataFrame:
    named = tables.POSTERIOR_QUANTILES
    levels = np.concatenate([list(named.values()), posterior_scores.levels(N_QUANTILES)])
    parts = []
    for start in range(0, len(test.y), BLOCK_ROWS):
        x, y = test.x[start : start + BLOCK_ROWS], test.y[start : start + BLOCK_ROWS]
        quantiles = posterior.quantiles(x, levels)
        found = {
            **dict(zip(named, quantiles, strict=False)),
            "pit": posterior.share_below(x, y),
            "log_prob": posterior.log_prob(x, y),
            "crps": posterior_scores.crps(quantiles[len(named) :], y),
        }
        parts.append(pd.DataFrame({"y_true": y, **found}))
    rows = pd.concat(parts, ignore_index=True).assign(targetid=test.targetid, space=space, target=target)
    return rows[list(tables.POSTERIOR_COLUMNS)]


def _scores(
    part: pd.DataFrame, train_labels: np.ndarray, bootstrap: int, rng: np.random.Generator
) -> Iterator[tuple[object, ...]]:
    truth = part["y_true"].to_numpy()
    everywhere = np.quantile(train_labels, posterior_scores.levels(N_QUANTILES))[:, None]
    columns = {
        "nll": -part["log_prob"].to_numpy(),
        "crps": part["crps"].to_numpy(),
        **{
            name: posterior_scores.covered(part["pit"].to_numpy(), share).astype(float)
            for name, share in COVERAGES.items()
        },
        "chance_crps": posterior_scores.crps(np.broadcast_to(everywhere, (N_QUANTILES, len(truth))), truth),
    }

    def means(*values: np.ndarray) -> dict[str, np.ndarray]:
        return {name: own.mean(axis=1) for name, own in zip(columns, values, strict=True)}

    summary = metrics.with_interval(means, *columns.values(), bootstrap=bootstrap, rng=rng)
    space, target = part["space"].iloc[0], part["target"].iloc[0]
    logger.info(
        "%s, %s: CRPS %.4f (chance %.4f), coverage %.3f of 68 %%, %.3f of 95 %%, n = %s",
        space,
        target,
        *(summary[name][0] for name in ("crps", "chance_crps", *COVERAGES)),
        f"{len(part):,}",
    )
    yield from ((PROTOCOL, space, space, target, name, *v, len(part)) for name, v in summary.items())


def choose_examples(posteriors: pd.DataFrame, n: int, seed: int) -> np.ndarray:
    """Draw galaxies for a figure from those with the most posteriors.

    Parameters
    ----------
    posteriors : pandas.DataFrame
        `tables.POSTERIOR_COLUMNS`.
    n, seed : int

    Returns
    -------
    ndarray of shape (n,) or shorter, int64
        TARGETIDs.
    """
    counts = posteriors["targetid"].value_counts()
    most = np.sort(counts.index[counts == counts.max()].to_numpy())
    return np.random.default_rng(seed).permutation(most)[:n]


def _densities(
    space: str, target: str, posterior: Posterior, test: Labelled, chosen: np.ndarray
) -> pd.DataFrame:
    rows = np.flatnonzero(np.isin(test.targetid, chosen))
    x, y_true = test.x[rows], test.y[rows]
    low, high = posterior.quantiles(x, np.array([1 - DRAWN_SHARE, 1 + DRAWN_SHARE]) / 2)
    y = np.linspace(low, high, GRID)  # (GRID, n), as fine as each posterior is narrow
    density = np.exp(posterior.log_prob(x, y))
    columns = (
        np.repeat(test.targetid[rows], GRID),
        space,
        target,
        np.repeat(y_true, GRID),
        y.T.reshape(-1),
        density.T.reshape(-1),
    )
    return pd.DataFrame(dict(zip(tables.POSTERIOR_EXAMPLE_COLUMNS, columns, strict=True)))
