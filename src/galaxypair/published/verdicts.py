"""What became of each galaxy on its way into a joint file."""

import logging

import pandas as pd

from galaxypair.errors import DataError

logger = logging.getLogger(__name__)


def report(name: str, catalogue: pd.DataFrame) -> None:
    """Log the balance of a source; stop if nothing is left.

    Parameters
    ----------
    name : str
        Of the data, for the error.
    catalogue : pandas.DataFrame
        kept and reason ("" where kept), one row per galaxy.

    Raises
    ------
    DataError
        If no galaxy is kept.
    """
    kept = int(catalogue["kept"].sum())
    lost = catalogue.loc[~catalogue["kept"], "reason"].value_counts()
    listed = ", ".join(f"{n:,} {reason}" for reason, n in lost.items()) or "nothing lost"
    logger.info("%s in = %s kept + %s rejected: %s", f"{len(catalogue):,}", f"{kept:,}",
                f"{len(catalogue) - kept:,}", listed)  # fmt: skip
    if not kept:
        raise DataError(
            f"`{name}`: none of {len(catalogue):,} galaxies can be used ({listed}). Look at the data "
            "with the reasons in mind, or name other data in the config."
        )
