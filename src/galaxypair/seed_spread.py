"""How far scores scatter when the same model is trained with several seeds."""

from collections.abc import Sequence

import pandas as pd

from galaxypair import tables
from galaxypair.errors import DataError

KEY = list(tables.METRIC_COLUMNS[:5])


def summarise(scores: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Compare the scatter over seeds with the uncertainty that the test galaxies leave.

    Parameters
    ----------
    scores : sequence of pandas.DataFrame
        `metrics/zeroshot.csv` of each seed.

    Returns
    -------
    pandas.DataFrame
        `tables.SEED_COLUMNS`.

    Raises
    ------
    DataError
        If there is one seed alone, or the seeds' scores differ in what they measure or on how many
        galaxies.

    Notes
    -----
    The standard deviation of few values is itself uncertain, of three by half of it. All seeds are tested
    on the same galaxies, so that the bootstrap interval is no part of the scatter over the seeds: of two
    models trained alike, it is the latter that a difference must exceed.
    """
    if len(scores) < 2:
        raise DataError(
            f"{len(scores)} seed has no spread. Name several in `ablation.seeds`, such as [42, 43, 44]."
        )
    joined = pd.concat([table.assign(seed=i) for i, table in enumerate(scores)], ignore_index=True)
    groups = joined.groupby(KEY, sort=False)
    counted, n = groups["seed"].agg(["nunique", "size"]), groups["n"].nunique()
    odd = (counted["nunique"] != len(scores)) | (counted["size"] != len(scores)) | (n != 1)
    if odd.any():
        where = ", ".join(f"{name} {value}" for name, value in zip(KEY, odd.idxmax(), strict=True))
        raise DataError(
            f"The seeds' tables of scores do not measure the same ({where}). Make them again: your command "
            "with `--forcerun zeroshot` added."
        )
    half = ((joined["high"] - joined["low"]) / 2).groupby([joined[key] for key in KEY], sort=False)
    found = pd.DataFrame(
        {
            "mean": groups["value"].mean(),
            "sd": groups["value"].std(),
            "half_interval": half.mean(),
            "seeds": len(scores),
            "n": groups["n"].first(),
        }
    )
    return found.reset_index()[list(tables.SEED_COLUMNS)]
