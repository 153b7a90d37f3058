"""Splits: the published one by row, validation by a hash."""

import numpy as np

from galaxypair import tables


def hash_fraction(targetid: np.ndarray) -> np.ndarray:
    """Map identifiers to [0, 1), evenly and for ever the same.

    Parameters
    ----------
    targetid : ndarray of shape (n,), int64

    Returns
    -------
    ndarray of shape (n,), float64

    References
    ----------
    The finaliser of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA).
    """
    with np.errstate(over="ignore"):
        x = targetid.astype(np.int64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)) / 2.0**53


def assign(
    index: np.ndarray,
    group_rows: int,
    targetid: np.ndarray,
    *,
    train_fraction: float,
    val_fraction: float,
    brought: np.ndarray | None = None,
) -> np.ndarray:
    """Give each row of a group its split.

    Parameters
    ----------
    index : ndarray of shape (n,), int64
        Rows in the group of the joint file.
    group_rows : int
        Rows of the whole group.
    targetid : ndarray of shape (n,), int64
    train_fraction : float
        The first ``int(train_fraction * group_rows)`` rows are train, the rest test.
    val_fraction : float
        Share of the train rows that becomes val, by `hash_fraction`.
    brought : ndarray of shape (n,), uint8, optional
        What the source itself says, which then counts instead of the rows: see `resolve`.

    Returns
    -------
    ndarray of shape (n,), uint8
        Positions in `tables.SPLITS`.

    Notes
    -----
    Train and test are those of the published loaders (first 80 % of each group). These validate on
    the test split; ours carves validation from train, so that nothing is chosen on test galaxies.
    """
    if brought is not None:
        return resolve(brought, targetid, train_fraction=train_fraction, val_fraction=val_fraction)
    split = np.where(index < int(train_fraction * group_rows), 0, 2).astype(np.uint8)
    split[(split == 0) & (hash_fraction(targetid) < val_fraction)] = 1
    return split


def resolve(
    brought: np.ndarray, targetid: np.ndarray, *, train_fraction: float, val_fraction: float
) -> np.ndarray:
    """Turn what a source says about its galaxies' splits into train, val and test.

    Parameters
    ----------
    brought : ndarray of shape (n,), uint8
        Positions in `tables.JOINT_SPLITS`.
    targetid : ndarray of shape (n,), int64
    train_fraction : float
        Share of the galaxies without any split that is not test.
    val_fraction : float
        Share of those and of `train_or_val` that becomes val, by `hash_fraction` as in `assign`.

    Returns
    -------
    ndarray of shape (n,), uint8
        Positions in `tables.SPLITS`.

    Notes
    -----
    Both draws depend on the TARGETID alone: they are the same in whatever order and company the
    galaxies come. Sources whose rows follow the sky or the brightness need that.
    """
    undecided, free = (brought == tables.JOINT_SPLITS.index(name) for name in ("train_or_val", "any"))
    split = np.where(undecided | free, 0, brought).astype(np.uint8)
    # of the complement: a second draw that the one for val does not know
    split[free & (hash_fraction(~targetid) >= train_fraction)] = 2
    split[(undecided | free) & (split == 0) & (hash_fraction(targetid) < val_fraction)] = 1
    return split


def by_hash(targetid: np.ndarray, *, train_fraction: float, val_fraction: float) -> np.ndarray:
    """Give each galaxy its split by its TARGETID alone, whatever the order of the rows.

    Parameters
    ----------
    targetid : ndarray of shape (n,), int64
    train_fraction, val_fraction : float
        As in `resolve`.

    Returns
    -------
    ndarray of shape (n,), uint8
        Positions in `tables.SPLITS`.
    """
    free = np.full(len(targetid), tables.JOINT_SPLITS.index("any"), np.uint8)
    return resolve(free, targetid, train_fraction=train_fraction, val_fraction=val_fraction)
