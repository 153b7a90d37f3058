"""How well embeddings tell what people see: answers predicted by a network, by neighbours, and blindly."""

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from galaxypair import class_scores, classifier, tables, zeroshot
from galaxypair.apart import check_splits
from galaxypair.errors import DataError
from galaxypair.io import Embeddings
from galaxypair.spaces import space_vectors

logger = logging.getLogger(__name__)

MLP, KNN, MAJORITY = "morphology_mlp", "morphology_knn", "majority_class"
Part = tuple[np.ndarray, np.ndarray, np.ndarray]  # targetid (n,), vectors (n, d), fractions (n, n_answers)


def evaluate(
    splits: Mapping[str, Embeddings],
    labels: pd.DataFrame,
    *,
    k: int,
    mlp: dict,
    bootstrap: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the answers to every question from every space, and measure how well it went.

    Parameters
    ----------
    splits : mapping of str to Embeddings
        train (references), val (which chooses the epoch of the network) and test (queries).
    labels : pandas.DataFrame
        `tables.LABEL_COLUMNS`.
    k : int
        Neighbours.
    mlp : dict
        See `classifier.fit`.
    bootstrap : int
    seed : int
        Of the networks and of the bootstrap.

    Returns
    -------
    scores : pandas.DataFrame
        `tables.METRIC_COLUMNS`: of the network, of the mean vote of the k nearest galaxies, weighted by
        inverse distance, and of the answer that most train galaxies have.
    predictions : pandas.DataFrame
        `tables.MORPHOLOGY_PREDICTION_COLUMNS`, of the first two.

    Raises
    ------
    DataError
        If a galaxy is in two splits, or there is no question with k labelled train galaxies, two answers
        among them and a test galaxy.
    """
    check_splits(splits)
    vectors = {
        space: {split: space_vectors(embeddings, space) for split, embeddings in splits.items()}
        for space in tables.SPACES
    }
    rng = np.random.default_rng(seed)
    scores, predictions = [], []
    for question, part in labels.groupby("question", observed=True, sort=False):
        wide = _fractions(part)
        for space in tables.SPACES:
            data = _labelled(vectors[space], wide)
            if not _enough(question, space, data, k):
                continue
            found = _predict(data, k, mlp, seed)
            names = wide.columns.to_numpy(str)
            targetid, truth = data["test"][0], names[data["test"][2].argmax(axis=1)]
            for protocol, answer in found.items():
                key = (protocol, space, space, question)
                summary = class_scores.summarise(truth, names[answer], bootstrap=bootstrap, rng=rng)
                scores += [(*key, name, *values, len(truth)) for name, values in summary.items()]
                columns = (targetid, protocol, space, question, truth, names[answer])
                if protocol != MAJORITY:
                    named = dict(zip(tables.MORPHOLOGY_PREDICTION_COLUMNS, columns, strict=True))
                    predictions.append(pd.DataFrame(named))
            _report(scores[-9:])
    if not scores:
        raise DataError(
            f"No question has labels of {k} galaxies of the train split, two answers among them, and of one "
            "galaxy of the test split. See morphology/losses.csv; lower `morphology.min_votes` or "
            "`morphology.test_min_votes`, or use votes on more of these galaxies."
        )
    table = pd.concat(predictions, ignore_index=True)
    for column in ("protocol", "space", "question", "label", "predicted"):
        table[column] = table[column].astype("category")
    return pd.DataFrame(scores, columns=list(tables.METRIC_COLUMNS)), table


def _fractions(part: pd.DataFrame) -> pd.DataFrame:
    """One row per galaxy, one column per answer, in the order of the file."""
    order = part["answer"].astype(str).drop_duplicates()
    wide = part.assign(answer=part["answer"].astype(str)).pivot(
        index="targetid", columns="answer", values="fraction"
    )
    return wide[list(order)].astype(np.float32)


def _labelled(vectors: Mapping[str, tuple[np.ndarray, np.ndarray]], wide: pd.DataFrame) -> dict[str, Part]:
    """Galaxies of each split that have embedding and label."""
    data = {}
    for split, (targetid, values) in vectors.items():
        row = wide.index.get_indexer(targetid)
        use = row >= 0
        data[split] = (targetid[use], values[use], wide.to_numpy()[row[use]])
    return data


def _enough(question: str, space: str, data: dict[str, Part], k: int) -> bool:
    n = {split: len(part[0]) for split, part in data.items()}
    answers = np.unique(data["train"][2].argmax(axis=1)) if n["train"] else []
    if n["train"] >= k and n["test"] and len(answers) > 1:
        return True
    logger.warning(
        "%s, %s: left out (%d train galaxies with %d answers, %d test galaxies).",
        *(question, space, n["train"], len(answers), n["test"]),
    )
    return False


def _predict(data: dict[str, Part], k: int, mlp: dict, seed: int) -> dict[str, np.ndarray]:
    """Position of the answer that each protocol gives to each test galaxy."""
    (_, known, fractions), (_, asked, _) = data["train"], data["test"]
    network = classifier.fit((known, fractions), data["val"][1:], mlp, seed=seed)
    most = np.bincount(fractions.argmax(axis=1)).argmax()
    return {
        MLP: network.probabilities(asked).argmax(axis=1),
        KNN: zeroshot.predict(known, fractions, asked, k).argmax(axis=1),
        MAJORITY: np.full(len(asked), most),
    }


def _report(rows: list[tuple]) -> None:
    accuracy = {row[0]: row[5] for row in rows if row[4] == "accuracy"}
    _, space, _, question, *_, n = rows[-1]
    logger.info(
        "%s, %s: accuracy %.3f (MLP), %.3f (neighbours), %.3f (majority class), n = %s",
        *(question, space, accuracy[MLP], accuracy[KNN], accuracy[MAJORITY], f"{n:,}"),
    )
