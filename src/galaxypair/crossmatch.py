"""Join the kept galaxies to PROVABGS by TARGETID, and count who was lost at which step."""

import logging

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import DataError

logger = logging.getLogger(__name__)

# Every project on these data keeps a match only if all of these are positive (failed fits hold
# -999, negative fluxes give no magnitude).
POSITIVE = ("log_mstar", "mag_g", "mag_r", "mag_z")
LEDGER = ("targetid", "split", "z")
SAME_Z = 0.01  # |z_hp - z| / (1 + z) above this: hardly the same galaxy


def crossmatch(ledger: pd.DataFrame, catalogue: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Attach the catalogue's properties to every kept galaxy.

    Parameters
    ----------
    ledger : pandas.DataFrame
        As in `tables.LEDGER_COLUMNS`; rows that were not kept are ignored.
    catalogue : pandas.DataFrame
        From `io.read_provabgs`: `targetid` and numeric columns.

    Returns
    -------
    properties : pandas.DataFrame
        One row per kept galaxy, in the ledger's order: targetid, split, z, `matched` and the
        catalogue's columns as float64, NaN where not matched.
    losses : pandas.DataFrame
        `tables.LOSSES_COLUMNS`: galaxies lost at each step, per split and in total.

    Notes
    -----
    `matched` means found and passing the cuts that all published work on these data makes
    (`POSITIVE`); a cut whose column the catalogue lacks is skipped and logged. Of a TARGETID that
    occurs more than once in the catalogue, the first row that passes all cuts counts, else the
    first.
    """
    kept = ledger.loc[ledger["kept"], list(LEDGER)].reset_index(drop=True)
    unique = _one_row_each(catalogue)
    found = kept[["targetid"]].merge(unique, on="targetid", how="left", validate="many_to_one")
    steps = {"not_in_catalogue": kept["targetid"].isin(unique["targetid"]).to_numpy()}
    for name in POSITIVE:
        if name in found:
            steps[f"{name}_not_positive"] = (found[name] > 0).to_numpy()
        else:
            logger.info("The catalogue has no column %s: its cut is skipped.", name)
    matched = np.logical_and.reduce(list(steps.values()))
    values = found.drop(columns="targetid").astype(np.float64)
    values.loc[~matched] = np.nan
    properties = pd.concat([kept.assign(matched=matched), values], axis=1)
    losses = pd.DataFrame(
        [_duplicates(len(catalogue), len(unique)), *count_losses(kept["split"].to_numpy(), steps)],
        columns=list(tables.LOSSES_COLUMNS),
    )
    _report(properties, losses)
    return properties, losses


def matched_rows(properties: pd.DataFrame, catalogue: pd.DataFrame) -> np.ndarray:
    """Find the row of the catalogue that each matched galaxy got its properties from.

    Parameters
    ----------
    properties : pandas.DataFrame
        From `crossmatch`.
    catalogue : pandas.DataFrame
        The one that was given to `crossmatch`, in the order of its file.

    Returns
    -------
    ndarray of shape (n_matched,), int64
        In the order of `properties`.

    Raises
    ------
    DataError
        If the catalogue lacks one of the galaxies.
    """
    unique = _one_row_each(catalogue)
    found = pd.Index(unique["targetid"]).get_indexer(properties.loc[properties["matched"], "targetid"])
    if (found < 0).any():
        raise DataError(
            f"{(found < 0).sum()} matched galaxies are not in the property catalogue, which has changed "
            "since they were matched. Run the same command with `--forcerun crossmatch`."
        )
    return unique.index.to_numpy(np.int64)[found]


def _one_row_each(catalogue: pd.DataFrame) -> pd.DataFrame:
    cuts = [name for name in POSITIVE if name in catalogue]
    fails = ~(catalogue[cuts] > 0).all(axis=1).to_numpy()
    best_first = catalogue.iloc[np.argsort(fails, kind="stable")]
    return best_first.drop_duplicates("targetid")


def _duplicates(n_rows: int, n_unique: int) -> tuple:
    return ("duplicate_targetid", "catalogue", n_rows, n_rows - n_unique, n_unique)


def count_losses(split: np.ndarray, steps: dict[str, np.ndarray]) -> list[tuple]:
    """Count who is lost at which step, per split and in total.

    Parameters
    ----------
    split : ndarray of shape (n,), str
    steps : dict of str to ndarray of shape (n,), bool
        Who passes each step, in order.

    Returns
    -------
    list of tuple
        Rows with the columns `tables.LOSSES_COLUMNS`.
    """
    rows = []
    for name in (*tables.SPLITS, "all"):
        left = split == name if name != "all" else np.ones(len(split), bool)
        for step, passes in steps.items():
            n_in = int(left.sum())
            left = left & passes
            rows.append((step, name, n_in, n_in - int(left.sum()), int(left.sum())))
    return rows


def _report(properties: pd.DataFrame, losses: pd.DataFrame) -> None:
    lost = losses[(losses["split"] == "all") & (losses["n_lost"] > 0)]
    n, matched = len(properties), properties[properties["matched"]]
    why = "".join(f" + {row.n_lost:,} {row.step}" for row in lost.itertuples())
    logger.info("%s kept galaxies = %s matched%s", f"{n:,}", f"{len(matched):,}", why)
    if n and matched.empty:
        logger.warning(
            "No galaxy has a match, so only redshifts can be predicted. "
            "Do the TARGETIDs of both files come from the same survey?"
        )
    if "z_hp" in matched:
        other = np.abs(matched["z_hp"] - matched["z"]) / (1 + matched["z"]) > SAME_Z
        if other.any():
            logger.warning(
                "%d matched galaxies differ in redshift between the two files by more than %g (1 + z).",
                other.sum(),
                SAME_Z,
            )
