"""What became of each galaxy on its way into a joint file."""

import logging

import pandas as pd

from galaxypair.errors import DataError
from galaxypair.ledger import balance

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
    logger.info("%s", balance(catalogue))
    if not catalogue["kept"].any():
        raise DataError(
            f"`{name}`: not one galaxy can be used ({balance(catalogue)}). Look at the data "
            "with the reasons in mind, or name other data in the config."
        )
