"""Compare baselines with the zero-shot predictions, on the galaxies that all of them predict."""

import logging
from collections.abc import Sequence
from functools import reduce

import numpy as np
import pandas as pd

from galaxypair import metrics, protocols, tables
from galaxypair.properties import REDSHIFTS

logger = logging.getLogger(__name__)

ZERO_SHOT = f"{protocols.OWN}_common"
READS = {"photometry": "photometry", "resnet18": "image", "conv_attention": "spectrum"}  # by how names begin
KEY = ["protocol", "reference", "query"]


def compare(
    predictions: Sequence[pd.DataFrame],
    zero_shot: pd.DataFrame,
    *,
    bootstrap: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Measure all predictions on their common galaxies.

    Parameters
    ----------
    predictions : sequence of pandas.DataFrame
        `tables.BASELINE_COLUMNS`, each of one or more baselines; may be empty.
    zero_shot : pandas.DataFrame
        `metrics/zeroshot_predictions.parquet`.
    bootstrap : int
        Resamplings for the 68 % interval.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        `tables.METRIC_COLUMNS`, baselines first; no rows without baselines. Every row of a target is of
        the same n galaxies, so that zero-shot scores may differ from those of metrics/zeroshot.csv: their
        protocol is `train_to_test_common`.
    """
    predictions = [table for table in predictions if len(table)]
    if not predictions:
        logger.warning("No baseline has predictions: nothing is compared.")
        return pd.DataFrame(columns=tables.METRIC_COLUMNS)
    baselines = pd.concat(predictions, ignore_index=True)
    reads = baselines["baseline"].map(lambda name: next(v for k, v in READS.items() if name.startswith(k)))
    own = baselines.assign(protocol=baselines["baseline"], reference=reads, query=reads)
    columns = [*KEY, "targetid", "target", "y_true", "y_pred"]
    everything = pd.concat(
        [own[columns], zero_shot.assign(protocol=ZERO_SHOT)[columns]], ignore_index=True
    ).astype({name: object for name in (*KEY, "target")})
    rows = []
    for target in own["target"].drop_duplicates():
        rows += _measure(everything[everything["target"] == target], target, bootstrap, rng)
    return pd.DataFrame(rows, columns=list(tables.METRIC_COLUMNS))


def _measure(predictions: pd.DataFrame, target: str, bootstrap: int, rng: np.random.Generator) -> list[tuple]:
    parts = dict(iter(predictions.groupby(KEY, sort=False)))
    common = reduce(np.intersect1d, (part["targetid"] for part in parts.values()))
    largest = max(len(part) for part in parts.values())
    logger.info(
        "%s: %s test galaxies have all %d predictions, of at most %s that have one",
        *(target, f"{len(common):,}", len(parts), f"{largest:,}"),
    )
    rows = []
    for key, part in parts.items():
        same = part.set_index("targetid").loc[common]
        summary = metrics.summarise(
            same["y_true"].to_numpy(),
            same["y_pred"].to_numpy(),
            relative=target in REDSHIFTS,
            bootstrap=bootstrap,
            rng=rng,
        )
        rows += [(*key, target, name, *values, len(common)) for name, values in summary.items()]
        logger.info("%s, %s to %s: R2 of %s = %.3f (%.3f ... %.3f)", *key, target, *summary["r2"])
    return rows
