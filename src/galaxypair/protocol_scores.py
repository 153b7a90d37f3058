"""Zero-shot scores of one set of embeddings under several protocols."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from galaxypair import zeroshot
from galaxypair.errors import TooFewError
from galaxypair.io import Embeddings
from galaxypair.protocols import Protocol

logger = logging.getLogger(__name__)


def measure(
    protocols: Sequence[Protocol],
    splits: dict[str, Embeddings],
    properties: pd.DataFrame,
    *,
    targets: Sequence[str] | None,
    bootstrap: int,
    seed: int,
) -> tuple[list[pd.DataFrame], dict[str, dict]]:
    """Carry out each protocol.

    Parameters
    ----------
    protocols : sequence of Protocol
    splits : dict of str to Embeddings
        See `zeroshot.evaluate`.
    properties : pandas.DataFrame
    targets : sequence of str or None
    bootstrap : int
    seed : int
        Of the bootstrap; each protocol has a generator of its own.

    Returns
    -------
    scores : list of pandas.DataFrame
        `tables.METRIC_COLUMNS`, a table per protocol that can be carried out.
    records : dict of str to dict
        Of each protocol what `zeroshot.describe` tells, or `left_out`: why it has no scores.
    """
    scores, records = [], {}
    for protocol in protocols:
        try:
            result = zeroshot.evaluate(
                splits,
                properties,
                protocol=protocol,
                targets=targets,
                bootstrap=bootstrap,
                rng=np.random.default_rng(seed),
            )
        except TooFewError as err:
            logger.warning("Left out: %s", err)
            records[protocol.name] = {"left_out": str(err)}
            continue
        scores.append(result.scores)
        records[protocol.name] = zeroshot.describe(protocol, result)
    return scores, records
