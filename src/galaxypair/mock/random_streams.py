"""Random streams of everything simulated: one for each purpose, and for each block of it."""

import numpy as np

# in an order that stays: the place of a name is part of its stream
PURPOSES = ("population", "plan", "bank", "render", "catalogue", "repeats", "rounds")


def random_stream(seed: int, purpose: str, *block: int) -> np.random.Generator:
    """Open a stream, always the same one, whatever was drawn from others.

    Parameters
    ----------
    seed : int
    purpose : str
        Of `PURPOSES`.
    *block : int
        Counts the blocks of a purpose.

    Returns
    -------
    numpy.random.Generator
    """
    key = np.random.SeedSequence(seed, spawn_key=(PURPOSES.index(purpose), *block))
    return np.random.Generator(np.random.SFC64(key))
