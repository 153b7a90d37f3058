"""Ways to measure zero-shot regression: which galaxies are labelled, which are asked, and how they vote.

Each published study measures in its own way, so that scores compare only within one. A `Protocol`
is one of these ways; `zeroshot.evaluate` carries it out.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.apart import check_apart
from galaxypair.errors import ConfigError, TooFewError
from galaxypair.io import Embeddings
from galaxypair.scaling import Scaling
from galaxypair.spaces import space_vectors

logger = logging.getLogger(__name__)

OWN = "train_to_test"  # the protocol of this pipeline: metrics/zeroshot.csv
PAIRS = (  # (reference, query): what `zeroshot.evaluate` predicts
    *((reference, query) for reference in tables.MODALITIES for query in tables.MODALITIES),
    ("both", "both"),
)


@dataclass(frozen=True)
class Protocol:
    """One way to predict properties from the nearest labelled galaxies.

    Attributes
    ----------
    name : str
        Stands in the column `protocol` of every score.
    k : int or sequence of int
        Neighbours. Of several, the one that predicts the validation split best is used; the first
        where there are no validation galaxies.
    weights : {"distance", "uniform"}
        Mean of the neighbours' values weighted by inverse distance, or plain.
    vectors : {"unit", "raw", "standardised"}
        Embeddings of length 1, as the model gives them, or with each dimension shifted and scaled to
        mean 0 and standard deviation 1 of the references.
    pool : {"train_to_test", "within_test", "within_test_with_self"}
        References and queries: train and test split; two parts of the test split drawn at random; the
        whole test split for both, so that a query is its own nearest reference.
    sample : {"all", "catalogue"}
        All galaxies, or only those matched with the property catalogue.
    held_out : int
        Queries of `within_test`, of a test split of `held_out_of` galaxies or more; of a smaller
        one the same share.
    held_out_of : int
    seed : int
        Of the draw of `within_test`.

    Notes
    -----
    There is no switch for standardised targets, which published code has: the weighted mean of k
    values moves with their zero and unit, so that the predictions are the same.
    """

    name: str
    k: int | tuple[int, ...]
    weights: str = "distance"
    vectors: str = "unit"
    pool: str = "train_to_test"
    sample: str = "all"
    held_out: int = 0
    held_out_of: int = 1
    seed: int = 0

    @property
    def ks(self) -> tuple[int, ...]:
        """Candidates for the number of neighbours."""
        return (self.k,) if isinstance(self.k, int) else tuple(self.k)

    @property
    def with_self(self) -> bool:
        """Whether a query may be its own reference: then its score tells nothing of new galaxies."""
        return self.pool == "within_test_with_self"


def configured(sections: Mapping[str, Mapping | None]) -> list[Protocol]:
    """Read the protocols that the configuration describes.

    Parameters
    ----------
    sections : mapping of str to mapping or None
        Section `protocols`: name -> settings, or None for one that is switched off.

    Returns
    -------
    list of Protocol

    Raises
    ------
    ConfigError
        If one bears the name of the pipeline's own.
    """
    if OWN in sections:
        raise ConfigError(
            f"`protocols.{OWN}` is the name of the protocol that the section `zeroshot` sets; choose another."
        )
    return [Protocol(name, **settings) for name, settings in sections.items() if settings is not None]


def pools(
    protocol: Protocol, train: Embeddings, test: Embeddings, properties: pd.DataFrame
) -> tuple[Embeddings, Embeddings]:
    """Choose references and queries.

    Parameters
    ----------
    protocol : Protocol
    train, test : Embeddings
    properties : pandas.DataFrame
        `targetid` and `matched`.

    Returns
    -------
    references, queries : Embeddings
        Their `unit` holds the vectors that the protocol compares.

    Raises
    ------
    DataError
        If a galaxy is on both sides and the protocol does not say so.
    TooFewError
        If the protocol wants galaxies of the catalogue and none is.

    Notes
    -----
    Within the test split the rows are sorted by TARGETID and shuffled by NumPy's legacy generator, of
    which the last are held out: what the reproduction of AstroCLIP does (rows of an Astropy join, then
    `np.random.seed` and `np.random.permutation`), so that the same catalogue gives the same galaxies.
    """
    n_test = len(test.targetid)
    if protocol.sample == "catalogue":
        matched = properties.loc[properties["matched"], "targetid"]
        if matched.empty:
            raise TooFewError(
                f"Protocol `{protocol.name}` measures galaxies of the property catalogue alone, and none is "
                "in it. Give the run a catalogue, or set the protocol's `sample` to all."
            )
        train, test = (_rows(part, np.isin(part.targetid, matched)) for part in (train, test))
    if protocol.pool == "train_to_test":
        references, queries = train, test
    elif protocol.with_self:
        references, queries = test, test
    else:
        share = min(1.0, n_test / protocol.held_out_of)
        held_out = round(protocol.held_out * share)
        order = np.argsort(test.targetid, kind="stable")
        order = order[np.random.RandomState(protocol.seed).permutation(len(order))]
        split = max(len(order) - held_out, 0)
        references, queries = _rows(test, order[:split]), _rows(test, order[split:])
    if not protocol.with_self:
        check_apart(references, queries, f"references and queries of the protocol `{protocol.name}`")
    return comparable(protocol, references, queries)


def comparable(
    protocol: Protocol, references: Embeddings, queries: Embeddings
) -> tuple[Embeddings, Embeddings]:
    """Bring the vectors of both sides into the form in which the protocol compares them.

    Parameters
    ----------
    protocol : Protocol
    references, queries : Embeddings

    Returns
    -------
    references, queries : Embeddings
        The same galaxies; `unit` holds the vectors to compare.
    """
    if protocol.vectors == "unit":
        return references, queries
    if protocol.vectors == "raw":
        return replace(references, unit=references.raw), replace(queries, unit=queries.raw)
    scaled: tuple[dict, dict] = ({}, {})
    for modality in tables.MODALITIES:
        known = space_vectors(replace(references, unit=references.raw), modality)[1].astype(np.float64)
        scaling = Scaling.of(known) if len(known) else Scaling(np.float64(0), np.float64(1))
        for out, side in zip(scaled, (references, queries), strict=True):
            out[modality] = scaling.apply(side.raw[modality])
    return replace(references, unit=scaled[0]), replace(queries, unit=scaled[1])


def _rows(embeddings: Embeddings, rows: np.ndarray) -> Embeddings:
    raw, unit = ({m: v[rows] for m, v in part.items()} for part in (embeddings.raw, embeddings.unit))
    return Embeddings(embeddings.targetid[rows], raw, unit)
