"""The ledger: one row per input galaxy, and what became of it."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from galaxypair import tables


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
