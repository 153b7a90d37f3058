"""How good predicted classes are: accuracy, weighted F1 and balanced accuracy, with bootstrap intervals."""

from functools import partial

import numpy as np

from galaxypair import metrics


def summarise(
    label: np.ndarray, predicted: np.ndarray, *, bootstrap: int, rng: np.random.Generator
) -> metrics.Summary:
    """Measure predicted classes against the true ones, with 68 % intervals.

    Parameters
    ----------
    label, predicted : ndarray of shape (n,)
        Names or numbers of classes.
    bootstrap : int
        Resamplings of the galaxies, with replacement.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to tuple of float
        `accuracy`, `weighted_f1`, `balanced_accuracy`: (value, low, high), NaN without galaxies.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Accuracy is the share of galaxies with the right class. F1 of a class is 2 TP / (2 TP + FP + FN), 0
    if it was never right; the weighted F1 is its mean over the classes, weighted by the galaxies that
    each truly has. The balanced accuracy is the mean over these classes of the share that was found:
    1 / (number of classes) for whoever always gives the same answer. As
    in scikit-learn. An answer that few galaxies have is missing from some resamplings, whose balanced
    accuracy is then a mean over fewer answers: its interval reaches far up.
    """
    label, predicted = np.asarray(label), np.asarray(predicted)
    if label.shape != predicted.shape or label.ndim != 1:
        raise ValueError(
            f"labels {label.shape} and predictions {predicted.shape} must be equally long vectors"
        )
    classes, code = np.unique(np.concatenate([label, predicted]), return_inverse=True)
    n, n_classes = len(label), max(len(classes), 1)
    pair = code[:n] * n_classes + code[n:]
    measure = partial(_scores, n_classes=n_classes)
    return metrics.with_interval(measure, pair, bootstrap=bootstrap, rng=rng)


def _scores(pair: np.ndarray, *, n_classes: int) -> dict[str, np.ndarray]:
    """Scores of resamplings of galaxies, (b, n), each given by the cell of the confusion matrix it is in."""
    cells = n_classes**2
    shifted = pair.astype(np.int64) + cells * np.arange(len(pair))[:, None]
    counts = np.bincount(shifted.ravel(), minlength=cells * len(pair))
    confusion = counts.reshape(len(pair), n_classes, n_classes)  # resampling, true, predicted
    right = np.diagonal(confusion, axis1=1, axis2=2)
    true, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    there = true > 0
    recall = right / np.where(there, true, 1)
    f1 = 2 * right / np.maximum(true + predicted, 1)
    n = true.sum(axis=1)
    return {
        "accuracy": right.sum(axis=1) / n,
        "weighted_f1": (true * f1).sum(axis=1) / n,
        "balanced_accuracy": recall.sum(axis=1) / there.sum(axis=1),
    }
